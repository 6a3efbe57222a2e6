/**
 * Rotary tables as graph inputs, and where in them each token finds its angles.
 *
 * Most models have one table, row t for position t, that grows with the longest sequence. Where
 * a model's frequencies depend on the length of the sequence, tables of several lengths lie one
 * after another, and `positions` leads each token into its own: so a sequence turns as it would
 * alone, whatever else is in the batch. Within a sequence the order of positions stays.
 * onnxruntime refuses tables with fewer rows than a line has tokens, also where all positions
 * are lower: several sequences in a line, or answers that branch off one context.
 */

import type { ModelConfig } from '../../model/config.js';
import { type RopeConfig, ropeBorder, rotarySize } from '../../model/rope-scaling.js';
import { rotaryTables } from '../../network/rotary.js';
import type { Batch } from './batch.js';
import { int64Array, type NdArray } from './runtime.js';

/**
 * The graph inputs `positions` [B, T], and `cos` and `sin` [P, rotarySize / 2]; the same as `local_cos`
 * and `local_sin` where layers with a window have a base of their own.
 */
export type RotaryInputs = Record<'positions', NdArray> & Tables;

type Tables = Record<'cos' | 'sin', NdArray> & Partial<Record<'local_cos' | 'local_sin', NdArray>>;

/** Angles of consecutive positions in a sequence of some length. */
interface Block {
  readonly length: number;
  readonly first: number;
  readonly rows: number;
}

/** Positions that the first table covers. */
const leastRows = 256;

export class RotaryFeeds {
  private readonly border: ReturnType<typeof ropeBorder>;
  /** Tables of sequences within the border, or of all if there is none. */
  private near?: Tables;
  /** The same, and after it that of all sequences beyond the border, where they turn alike. */
  private far?: Tables;

  /** @param maxLength tokens of the longest sequence */
  constructor(
    private readonly config: RopeConfig & Pick<ModelConfig, 'localRopeTheta'>,
    private readonly maxLength: number,
  ) {
    this.border = ropeBorder(config);
  }

  /**
   * Of whole sequences.
   *
   * A segment of a line is a sequence. With `branching`, a line is one: branches of different lengths
   * share their trunk, which turns as the longest of them asks.
   */
  sequences(
    { B, T, positions, segments }: Pick<Batch, 'B' | 'T' | 'positions' | 'segments'>,
    branching = false,
  ): RotaryInputs {
    const { border } = this;
    const longest = positions.reduce((most, position) => Math.max(most, position), 0) + 1;
    if (border === undefined || longest <= border.length) {
      return { positions: int64Array(positions, [B, T]), ...this.nearTables(longest, T) };
    }
    const sequence = (at: number) =>
      branching ? Math.floor(at / T) : `${Math.floor(at / T)} ${segments[at]}`;
    const lengths = new Map<number | string, number>();
    for (const [at, position] of positions.entries()) {
      lengths.set(sequence(at), Math.max(lengths.get(sequence(at)) ?? 0, position + 1));
    }
    const { start, tables } = this.tablesFor([...lengths.values()], border, T);
    const places = positions.map((position, at) => start(lengths.get(sequence(at))!) + position);
    return { positions: int64Array(places, [B, T]), ...tables };
  }

  /** Feeds for one new token per sequence, at these positions; each ends its sequence. */
  next(positions: readonly number[]): RotaryInputs {
    const { border } = this;
    const dims = [positions.length, 1];
    const longest = Math.max(...positions) + 1;
    if (border === undefined || longest <= border.length) {
      return { positions: int64Array(positions, dims), ...this.nearTables(longest) };
    }
    if (border.long === 'alike') {
      const places = positions.map((position) => (position < border.length ? 0 : border.length) + position);
      return { positions: int64Array(places, dims), ...this.farTables(longest, border.length) };
    }
    const blocks = positions.map((position) => ({ length: position + 1, first: position, rows: 1 }));
    return { positions: int64Array([...positions.keys()], dims), ...this.tables(blocks) };
  }

  /** Feeds for tokens of sequences of these lengths, one token a line. */
  tokens(positions: Int32Array, lengths: Int32Array): RotaryInputs {
    const { border } = this;
    const dims = [positions.length, 1];
    const longest = lengths.reduce((most, length) => Math.max(most, length), 1);
    if (border === undefined || longest <= border.length) {
      return { positions: int64Array(positions, dims), ...this.nearTables(longest) };
    }
    const { start, tables } = this.tablesFor([...new Set(lengths)], border, 0);
    const places = positions.map((position, i) => start(lengths[i]) + position);
    return { positions: int64Array(places, dims), ...tables };
  }

  /** Longest sequence whose tokens turn alike, however long it is. */
  get alikeUpTo(): number {
    return this.border?.length ?? Number.POSITIVE_INFINITY;
  }

  /** Do the keys of a sequence's tokens turn otherwise from this length on than one token before? */
  turnsAnew(length: number): boolean {
    return this.border?.long === 'alike' && length === this.border.length + 1;
  }

  /** Tables of at least `least` rows that hold all of the lengths, and the row at which each length's begins. */
  private tablesFor(
    lengths: readonly number[],
    { length: border, long }: NonNullable<ReturnType<typeof ropeBorder>>,
    least: number,
  ): { tables: Tables; start: (length: number) => number } {
    if (long === 'alike') {
      const tables = this.farTables(Math.max(...lengths), border, least);
      return { tables, start: (length) => (length > border ? border : 0) };
    }
    const starts = new Map<number, number>();
    const blocks: Block[] = [];
    let rows = 0;
    for (const length of new Set(lengths.map((each) => Math.max(each, border)))) {
      starts.set(length, rows);
      blocks.push({ length, first: 0, rows: length });
      rows += length;
    }
    return { tables: this.tables(blocks, least), start: (length) => starts.get(Math.max(length, border))! };
  }

  private nearTables(length: number, least = 0): Tables {
    if (this.near === undefined || this.near.cos.dims[0] < Math.max(length, least)) {
      const most = Math.min(this.maxLength, this.border?.length ?? this.maxLength);
      this.near = this.tables([{ length, first: 0, rows: grown(length, most) }], least);
    }
    return this.near;
  }

  private farTables(length: number, border: number, least = 0): Tables {
    if (this.far === undefined || this.far.cos.dims[0] < Math.max(border + length, least)) {
      const blocks = [
        { length: border, first: 0, rows: border },
        { length, first: 0, rows: grown(length, this.maxLength) },
      ];
      this.far = this.tables(blocks, least);
    }
    return this.far;
  }

  /** Rows that no position asks for, up to `least`, are zeros. */
  private tables(blocks: readonly Block[], least = 0): Tables {
    const rows = Math.max(
      least,
      blocks.reduce((sum, block) => sum + block.rows, 0),
    );
    const global = tablesOf(this.config, blocks, rows);
    if (this.config.localRopeTheta === undefined) return global;
    const { headSize, rotarySize, localRopeTheta: ropeTheta } = this.config;
    const local = tablesOf({ headSize, rotarySize, ropeTheta }, blocks, rows);
    return { ...global, local_cos: local.cos, local_sin: local.sin };
  }
}

function tablesOf(
  config: RopeConfig,
  blocks: readonly Block[],
  rows: number,
): Record<'cos' | 'sin', NdArray> {
  const half = rotarySize(config) / 2;
  const [cos, sin] = [new Float32Array(rows * half), new Float32Array(rows * half)];
  let at = 0;
  for (const { length, first, rows } of blocks) {
    const part = rotaryTables(config, rows, length, first);
    cos.set(part.cos, at);
    sin.set(part.sin, at);
    at += rows * half;
  }
  return { cos: { data: cos, dims: [rows, half] }, sin: { data: sin, dims: [rows, half] } };
}

/** Rows for `needed` positions and some more, so that tables are rarely rebuilt. */
function grown(needed: number, most: number): number {
  return Math.max(needed, Math.min(most, Math.max(leastRows, 2 ** Math.ceil(Math.log2(needed)))));
}
