/**
 * Slots of a cache in which sequences grow: a new one takes an idle slot, or a slot is added; slots are
 * removed once half of them are idle. All rows end at the cache's time.
 */
import type { ModelConfig } from '../../model/config.js';
import { Cache } from './cache.js';

export interface SlotLimits {
  readonly rows: number;
  /** Room of the cache in tokens, over all rows: at least that of the longest sequence. */
  readonly cells: number;
}

/** A sequence in its slot; `cached` counts its tokens that have been read. */
export interface Slot<S> {
  readonly sequence: S;
  cached: number;
}

export class Slots<S> {
  readonly cache: Cache;
  private slots: (Slot<S> | undefined)[] = [];

  constructor(
    config: ModelConfig,
    private readonly limits: SlotLimits,
  ) {
    this.cache = new Cache(config, limits.cells);
  }

  /** By number; undefined is idle. */
  get all(): readonly (Slot<S> | undefined)[] {
    return this.slots;
  }

  get filled(): Slot<S>[] {
    return this.slots.filter((slot) => slot !== undefined);
  }

  /** Cached tokens of the longest sequence. */
  get longest(): number {
    return this.slots.reduce((longest, slot) => Math.max(longest, slot?.cached ?? 0), 0);
  }

  /** A fifth of the cache stays free: rows that just fit would have to leave again soon. */
  fits(count: number, longest: number): boolean {
    const rows = this.filled.length + count;
    const cells = rows * Math.max(this.longest, longest);
    return rows === 1 || (rows <= this.limits.rows && 1.25 * cells <= this.limits.cells);
  }

  /** Whether there is no room for one more token of each. */
  get full(): boolean {
    const rows = this.filled.length;
    return rows > 1 && rows * (this.longest + 1) > this.limits.cells;
  }

  find(sequence: S): (Slot<S> & { readonly at: number }) | undefined {
    const at = this.slots.findIndex((slot) => slot?.sequence === sequence);
    return at < 0 ? undefined : { ...this.slots[at]!, at };
  }

  /** Finds slots for new sequences of these lengths. @returns their numbers, growing */
  makeRoom(lengths: readonly number[]): number[] {
    const { cache, longest } = this;
    const needed = Math.max(longest, ...lengths);
    const rows = this.filled.length + lengths.length;
    const crowded = this.slots.length > rows && this.slots.length * (needed + 1) > this.limits.cells;
    if (longest === 0 || crowded) this.keepFilled();
    const slots = Math.max(this.slots.length, rows);
    if (slots > this.slots.length || needed > cache.time) {
      cache.narrow([...this.slots.keys()], longest);
      cache.widen(slots, needed);
      while (this.slots.length < slots) this.slots.push(undefined);
    }
    return this.slots.flatMap((slot, b) => (slot ? [] : [b])).slice(0, lengths.length);
  }

  /** Fills a slot; the cache's last times are to hold the sequence's tokens. */
  take(at: number, sequence: S, cached: number): void {
    this.slots[at] = { sequence, cached };
  }

  leave(sequence: S): void {
    const found = this.find(sequence);
    if (!found) return;
    // a row whose numbers overflowed must not reach the slot's next one
    this.cache.wipe(found.at, found.cached);
    this.slots[found.at] = undefined;
  }

  /** Removes idle slots once they are half of all, or the room is needed. */
  tidy(): void {
    const { slots, longest } = this;
    const crowded = slots.length * (longest + 1) > this.limits.cells;
    if (2 * this.filled.length <= slots.length || crowded) this.keepFilled();
    if (!this.cache.hasRoom) this.cache.narrow([...this.slots.keys()], this.longest);
  }

  private keepFilled(): void {
    const kept = this.slots.flatMap((slot, b) => (slot ? [b] : []));
    this.cache.narrow(kept, this.longest);
    this.slots = kept.map((b) => this.slots[b]);
  }
}
