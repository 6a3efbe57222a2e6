/**
 * Two measurements on the same questions.
 *
 * Questions differ more from each other than models do, so that a difference is taken question
 * by question: an interval of the difference may leave out zero where those of A and of B overlap.
 */
import { bootstrapT, type Range } from '../statistics/bootstrap-t.js';
import {
  bySeed,
  type Measurement,
  pooled,
  type QuestionResampling,
  seedsOf,
  seedVariance,
  totals,
  UNBOUNDED,
} from '../statistics/by-question.js';
import type { Estimate } from '../statistics/intervals.js';

/** A − B with its 95 % interval, in the unit of the observations. */
export interface Difference extends Estimate {
  /** Mean of all observations of A, and of B, on the questions that both were asked. */
  readonly a: number;
  readonly b: number;
  /** Whether the interval contains 0. */
  readonly withinNoise: boolean;
  /** How many questions both were asked. */
  readonly questions: number;
  /** Questions that only one of the two was asked, left out. */
  readonly unpaired: readonly string[];
}

/**
 * Paired difference of two means, A − B, with a 95 % bootstrap-t interval over questions, which
 * are drawn with all their answers in A and in B: see `bootstrapT`.
 *
 * Where A or B has several seeds, these add their variance: of their differences where A and B
 * have the same seeds, of each by itself otherwise. A question counts as asked where it has a
 * seed, be it that a filter left none of its answers.
 *
 * @param range of the observations, e.g. 0 and 1 for shares; that of the difference follows
 * @returns null where A or B has no observation on the questions that both were asked
 */
export function compare(
  a: Measurement,
  b: Measurement,
  { range = UNBOUNDED, ...resampling }: QuestionResampling = {},
): Difference | null {
  const shared = [...a.keys()].filter((question) => b.has(question));
  const unpaired = [...a.keys(), ...b.keys()].filter((question) => !(a.has(question) && b.has(question)));
  const [ofA, ofB] = [a, b].map((all) => only(all, shared));
  // a question that neither answered says nothing; one that either answered is drawn with both
  const questions = shared
    .map((question) => [pooled(ofA.get(question)), pooled(ofB.get(question))])
    .filter((both) => both.some(({ length }) => length > 0));
  const measures = [
    { ...totals(questions.map(([values]) => values)), sign: 1 as const },
    { ...totals(questions.map(([, values]) => values)), sign: -1 as const },
  ];
  const [meanA, meanB] = measures.map(({ sums, counts }) => sum(sums) / sum(counts));
  if (Number.isNaN(meanA) || Number.isNaN(meanB)) return null;

  const bound: Range = [range[0] - range[1], range[1] - range[0]];
  const difference = bootstrapT(measures, overSeeds(ofA, ofB), bound, resampling);
  return {
    ...difference,
    a: meanA,
    b: meanB,
    withinNoise: withinNoise(difference),
    questions: shared.length,
    unpaired,
  };
}

/** Whether a difference may as well be none: its interval contains 0. */
export function withinNoise({ low, high }: Pick<Estimate, 'low' | 'high'>): boolean {
  return low <= 0 && 0 <= high;
}

/** Seeds of the same numbers are taken to be the same in A and in B. */
function overSeeds(a: Measurement, b: Measurement) {
  const ofA = { ...totals(bySeed(a)), sign: 1 as const };
  const ofB = { ...totals(bySeed(b)), sign: -1 as const };
  const same = JSON.stringify(seedsOf(a)) === JSON.stringify(seedsOf(b));
  return same ? seedVariance([ofA, ofB]) : [...seedVariance([ofA]), ...seedVariance([ofB])];
}

function only(measurement: Measurement, questions: readonly string[]): Measurement {
  return new Map(questions.map((question) => [question, measurement.get(question)!]));
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
