/**
 * A batch of sequences that grow token by token on a key/value cache, and come and go, on float weights that
 * are inputs of two graphs: one reads prompts, one the next token. Idle slots are computed along and their
 * results dropped.
 */

import type { ModelConfig } from '../../model/config.js';
import { masked } from '../../network/attention.js';
import type { GrowingBatch, NextTokens, Sequence } from './batcher.js';
import { byTokens } from './forward-groups.js';
import type { RotaryFeeds } from './rotary-feeds.js';
import { type Feeds, int64Array, type NdArray, type Program } from './runtime.js';
import { argmax, type NextToken } from './sampler.js';
import { type Slot, type SlotLimits, Slots } from './slots.js';

export interface DecoderPrograms {
  readonly prompt: Program;
  readonly nextToken: Program;
  /** Parameters. */
  readonly feeds: Feeds;
  readonly rotary: RotaryFeeds;
}

export class Decoder<S extends Sequence> implements GrowingBatch<S> {
  private readonly slots: Slots<S>;

  constructor(
    private readonly config: ModelConfig,
    private readonly programs: DecoderPrograms,
    limits: SlotLimits,
  ) {
    this.slots = new Slots(config, limits);
  }

  fits(count: number, longest: number): boolean {
    return this.slots.fits(count, longest);
  }

  get full(): boolean {
    return this.slots.full;
  }

  // biome-ignore lint/correctness/useYield: a prompt is read in one piece
  async *join(sequences: readonly S[]): AsyncGenerator<void, NextTokens<S>> {
    return this.readIn(sequences);
  }

  private async readIn(sequences: readonly S[]): Promise<NextTokens<S>> {
    const outputs = await this.read(sequences);
    const into = this.slots.makeRoom(sequences.map(({ tokens }) => tokens.length));
    this.slots.cache.put(into, outputs, 'new');
    for (const [i, sequence] of sequences.entries()) {
      this.slots.take(into[i], sequence, sequence.tokens.length);
    }
    return this.split(outputs, sequences);
  }

  /** Reads a sequence again when it grows past a border of the rotary scaling, where its keys rotate differently. */
  async next(): Promise<NextTokens<S>> {
    const { slots, programs } = this;
    const anew = slots.filled.flatMap(({ sequence, cached }) =>
      programs.rotary.turnsAnew(cached + 1) ? [sequence] : [],
    );
    if (anew.length === 0) return this.grow();
    for (const sequence of anew) this.leave(sequence);
    const next = new Map(slots.filled.length > 0 ? await this.grow() : []);
    for (const group of byTokens(anew.map(({ tokens }) => tokens.length))) {
      for (const [sequence, token] of await this.readIn(group.map((i) => anew[i]))) next.set(sequence, token);
    }
    return next;
  }

  /** Reads the last token of every sequence, on the cache. */
  private async grow(): Promise<NextTokens<S>> {
    this.slots.tidy();
    const { all: slots, cache, longest } = this.slots;
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
    this.slots.leave(sequence);
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

  private split(
    { logits, probabilities }: Readonly<Record<string, NdArray>>,
    sequences: readonly (S | undefined)[],
  ): NextTokens<S> {
    const V = this.config.vocabSize;
    const rows = new Map<S, NextToken>();
    const row = ({ data }: NdArray, b: number) => (data as Float32Array).subarray(b * V, (b + 1) * V);
    for (const [b, sequence] of sequences.entries()) {
      if (!sequence) continue;
      // looked for where it is asked for: rows that are sampled never do
      rows.set(sequence, {
        get best() {
          return argmax(row(logits, b));
        },
        probabilities: row(probabilities, b),
      });
    }
    return rows;
  }
}

/** [B, 1]; 1 where a row is greedy, which needs no probabilities, or idle. */
function inverseTemperatures(sequences: readonly (Sequence | undefined)[]): NdArray {
  const data = Float32Array.from(sequences, (sequence) => 1 / (sequence?.temperature || 1));
  return { data, dims: [data.length, 1] };
}
