/**
 * A batch of sequences that grow token by token on a key/value cache, and come and go.
 *
 * A new sequence takes an idle slot of the cache, or a slot is added; slots are removed once half
 * of them are idle. Idle slots are computed along and their results dropped.
 */

import type { ModelConfig } from '../../model/config.js';
import { masked } from '../../network/attention.js';
import type { GrowingBatch, NextTokens, Sequence } from './batcher.js';
import { Cache } from './cache.js';
import { byTokens } from './forward-groups.js';
import type { RotaryFeeds } from './rotary-feeds.js';
import { type Feeds, int64Array, type NdArray, type Program } from './runtime.js';
import { argmax, type NextToken } from './sampler.js';

export interface DecoderPrograms {
  readonly prompt: Program;
  readonly nextToken: Program;
  /** Parameters. */
  readonly feeds: Feeds;
  readonly rotary: RotaryFeeds;
}

export interface DecoderLimits {
  readonly rows: number;
  /** Room of the cache in tokens, over all rows: at least that of the longest sequence. */
  readonly cells: number;
}

/** A sequence in its slot; `cached` counts its tokens that have been read. */
interface Slot<S> {
  readonly sequence: S;
  cached: number;
}

export class Decoder<S extends Sequence> implements GrowingBatch<S> {
  /** Sequences by slot of the cache; undefined is idle. */
  private slots: (Slot<S> | undefined)[] = [];
  private readonly cache: Cache;

  constructor(
    private readonly config: ModelConfig,
    private readonly programs: DecoderPrograms,
    private readonly limits: DecoderLimits,
  ) {
    this.cache = new Cache(config, limits.cells);
  }

  /** A fifth of the cache stays free: rows that just fit would have to leave again soon. */
  fits(count: number, longest: number): boolean {
    const rows = this.taken.length + count;
    const cells = rows * Math.max(this.longest, longest);
    return rows === 1 || (rows <= this.limits.rows && 1.25 * cells <= this.limits.cells);
  }

  get full(): boolean {
    const rows = this.taken.length;
    return rows > 1 && rows * (this.longest + 1) > this.limits.cells;
  }

  // biome-ignore lint/correctness/useYield: a prompt is read in one piece
  async *join(sequences: readonly S[]): AsyncGenerator<void, NextTokens<S>> {
    return this.readIn(sequences);
  }

  private async readIn(sequences: readonly S[]): Promise<NextTokens<S>> {
    const outputs = await this.read(sequences);
    const into = this.makeRoom(sequences);
    this.cache.put(into, outputs, 'new');
    for (const [i, sequence] of sequences.entries()) {
      this.slots[into[i]] = { sequence, cached: sequence.tokens.length };
    }
    return this.split(outputs, sequences);
  }

  /** Reads a sequence again when it grows past a border of the rotary scaling, where its keys rotate differently. */
  async next(): Promise<NextTokens<S>> {
    const anew = this.slots.flatMap((slot) =>
      slot && this.programs.rotary.turnsAnew(slot.cached + 1) ? [slot.sequence] : [],
    );
    if (anew.length === 0) return this.grow();
    for (const sequence of anew) this.leave(sequence);
    const next = new Map(this.taken.length > 0 ? await this.grow() : []);
    for (const group of byTokens(anew.map(({ tokens }) => tokens.length))) {
      for (const [sequence, token] of await this.readIn(group.map((i) => anew[i]))) next.set(sequence, token);
    }
    return next;
  }

  /** Reads the last token of every sequence, on the cache. */
  private async grow(): Promise<NextTokens<S>> {
    this.tidy();
    const { slots, cache, longest } = this;
    const B = slots.length;
    const bias = new Float32Array(B * longest);
    for (const [b, slot] of slots.entries()) {
      bias.fill(masked, b * longest, (b + 1) * longest - (slot?.cached ?? 0));
    }
    const perSlot = (value: (slot: Slot<S>) => number) => slots.map((slot) => (slot ? value(slot) : 0));
    const sequences = slots.map((slot) => slot?.sequence);
    const outputs = await this.programs.nextToken.run(
      {
        ...this.programs.feeds,
        ...this.programs.rotary.next(perSlot(({ cached }) => cached)),
        ids: int64Array(
          perSlot(({ sequence }) => sequence.tokens.at(-1)!),
          [B, 1],
        ),
        bias: { data: bias, dims: [B, 1, 1, longest] },
        inverse_temperature: inverseTemperatures(sequences),
        ...cache.past(longest),
      },
      cache.next(),
    );
    cache.time += 1;
    for (const slot of slots) if (slot) slot.cached += 1;
    return this.split(outputs, sequences);
  }

  leave(sequence: S): void {
    const at = this.slots.findIndex((slot) => slot?.sequence === sequence);
    if (at < 0) return;
    // a row whose numbers overflowed must not reach the slot's next one
    this.cache.wipe(at, this.slots[at]!.cached);
    this.slots[at] = undefined;
  }

  /** Numbers of the slots that are not idle. */
  private get taken(): number[] {
    return this.slots.flatMap((slot, b) => (slot ? [b] : []));
  }

  /** Cached tokens of the longest sequence. */
  private get longest(): number {
    return this.slots.reduce((longest, slot) => Math.max(longest, slot?.cached ?? 0), 0);
  }

  /** Runs the prompt graph, with padding on the left so that all rows end at the same place. */
  private read(sequences: readonly S[]) {
    const B = sequences.length;
    const T = Math.max(...sequences.map(({ tokens }) => tokens.length));
    const ids = new Int32Array(B * T);
    const positions = new Int32Array(B * T);
    const segments = new Int32Array(B * T);
    for (const [b, { tokens }] of sequences.entries()) {
      const first = (b + 1) * T - tokens.length;
      ids.set(tokens, first);
      segments.fill(1, first, first + tokens.length);
      for (let t = 0; t < tokens.length; t++) positions[first + t] = t;
    }
    return this.programs.prompt.run({
      ...this.programs.feeds,
      ids: int64Array(ids, [B, T]),
      ...this.programs.rotary.sequences({ B, T, positions, segments }),
      segments: int64Array(segments, [B, T]),
      last: int64Array(Int32Array.from(sequences, (_, b) => b * T + T - 1)),
      inverse_temperature: inverseTemperatures(sequences),
    });
  }

  /** Finds slots for new sequences, with as many positions after them as the longest needs. */
  private makeRoom(sequences: readonly S[]): number[] {
    const { cache } = this;
    const longest = this.longest;
    const needed = Math.max(longest, ...sequences.map(({ tokens }) => tokens.length));
    const rows = this.taken.length + sequences.length;
    const crowded = this.slots.length > rows && this.slots.length * (needed + 1) > this.limits.cells;
    if (longest === 0 || crowded) this.keepTaken();
    const slots = Math.max(this.slots.length, rows);
    if (slots > this.slots.length || needed > cache.time) {
      cache.narrow([...this.slots.keys()], longest);
      cache.widen(slots, needed);
      while (this.slots.length < slots) this.slots.push(undefined);
    }
    return this.slots.flatMap((slot, b) => (slot ? [] : [b])).slice(0, sequences.length);
  }

  /** Removes idle slots once they are half of all, or the room is needed. */
  private tidy(): void {
    const { slots, longest } = this;
    const crowded = slots.length * (longest + 1) > this.limits.cells;
    if (2 * this.taken.length <= slots.length || crowded) this.keepTaken();
    if (!this.cache.hasRoom) this.cache.narrow([...this.slots.keys()], longest);
  }

  private keepTaken(): void {
    const { taken } = this;
    this.cache.narrow(taken, this.longest);
    this.slots = taken.map((b) => this.slots[b]);
  }

  private split(
    { logits, probabilities }: Readonly<Record<string, NdArray>>,
    sequences: readonly (S | undefined)[],
  ): NextTokens<S> {
    const V = this.config.vocabSize;
    const rows = new Map<S, NextToken>();
    const row = ({ data }: NdArray, b: number) => (data as Float32Array).subarray(b * V, (b + 1) * V);
    for (const [b, sequence] of sequences.entries()) {
      if (!sequence) continue;
      rows.set(sequence, { best: argmax(row(logits, b)), probabilities: row(probabilities, b) });
    }
    return rows;
  }
}

/** [B, 1]; 1 where a row is greedy, which needs no probabilities, or idle. */
function inverseTemperatures(sequences: readonly (Sequence | undefined)[]): NdArray {
  const data = Float32Array.from(sequences, (sequence) => 1 / (sequence?.temperature || 1));
  return { data, dims: [data.length, 1] };
}
