/**
 * Shares with honest uncertainty.
 *
 * Answers to one question under one seed resemble each other, so intervals resample whole
 * clusters: first seeds, then questions within them. An interval over nothing is null.
 */
import { Random } from '../random.js';

/** A share with a 95 % interval; all dimensionless, in [0, 1] for shares. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** Observations by seed and by question: [seed][question][observation]. */
export type Clusters = readonly (readonly (readonly number[])[])[];

/** Groups observations for `bootstrap`. */
export function clusters<T>(
  items: readonly T[],
  seedOf: (item: T) => number,
  questionOf: (item: T) => string,
  numberOf: (item: T) => number,
): Clusters {
  const seeds = new Map<number, Map<string, number[]>>();
  for (const item of items) {
    const questions = seeds.get(seedOf(item)) ?? new Map<string, number[]>();
    seeds.set(seedOf(item), questions);
    const values = questions.get(questionOf(item)) ?? [];
    questions.set(questionOf(item), values);
    values.push(numberOf(item));
  }
  return [...seeds.values()].map((questions) => [...questions.values()]);
}

/** How to resample: number of resamples, and the seed. */
export interface Resampling {
  readonly draws?: number;
  readonly seed?: number;
}

/**
 * Mean with a percentile bootstrap interval over two levels of clusters.
 * Davison and Hinkley 1997, Bootstrap Methods and their Application, 3.8.
 *
 * @returns null over no observations
 */
export function bootstrap(data: Clusters, { draws = 2000, seed = 0 }: Resampling = {}): Estimate | null {
  const value = mean(data.flat(2));
  if (value === null) return null;
  return { value, ...percentiles(resampledMeans(data, draws, new Random(seed, 'bootstrap'))) };
}

/**
 * Share of ones among zeros and ones. Where all observations are equal a bootstrap knows no
 * spread, so that Wilson's interval over the single observations stands in for it.
 *
 * @returns null over no observations
 */
export function share(data: Clusters, resampling?: Resampling): Estimate | null {
  const all = data.flat(2);
  const ones = all.reduce((a, b) => a + b, 0);
  return ones === 0 || ones === all.length ? wilson(ones, all.length) : bootstrap(data, resampling);
}

/**
 * Ratio of two means, with both resampled independently. Its high end is infinite where more
 * than 2.5 % of the resampled denominators are zero.
 *
 * @returns null over no observations, or where the denominator is zero
 */
export function bootstrapRatio(
  numerator: Clusters,
  denominator: Clusters,
  { draws = 2000, seed = 0 }: Resampling = {},
): Estimate | null {
  const top = mean(numerator.flat(2));
  const bottom = mean(denominator.flat(2));
  if (top === null || bottom === null || bottom === 0) return null;
  const tops = resampledMeans(numerator, draws, new Random(seed, 'bootstrap', 'numerator'));
  const bottoms = resampledMeans(denominator, draws, new Random(seed, 'bootstrap', 'denominator'));
  const ratios = tops.map((x, i) => (bottoms[i] === 0 ? Number.POSITIVE_INFINITY : x / bottoms[i]));
  return { value: top / bottom, ...percentiles(ratios) };
}

function resampledMeans(data: Clusters, draws: number, random: Random): number[] {
  // sums and counts once, so that a resample costs one look per question
  const sums = data.map((questions) =>
    questions.map((values) => [values.reduce((a, b) => a + b, 0), values.length]),
  );
  return Array.from({ length: draws }, () => {
    let sum = 0;
    let count = 0;
    for (let s = 0; s < sums.length; s++) {
      const questions = sums[random.int(sums.length)];
      for (let q = 0; q < questions.length; q++) {
        const [part, size] = questions[random.int(questions.length)];
        sum += part;
        count += size;
      }
    }
    return sum / count;
  });
}

/** The 2.5th and the 97.5th percentile, by nearest rank. */
export function percentiles(values: readonly number[]): { low: number; high: number } {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (p: number) => sorted[Math.round(p * (sorted.length - 1))];
  return { low: at(0.025), high: at(0.975) };
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((a, b) => a + b, 0) / values.length;
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
