/**
 * The replay buffer: the last pairs that the conscience made, drawn again and again.
 *
 * Half of a draw is the newest pairs, so that what was just learned about the policy counts
 * at once; half is uniform over the rest, so that old flaws are not forgotten. How old a
 * pair is and how often it was drawn travel with it. The whole state is plain JSON; a
 * buffer made from it continues exactly.
 */

import { Random } from '../random.js';
import type { Pair } from '../values/pair.js';

/** How a buffer keeps and draws. */
export interface ReplayOptions {
  /** Pairs kept; the oldest leave first. At least 1. */
  readonly capacity: number;
  readonly seed: number;
}

/** A pair drawn for training. */
export interface ReplayDraw {
  readonly pair: Pair;
  /** Optimiser steps since the pair was made. */
  readonly age: number;
  /** How often it has been drawn, this time included. */
  readonly draws: number;
}

/** Everything that a buffer is; plain JSON. */
export interface ReplayState {
  readonly entries: readonly { readonly pair: Pair; readonly draws: number }[];
  readonly total: number;
  readonly random: readonly number[];
}

/** Share of a draw that is the newest pairs, rounded up. */
const NEWEST_SHARE = 0.5;

/** Pairs kept for replay. */
export class ReplayBuffer {
  /** Oldest first. */
  private readonly entries: { pair: Pair; draws: number }[] = [];
  private random: Random;
  private added = 0;
  private readonly capacity: number;

  /** @throws RangeError when the capacity is out of range */
  constructor({ capacity, seed }: ReplayOptions) {
    if (!Number.isInteger(capacity) || capacity < 1) throw new RangeError(`replay capacity ${capacity}`);
    this.capacity = capacity;
    this.random = new Random(seed, 'replay');
  }

  /** The buffer that gave `state`. A smaller capacity than before drops the oldest pairs. */
  static fromState(state: ReplayState, options: ReplayOptions): ReplayBuffer {
    const buffer = new ReplayBuffer(options);
    buffer.entries.push(...state.entries.map((entry) => ({ ...entry })));
    buffer.dropOldest();
    buffer.added = state.total;
    buffer.random = Random.fromState(state.random);
    return buffer;
  }

  /** Pairs kept now. */
  get size(): number {
    return this.entries.length;
  }

  /** Pairs ever added; the metric `conscience/pairs_total`. */
  get total(): number {
    return this.added;
  }

  add(pairs: readonly Pair[]): void {
    this.entries.push(...pairs.map((pair) => ({ pair, draws: 0 })));
    this.added += pairs.length;
    this.dropOldest();
  }

  /**
   * Draws different pairs, newest first, then the uniform ones.
   *
   * @param count how many; fewer come back when fewer are kept
   * @param step the optimiser step they are drawn for, from which ages are counted
   */
  sample(count: number, step: number): ReplayDraw[] {
    const taken = Math.min(count, this.entries.length);
    const newest = Math.ceil(taken * NEWEST_SHARE);
    const rest = this.entries.slice(0, this.entries.length - newest);
    // A partial Fisher–Yates shuffle: the first of `rest` become the uniform part.
    for (let i = 0; i < taken - newest; i++) {
      const j = i + this.random.int(rest.length - i);
      [rest[i], rest[j]] = [rest[j], rest[i]];
    }
    const drawn = [
      ...this.entries.slice(this.entries.length - newest).reverse(),
      ...rest.slice(0, taken - newest),
    ];
    return drawn.map((entry) => {
      entry.draws++;
      return { pair: entry.pair, age: step - entry.pair.step, draws: entry.draws };
    });
  }

  /** Plain JSON; entries are copied, so later draws do not change it. */
  state(): ReplayState {
    return {
      entries: this.entries.map((entry) => ({ ...entry })),
      total: this.added,
      random: this.random.state(),
    };
  }

  private dropOldest(): void {
    this.entries.splice(0, Math.max(0, this.entries.length - this.capacity));
  }
}

/** Mean age of drawn pairs, steps; the metric `conscience/pair_age`. Null over none. */
export function meanAge(draws: readonly ReplayDraw[]): number | null {
  if (draws.length === 0) return null;
  return draws.reduce((sum, { age }) => sum + age, 0) / draws.length;
}
