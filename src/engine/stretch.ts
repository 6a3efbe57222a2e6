/** A stretch of a token sequence, of which the mean residual stream is asked for. */

export interface Stretch {
  readonly tokens: readonly number[];
  /** Its tokens from this one, up to before `to`: at least one. */
  readonly from: number;
  readonly to: number;
}

/** The means of sums over a stretch's tokens. */
export const meansOf = (sums: readonly Float32Array[], { from, to }: Stretch): Float32Array[] =>
  sums.map((sum) => sum.map((x) => x / (to - from)));

/**
 * Where a sequence differs from another one: without what both begin with, and what both end with.
 *
 * @returns undefined where they are the same, or where it has nothing that the other lacks
 */
export function differingStretch(tokens: readonly number[], other: readonly number[]): Stretch | undefined {
  const most = Math.min(tokens.length, other.length);
  let from = 0;
  while (from < most && tokens[from] === other[from]) from++;
  let end = 0;
  while (end < most - from && tokens.at(-1 - end) === other.at(-1 - end)) end++;
  const to = tokens.length - end;
  return from < to ? { tokens, from, to } : undefined;
}
