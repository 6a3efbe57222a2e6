/**
 * Keys and values of token sequences that have been read, for others that begin alike: further turns of a
 * chat, reviews that begin with the same question, samples of one prompt.
 */
import type { ModelConfig } from '../../../model/config.js';
import { Cache } from '../cache.js';

/** Shorter beginnings are read again: copying is not free, and most templates begin alike. */
export const leastShared = 24;

interface Entry {
  readonly tokens: readonly number[];
  readonly cache: Cache;
  /** Layers that have read them. */
  readonly depth: number;
}

/** A beginning that has been read: the first `length` tokens of an entry. */
export interface KnownPrefix {
  readonly cache: Cache;
  readonly length: number;
}

export class Prefixes {
  /** The one used last is the last. */
  private entries: Entry[] = [];

  /**
   * @param mostBytes that all entries may take
   * @param alikeUpTo longest sequence of which a beginning may be shared: in longer ones its keys turn otherwise
   */
  constructor(
    private readonly config: ModelConfig,
    private readonly mostBytes: number,
    private readonly alikeUpTo: number,
  ) {}

  /**
   * The entry that shares the longest beginning, up to `most` tokens; undefined where that is short.
   *
   * @param length of the longest sequence that begins so
   * @param depth  layers that must have read it
   */
  find(
    tokens: readonly number[],
    most: number,
    length: number,
    depth = this.config.layers,
  ): KnownPrefix | undefined {
    if (length > this.alikeUpTo) return undefined;
    let found: { entry: Entry; length: number } | undefined;
    for (const entry of this.entries) {
      if (entry.depth < depth) continue;
      const length = Math.min(most, sharedLength(entry.tokens, tokens));
      if (length >= leastShared && length > (found?.length ?? 0)) found = { entry, length };
    }
    if (!found) return undefined;
    this.entries = [...this.entries.filter((entry) => entry !== found.entry), found.entry];
    return { cache: found.entry.cache, length: found.length };
  }

  /** Forgets all entries. */
  clear(): void {
    this.entries = [];
  }

  /** Keeps what a slot of a cache holds: tokens of a sequence from time `first` on, as far as `depth` layers have read them. */
  keep(
    tokens: readonly number[],
    from: Cache,
    slot: number,
    first: number,
    depth = this.config.layers,
  ): void {
    const bytes = tokens.length * Cache.cellBytes(this.config);
    if (tokens.length < leastShared || tokens.length > this.alikeUpTo || bytes > this.mostBytes / 2) return;
    // a longer sequence serves for its beginnings as well
    const servedBy = (of: readonly number[], longer: Pick<Entry, 'tokens' | 'depth'>, least: number) =>
      longer.depth >= least && sharedLength(longer.tokens, of) === of.length;
    if (this.entries.some((entry) => servedBy(tokens, entry, depth))) return;
    this.entries = this.entries.filter((entry) => !servedBy(entry.tokens, { tokens, depth }, entry.depth));
    const cache = new Cache(this.config, tokens.length);
    cache.restart(1);
    cache.extendBy(tokens.length);
    cache.copyRow(from, slot, first, tokens.length, { slot: 0, time: 0 });
    this.entries.push({ tokens: [...tokens], cache, depth });
    const size = ({ tokens: { length } }: Entry) => length * Cache.cellBytes(this.config);
    while (this.entries.reduce((sum, entry) => sum + size(entry), 0) > this.mostBytes) this.entries.shift();
  }
}

/** How many tokens two sequences have in common at their beginning. */
export function sharedLength(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}
