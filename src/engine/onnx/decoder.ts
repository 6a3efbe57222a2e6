/**
 * A batch of sequences that grows token by token on a key/value cache.
 *
 * Prompts are padded on the left, so that all rows end at the same place. The cache is one
 * array per layer, [time, row, head, size]: a run reads the filled part as a view and writes
 * the new token's rows right behind it, so nothing is ever copied, until finished rows are
 * dropped.
 */

import { masked } from '../../model/attention.js';
import type { ModelConfig } from '../../model/config.js';
import { type Feeds, int64Array, type NdArray, type Program } from './runtime.js';

export interface DecoderPrograms {
  readonly prompt: Program;
  readonly nextToken: Program;
  /** Parameters and rotary tables. */
  readonly feeds: Feeds;
}

export class Decoder {
  /** Rows that still grow: their numbers in the order of the prompts. */
  rows: number[];
  /** Next-token logits of those rows, [rows, V]. */
  logits!: Float32Array;
  private keys: Float32Array[] = [];
  private values: Float32Array[] = [];
  private time = 0;
  private readonly lengths: number[];
  private readonly promptLength: number;

  /**
   * @param prompts  token ids, not empty
   * @param capacity tokens per row, prompt included, that the cache has room for
   */
  constructor(
    private readonly config: ModelConfig,
    private readonly programs: DecoderPrograms,
    private readonly prompts: readonly (readonly number[])[],
    private readonly capacity: number,
  ) {
    this.rows = prompts.map((_, i) => i);
    this.lengths = prompts.map((prompt) => prompt.length);
    this.promptLength = Math.max(...this.lengths);
  }

  /** Reads the prompts. Afterwards `logits` hold the first next token's. */
  async start(): Promise<void> {
    const { prompts, promptLength: T, config } = this;
    const B = prompts.length;
    const ids = new Int32Array(B * T);
    const positions = new Int32Array(B * T);
    const segments = new Int32Array(B * T);
    for (const [b, prompt] of prompts.entries()) {
      const pad = T - prompt.length;
      for (const [t, id] of prompt.entries()) {
        const at = b * T + pad + t;
        ids[at] = id;
        positions[at] = t;
        segments[at] = 1;
      }
    }
    const room = this.capacity * B * config.kvHeads * config.headSize;
    this.keys = Array.from({ length: config.layers }, () => new Float32Array(room));
    this.values = Array.from({ length: config.layers }, () => new Float32Array(room));
    const { logits } = await this.programs.prompt.run(
      {
        ...this.programs.feeds,
        ids: int64Array(ids, [B, T]),
        positions: int64Array(positions, [B, T]),
        segments: int64Array(segments, [B, T]),
        last: int64Array(Int32Array.from(prompts, (_, b) => b * T + T - 1)),
      },
      this.room(T),
    );
    this.time = T;
    this.logits = logits.data as Float32Array;
  }

  /** Appends one token to every growing row. @param tokens in the order of `rows` */
  async next(tokens: readonly number[]): Promise<void> {
    const { config, time, rows } = this;
    const B = rows.length;
    const bias = new Float32Array(B * time);
    for (const [b, row] of rows.entries()) {
      bias.fill(masked, b * time, b * time + this.promptLength - this.prompts[row].length);
    }
    const feeds: Record<string, NdArray> = {
      ...this.programs.feeds,
      ids: int64Array(tokens, [B, 1]),
      positions: int64Array(
        rows.map((row) => this.lengths[row]),
        [B, 1],
      ),
      bias: { data: bias, dims: [B, 1, 1, time] },
    };
    const dims = [time, B, config.kvHeads, config.headSize];
    const filled = time * B * config.kvHeads * config.headSize;
    for (let layer = 0; layer < config.layers; layer++) {
      feeds[`keys.${layer}`] = { data: this.keys[layer].subarray(0, filled), dims };
      feeds[`values.${layer}`] = { data: this.values[layer].subarray(0, filled), dims };
    }
    const { logits } = await this.programs.nextToken.run(feeds, this.room(1));
    this.time += 1;
    for (const row of rows) this.lengths[row] += 1;
    this.logits = logits.data as Float32Array;
  }

  /**
   * Drops the rows that have finished, once half of those in the cache have: moving the
   * cache costs as much as a few tokens.
   * @param alive whether a row still grows
   */
  drop(alive: (row: number) => boolean): void {
    const keep = this.rows.map((row, b) => (alive(row) ? b : -1)).filter((b) => b >= 0);
    if (keep.length === 0 || 2 * keep.length > this.rows.length) return;
    const { kvHeads, headSize, vocabSize } = this.config;
    const block = kvHeads * headSize;
    const oldB = this.rows.length;
    const newB = keep.length;
    for (const cache of [...this.keys, ...this.values]) {
      for (let t = 0; t < this.time; t++) {
        for (const [to, from] of keep.entries()) {
          const start = (t * oldB + from) * block;
          cache.copyWithin((t * newB + to) * block, start, start + block);
        }
      }
    }
    const logits = new Float32Array(newB * vocabSize);
    for (const [to, from] of keep.entries()) {
      logits.set(this.logits.subarray(from * vocabSize, (from + 1) * vocabSize), to * vocabSize);
    }
    this.logits = logits;
    this.rows = keep.map((b) => this.rows[b]);
  }

  /** Where the next `count` tokens' keys and values go. */
  private room(count: number): Record<string, NdArray> {
    const { kvHeads, headSize, layers } = this.config;
    const B = this.rows.length;
    const block = B * kvHeads * headSize;
    const dims = [count, B, kvHeads, headSize];
    const into: Record<string, NdArray> = {};
    for (let layer = 0; layer < layers; layer++) {
      const part = (cache: Float32Array) => ({
        data: cache.subarray(this.time * block, (this.time + count) * block),
        dims,
      });
      into[`new_keys.${layer}`] = part(this.keys[layer]);
      into[`new_values.${layer}`] = part(this.values[layer]);
    }
    return into;
  }
}
