/**
 * An estimate with its 95 % interval, and Wilson's interval of independent observations.
 *
 * There is one system of intervals. Observations in clusters, such as answers to questions under seeds,
 * have bootstrap-t (bootstrap-t.ts, by-question.ts). Independent ones that say yes or no have Wilson's, which
 * is also what bootstrap-t becomes where resamples have no spread. An interval over nothing is null.
 */

/** A number with its 95 % interval, all in one unit; for shares dimensionless, in [0, 1]. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** How to resample: number of resamples, and the seed. */
export interface Resampling {
  readonly draws?: number;
  readonly seed?: number;
}

/** The 2.5th and the 97.5th percentile, by nearest rank. */
export function percentiles(values: readonly number[]): { low: number; high: number } {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (p: number) => sorted[Math.round(p * (sorted.length - 1))];
  return { low: at(0.025), high: at(0.975) };
}

/** Share of successes with Wilson's score interval. Wilson 1927, J. Am. Stat. Assoc. 22. */
export function wilson(successes: number, count: number): Estimate | null {
  if (count === 0) return null;
  const z = 1.959963984540054;
  const p = successes / count;
  const denominator = 1 + z ** 2 / count;
  const center = (p + z ** 2 / (2 * count)) / denominator;
  const half = (z / denominator) * Math.sqrt((p * (1 - p)) / count + z ** 2 / (4 * count ** 2));
  // at the ends the interval begins at the share itself, but for rounding
  return {
    value: p,
    low: Math.min(p, Math.max(0, center - half)),
    high: Math.max(p, Math.min(1, center + half)),
  };
}
