/**
 * A running batch on a frozen copy: sequences join, grow token by token, and leave.
 *
 * New sequences are read by themselves, equal ones once, and what has been read before is not read
 * again; then they take slots of the cache in which all rows grow. Idle slots are computed along and
 * their results dropped.
 */
import type { GrowingBatch, NextTokens, Sequence } from '../batcher.js';
import { Cache } from '../cache.js';
import type { DecoderLimits } from '../decoder.js';
import { byTokens } from '../forward-groups.js';
import { Slots } from '../slots.js';
import type { FrozenCopy } from './copy.js';
import { biasAt, type Line, tokensAt } from './lines.js';
import { type Prefixes, sharedLength } from './prefixes.js';
import { type Ask, readAll, readLines, type Said } from './read-lines.js';

export class FrozenDecoder<S extends Sequence> implements GrowingBatch<S> {
  private readonly slots: Slots<S>;
  private readonly scratch: Cache;

  constructor(
    private readonly copy: FrozenCopy,
    private readonly prefixes: Prefixes,
    limits: DecoderLimits,
  ) {
    this.slots = new Slots(copy.config, limits);
    this.scratch = new Cache(copy.config, limits.cells);
  }

  fits(count: number, longest: number): boolean {
    return this.slots.fits(count, longest);
  }

  get full(): boolean {
    return this.slots.full;
  }

  join(sequences: readonly S[]): AsyncGenerator<void, NextTokens<S>> {
    return this.readIn(sequences, this.scratch);
  }

  /** @param scratch in which sequences are read before they take their slots */
  private async *readIn(sequences: readonly S[], scratch: Cache): AsyncGenerator<void, NextTokens<S>> {
    const distinct = new Map<string, S[]>();
    for (const sequence of sequences) {
      const key = sequence.tokens.join();
      distinct.set(key, [...(distinct.get(key) ?? []), sequence]);
    }
    const groups = [...distinct.values()];
    const lines = groups.map(([{ tokens }]) => ({ tokens }));
    const asks = groups.flatMap((group, line) =>
      group.map(({ tokens, temperature }) => ({ line, at: tokens.length - 1, temperature })),
    );
    const said = yield* this.read(lines, asks, scratch);
    const into = this.slots.makeRoom(sequences.map(({ tokens }) => tokens.length));
    const next = new Map<S, Said>();
    for (const [line, group] of groups.entries()) {
      for (const sequence of group) {
        const at = into[next.size];
        const { length } = sequence.tokens;
        this.slots.put(at, sequence, length, scratch, line);
        next.set(sequence, said[next.size]);
      }
    }
    return next;
  }

  private async *read(
    lines: readonly Line[],
    asks: readonly Ask[],
    scratch: Cache,
  ): AsyncGenerator<void, Said[]> {
    const { copy, prefixes } = this;
    const shared = this.sharedPrefix(lines.map(({ tokens }) => tokens));
    scratch.restart(lines.length);
    const longest = Math.max(...lines.map(({ tokens }) => tokens.length));
    if (shared) {
      scratch.extendBy(shared.length);
      for (const [slot, { tokens }] of lines.entries()) {
        const time = longest - tokens.length;
        const times = Math.max(0, shared.length - time);
        scratch.copyRow(shared.cache, 0, 0, times, { slot, time });
      }
    }
    const said = yield* readLines(copy, scratch, lines, asks, shared?.length);
    for (const [slot, { tokens }] of lines.entries()) {
      prefixes.keep(tokens, scratch, slot, longest - tokens.length);
    }
    return said;
  }

  /** What all sequences begin with, read; at least one token of each is left. */
  private sharedPrefix(sequences: readonly (readonly number[])[]) {
    const [first, ...others] = sequences;
    const shared = others.reduce(
      (least, tokens) => Math.min(least, sharedLength(first, tokens)),
      first.length,
    );
    const most = Math.min(shared, ...sequences.map(({ length }) => length - 1));
    return this.prefixes.find(first, most);
  }

  /** Reads a sequence again when it grows past a border of the rotary scaling, where its keys rotate differently. */
  async next(): Promise<NextTokens<S>> {
    const { slots, copy } = this;
    const anew = slots.filled.flatMap(({ sequence, cached }) =>
      copy.rotary.turnsAnew(cached + 1) ? [sequence] : [],
    );
    if (anew.length === 0) return this.grow();
    for (const sequence of anew) slots.leave(sequence);
    const next = new Map(slots.filled.length > 0 ? await this.grow() : []);
    for (const group of byTokens(anew.map(({ tokens }) => tokens.length))) {
      // others may be read at this moment, in the scratch cache
      const reading = this.readIn(
        group.map((i) => anew[i]),
        new Cache(copy.config, Number.MAX_SAFE_INTEGER),
      );
      for (const [sequence, token] of await readAll(reading)) next.set(sequence, token);
    }
    return next;
  }

  /** Reads the last token of every sequence. */
  private async grow(): Promise<NextTokens<S>> {
    const { slots, copy } = this;
    slots.tidy();
    const { cache, longest } = slots;
    const rows = slots.all;
    const P = longest + 1;
    const lines = rows.map((slot) => ({ tokens: slot ? slot.sequence.tokens : [0] }));
    cache.extendBy(1);
    const { tokens, positions, lengths } = tokensAt(lines, P, P - 1, P);
    const { window } = copy.config;
    const wanted = rows.flatMap((slot, row) =>
      slot ? [{ row, temperature: slot.sequence.temperature }] : [],
    );
    const answers = await copy.read({
      ...{ cache, T: 1, P, tokens },
      bias: biasAt(lines, P, P - 1, P),
      ...(window ? { local: biasAt(lines, P, P - 1, P, window.size) } : {}),
      rotary: copy.rotary.tokens(positions, lengths),
      wanted: {
        rows: wanted.map(({ row }) => row),
        sampled: wanted.flatMap(({ temperature }, row) => (temperature > 0 ? [{ row, temperature }] : [])),
        targets: [],
      },
    });
    const next = new Map<S, Said>();
    let sampled = 0;
    for (const [i, { row, temperature }] of wanted.entries()) {
      const slot = rows[row]!;
      slot.cached += 1;
      const best = answers.best[i];
      const distribution = temperature > 0 ? { probabilities: answers.probabilities[sampled++] } : {};
      next.set(slot.sequence, { best, ...distribution });
    }
    return next;
  }

  leave(sequence: S): void {
    const slot = this.slots.find(sequence);
    if (slot) {
      const { at, cached } = slot;
      const { cache } = this.slots;
      this.prefixes.keep(sequence.tokens.slice(0, cached), cache, at, cache.time - cached);
    }
    this.slots.leave(sequence);
  }
}
