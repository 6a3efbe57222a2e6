/**
 * Uncertainty over questions.
 *
 * Whoever asks 24 questions wants to know about the questions that were not asked. Answers to
 * one question resemble each other, so that the questions are what is resampled, each with all
 * of its answers. Where models were trained with several seeds, the seeds count as well.
 */
import { bootstrapT, type Range, type Totals, type Variance } from './bootstrap-t.js';
import type { Estimate, Resampling } from './intervals.js';

/** Observations by question: [question][observation]. Empty questions count for nothing. */
export type Questions = readonly (readonly number[])[];

/** Observations by question, then by seed. A question may have been asked without giving any. */
export type Measurement = ReadonlyMap<string, ReadonlyMap<number, readonly number[]>>;

/** How to resample, and what values an observation can have. */
export interface QuestionResampling extends Resampling {
  /** Least and greatest possible value, e.g. 0 and 100. Unbounded where absent. */
  readonly range?: Range;
}

/** Groups observations; a null keeps its question and seed and adds no observation. */
export function byQuestion<T>(
  items: Iterable<T>,
  questionOf: (item: T) => string,
  seedOf: (item: T) => number,
  numberOf: (item: T) => number | null,
): Measurement {
  const questions = new Map<string, Map<number, number[]>>();
  for (const item of items) {
    const seeds = questions.get(questionOf(item)) ?? new Map<number, number[]>();
    questions.set(questionOf(item), seeds);
    const values = seeds.get(seedOf(item)) ?? [];
    seeds.set(seedOf(item), values);
    const value = numberOf(item);
    if (value !== null) values.push(value);
  }
  return questions;
}

/**
 * Mean of all observations with a 95 % bootstrap-t interval over questions: see `bootstrapT`.
 *
 * @returns the unit of the observations; null over no observations
 */
export function bootstrapByQuestion(
  data: Questions,
  { range = UNBOUNDED, ...resampling }: QuestionResampling = {},
): Estimate | null {
  const asked = data.filter((values) => values.length > 0);
  if (asked.length === 0) return null;
  return bootstrapT([{ ...totals(asked), sign: 1 }], [], range, resampling);
}

/**
 * Share of ones among zeros and ones, with its interval over questions. Where all observations
 * are equal it is Wilson's for as many observations as there are questions.
 *
 * @returns null over no observations
 */
export function shareByQuestion(data: Questions, resampling: Resampling = {}): Estimate | null {
  return bootstrapByQuestion(data, { ...resampling, range: [0, 1] });
}

/**
 * Mean of all observations with a 95 % interval over questions, and over seeds where there are
 * several: the same as `bootstrapByQuestion` where there is one.
 *
 * Seeds add their variance, S/(S−1)·Σ_s (s_s − θ·n_s)²/N², which counts the noise within a question
 * twice. That holds the truth in 93 to 95 % of measurements with 2, 3 or 5 seeds, in 88 % where
 * two seeds differ as much as questions do; percentiles of resampled seeds do so in 69 to 95 %.
 *
 * @returns the unit of the observations; null over no observations
 */
export function estimate(
  measurement: Measurement,
  { range = UNBOUNDED, ...resampling }: QuestionResampling = {},
): Estimate | null {
  const asked = [...measurement.values()].map(pooled).filter((values) => values.length > 0);
  if (asked.length === 0) return null;
  const seeds = seedVariance([{ ...totals(bySeed(measurement)), sign: 1 }]);
  return bootstrapT([{ ...totals(asked), sign: 1 }], seeds, range, resampling);
}

/**
 * Share of ones among zeros and ones, with its interval over questions and seeds: see `estimate`.
 *
 * @returns in [0, 1]; null over no observations
 */
export function share(measurement: Measurement, resampling: Resampling = {}): Estimate | null {
  return estimate(measurement, { ...resampling, range: [0, 1] });
}

/** All observations of one question. */
export function pooled(seeds: ReadonlyMap<number, readonly number[]> | undefined): number[] {
  return [...(seeds?.values() ?? [])].flat();
}

/** All observations of each seed that has any, in order of the seeds. */
export function bySeed(measurement: Measurement): number[][] {
  return seedsOf(measurement).map((seed) =>
    [...measurement.values()].flatMap((seeds) => seeds.get(seed) ?? []),
  );
}

/** The seeds that have observations, ascending. */
export function seedsOf(measurement: Measurement): number[] {
  const seeds = [...measurement.values()].flatMap((questions) => [...questions]);
  return [...new Set(seeds.filter(([, values]) => values.length > 0).map(([seed]) => seed))].sort(
    (a, b) => a - b,
  );
}

/**
 * Variance over seeds of Σ sign·mean, of measurements with the same seeds; none over one seed.
 *
 * @param measures sum and number of the observations, seed by seed
 */
export function seedVariance(measures: readonly Totals[]): Variance[] {
  const S = measures[0].sums.length;
  if (S < 2) return [];
  const residuals: number[] = new Array(S).fill(0);
  for (const { sums, counts, sign } of measures) {
    const count = counts.reduce((a, b) => a + b, 0);
    const mean = sums.reduce((a, b) => a + b, 0) / count;
    for (let s = 0; s < S; s++) residuals[s] += (sign * (sums[s] - mean * counts[s])) / count;
  }
  const squares = residuals.reduce((all, residual) => all + residual ** 2, 0);
  return [{ variance: (S / (S - 1)) * squares, freedom: S - 1 }];
}

/** Sum and number of the observations, cluster by cluster. */
export function totals(clusters: Questions): Omit<Totals, 'sign'> {
  return {
    sums: clusters.map((values) => values.reduce((a, b) => a + b, 0)),
    counts: clusters.map(({ length }) => length),
  };
}

/** The range of observations that may have any value. */
export const UNBOUNDED: Range = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
