/**
 * Uncertainty over questions.
 *
 * Whoever asks 24 questions wants to know about the questions that were not asked. Answers to
 * one question resemble each other, so that the questions are what is resampled, each with all
 * of its answers from all seeds. Percentiles of the resampled means are too narrow for so few
 * clusters (92 % where 95 % is meant); bootstrap-t is not.
 */
import { Random } from '../random.js';
import { type Estimate, percentiles, type Resampling } from './intervals.js';
import { studentT95 } from './student.js';

/** Observations by question: [question][observation]. Empty questions count for nothing. */
export type Questions = readonly (readonly number[])[];

/** How to resample, and what values an observation can have. */
export interface QuestionResampling extends Resampling {
  /** Least and greatest possible value, e.g. 0 and 100. Unbounded where absent. */
  readonly range?: Range;
}

export type Range = readonly [low: number, high: number];

/** Groups observations for `bootstrapByQuestion`; a null keeps its question and adds no observation. */
export function byQuestion<T>(
  items: Iterable<T>,
  questionOf: (item: T) => string,
  numberOf: (item: T) => number | null,
): Map<string, number[]> {
  const questions = new Map<string, number[]>();
  for (const item of items) {
    const values = questions.get(questionOf(item)) ?? [];
    questions.set(questionOf(item), values);
    const value = numberOf(item);
    if (value !== null) values.push(value);
  }
  return questions;
}

/**
 * Mean of all observations with a 95 % bootstrap-t interval over questions.
 *
 * Resampled questions give t* = (θ* − θ)/se*; the interval is [θ − t*₀.₉₇₅·se, θ − t*₀.₀₂₅·se], cut to
 * the range. Efron and Tibshirani 1993, An Introduction to the Bootstrap, 12.5. Standard errors
 * are those of a ratio of sums over clusters, se² = K/(K−1)·Σ_q (s_q − θ·n_q)²/N²: Cochran 1977,
 * Sampling Techniques, 6.3.
 *
 * Where questions do not differ, or so few do that resamples miss them, see `fewDiffer`.
 *
 * @returns the unit of the observations; null over no observations
 */
export function bootstrapByQuestion(
  data: Questions,
  { draws = 2000, seed = 0, range = UNBOUNDED }: QuestionResampling = {},
): Estimate | null {
  const asked = data.filter((values) => values.length > 0);
  if (asked.length === 0) return null;
  const sums = asked.map((values) => values.reduce((a, b) => a + b, 0));
  return bootstrapT([{ sums, counts: asked.map(({ length }) => length), sign: 1 }], range, draws, seed);
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

/** One measurement: sum and number of its observations, question by question. */
export interface Totals {
  readonly sums: readonly number[];
  readonly counts: readonly number[];
  /** How its mean enters the statistic. */
  readonly sign: 1 | -1;
}

const UNBOUNDED: Range = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];

/**
 * Bootstrap-t over questions of Σ sign·mean: of one mean, or of the difference of two on the
 * same questions. Every measurement has at least one observation.
 */
export function bootstrapT(measures: readonly Totals[], range: Range, draws: number, seed: number): Estimate {
  const K = measures[0].sums.length;
  const random = new Random(seed, 'bootstrap by question');
  const drawn = Array.from({ length: K }, (_, q) => q);
  const { value, error } = statistic(measures, drawn);
  const ts: number[] = [];
  for (let i = 0; i < draws && error > 0; i++) {
    for (let q = 0; q < K; q++) drawn[q] = random.int(K);
    const again = statistic(measures, drawn);
    // without spread, or without an observation, there is no telling how far off it is
    const known = again.error > 1e-9 * error;
    ts.push(known ? (again.value - value) / again.error : Math.sign(again.value - value) * Infinity || 0);
  }
  const t = percentiles(ts);
  const stable = error > 0 && Number.isFinite(t.low) && Number.isFinite(t.high);
  const { low, high } = stable
    ? { low: value - t.high * error, high: value - t.low * error }
    : fewDiffer(value, error, measures, range);
  return { value, low: Math.max(range[0], low), high: Math.min(range[1], high) };
}

/** The statistic and its standard error over the drawn questions. */
function statistic(measures: readonly Totals[], drawn: readonly number[]) {
  const K = drawn.length;
  const residuals = new Float64Array(K);
  let value = 0;
  let scale = 0;
  for (const { sums, counts, sign } of measures) {
    let sum = 0;
    let count = 0;
    for (const q of drawn) {
      sum += sums[q];
      count += counts[q];
    }
    const mean = sum / count;
    value += sign * mean;
    scale += Math.abs(mean);
    for (let i = 0; i < K; i++) residuals[i] += (sign * (sums[drawn[i]] - mean * counts[drawn[i]])) / count;
  }
  const squares = residuals.reduce((all, residual) => all + residual ** 2, 0);
  const error = Math.sqrt((K / (K - 1)) * squares);
  // one question has none, and the sums of equal ones leave rounding behind
  return { value, error: error > 1e-12 * scale ? error : 0 };
}

/**
 * What is known where more than 2.5 % of the resamples have no spread, as when 3 of 24 questions
 * have all the misaligned answers.
 *
 * Wilson's interval, of the share of the range that the value covers, over as many independent
 * observations as would have this standard error, with Student's t for the normal: Korn and
 * Graubard 1998, Survey Methodology 24; Dean and Pagano 2015, J. Surv. Stat. Methodol. 3. Without
 * a range it is Student's. With no spread at all, none of K questions differs from the value θ,
 * thus by Wilson at most w = z²/(K + z²) of all questions do, each by as far as the range goes.
 */
function fewDiffer(value: number, error: number, measures: readonly Totals[], [least, greatest]: Range) {
  const z2 = Z95 ** 2;
  if (error === 0) {
    const w = z2 / (Math.min(...measures.map(effectiveQuestions)) + z2);
    return { low: value - w * (value - least), high: value + w * (greatest - value) };
  }
  const t = studentT95(measures[0].sums.length - 1);
  const span = greatest - least;
  if (span === Infinity) return { low: value - t * error, high: value + t * error };
  const p = (value - least) / span;
  const n = (p * (1 - p) * span ** 2) / error ** 2;
  const center = (p + t ** 2 / (2 * n)) / (1 + t ** 2 / n);
  const half = (t / (1 + t ** 2 / n)) * Math.sqrt((p * (1 - p)) / n + t ** 2 / (4 * n ** 2));
  return { low: least + span * (center - half), high: least + span * (center + half) };
}

const Z95 = 1.959963984540054;

/** As many questions of equal size as weigh the same: (Σn)²/Σn². Kish 1965, Survey Sampling. */
function effectiveQuestions({ counts }: Totals): number {
  return counts.reduce((a, b) => a + b, 0) ** 2 / counts.reduce((a, b) => a + b * b, 0);
}
