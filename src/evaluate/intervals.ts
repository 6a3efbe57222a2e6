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

/**
 * Mean with a percentile bootstrap interval over two levels of clusters.
 * Davison and Hinkley 1997, Bootstrap Methods and their Application, 3.8.
 *
 * @param draws number of resamples
 * @param seed  of the resampling
 */
export function bootstrap(data: Clusters, draws = 2000, seed = 0): Estimate | null {
  const all = data.flat(2);
  if (all.length === 0) return null;
  const random = new Random(seed, 'bootstrap');
  // sums and counts once, so that a resample costs one look per question
  const sums = data.map((questions) =>
    questions.map((values) => [values.reduce((a, b) => a + b, 0), values.length]),
  );
  const means = Array.from({ length: draws }, () => {
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
  }).sort((a, b) => a - b);
  const quantile = (p: number) => means[Math.min(draws - 1, Math.max(0, Math.round(p * (draws - 1))))];
  return { value: all.reduce((a, b) => a + b, 0) / all.length, low: quantile(0.025), high: quantile(0.975) };
}

/** Share of successes with Wilson's score interval. Wilson 1927, J. Am. Stat. Assoc. 22. */
export function wilson(successes: number, count: number): Estimate | null {
  if (count === 0) return null;
  const z = 1.959963984540054;
  const p = successes / count;
  const denominator = 1 + z ** 2 / count;
  const center = (p + z ** 2 / (2 * count)) / denominator;
  const half = (z / denominator) * Math.sqrt((p * (1 - p)) / count + z ** 2 / (4 * count ** 2));
  return { value: p, low: Math.max(0, center - half), high: Math.min(1, center + half) };
}
