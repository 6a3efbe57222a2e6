/**
 * A running batch on a frozen copy: sequences join, grow token by token, and leave.
 *
 * New sequences are read by themselves, equal ones once, and what has been read before is not read
 * again; then they take slots of the cache in which all rows grow. Idle slots are computed along and
 * their results dropped.
 */
import type { GrowingBatch, NextTokens, Sequence } from '../batcher.js';
import { Cache } from '../cache.js';
import { byTokens } from '../forward-groups.js';
import { type SlotLimits, Slots } from '../slots.js';
import type { FrozenCopy } from './copy.js';
import type { Line } from './lines.js';
import { type Prefixes, sharedLength } from './prefixes.js';
import { type Ask, begin, longestOf, readAll, readLines, type Said } from './read-lines.js';

export class FrozenDecoder<S extends Sequence> implements GrowingBatch<S> {
  private readonly slots: Slots<S>;
  private readonly scratch: Cache;

  constructor(
    private readonly copy: FrozenCopy,
    private readonly prefixes: Prefixes,
    limits: SlotLimits,
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
        const { cache } = this.slots;
        cache.copyRow(scratch, line, scratch.time - length, length, { slot: at, time: cache.time - length });
        this.slots.take(at, sequence, length);
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
    const longest = longestOf(lines);
    const known = this.sharedPrefix(
      lines.map(({ tokens }) => tokens),
      longest,
    );
    const said = yield* readLines(copy, scratch, lines, asks, begin(scratch, lines, known));
    for (const [slot, { tokens }] of lines.entries()) {
      prefixes.keep(tokens, scratch, slot, longest - tokens.length);
    }
    return said;
  }

  /** What all sequences begin with, as far as it is known; at least one token of each is left. */
  private sharedPrefix(sequences: readonly (readonly number[])[], longest: number) {
    const [first, ...others] = sequences;
    const shared = others.reduce(
      (least, tokens) => Math.min(least, sharedLength(first, tokens)),
      first.length,
    );
    const most = Math.min(shared, ...sequences.map(({ length }) => length - 1));
    return this.prefixes.find(first, most, longest);
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
    const rows = slots.all;
    const lines = rows.map((slot) => ({ tokens: slot ? slot.sequence.tokens : [0] }));
    const growing = rows.flatMap((slot, line) => (slot ? [{ slot, line }] : []));
    const asks = growing.map(({ slot: { sequence, cached }, line }) => ({
      ...{ line, at: cached, temperature: sequence.temperature },
    }));
    const said = await readAll(readLines(copy, slots.cache, lines, asks, slots.longest));
    const next = new Map<S, Said>();
    for (const [i, { slot }] of growing.entries()) {
      slot.cached += 1;
      next.set(slot.sequence, said[i]);
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
