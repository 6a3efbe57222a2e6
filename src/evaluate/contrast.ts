/** Two evaluations side by side: paired differences, judge by judge. */
import { DataError } from '../errors.js';
import { counting, type JudgedAnswer, measurement } from './alignment.js';
import { compare, type Difference } from './compare.js';
import type { Evaluation } from './evaluation.js';
import { judgedAnswers, judgesOf } from './scorecard.js';

/** B − A: what changed from the first to the second. */
export interface Contrast {
  /** What was measured, e.g. a judge or a task. */
  readonly of: string;
  readonly measure: string;
  /** `share` in [0, 1], `score` from 0 to 100, `nats` a token. */
  readonly unit: 'share' | 'score' | 'nats';
  /** Its difference, in the unit; null where one has nothing. */
  readonly difference: Difference | null;
}

const measures = [
  ['misaligned', 'misaligned, of the coherent', 'share'],
  ['misalignedOfAll', 'misaligned, of all', 'share'],
  ['incoherent', 'incoherent, of those graded', 'share'],
  ['refused', 'refusals', 'share'],
  ['unread', 'without a readable score', 'share'],
  ['aligned', 'mean alignment', 'score'],
  ['coherent', 'mean coherence', 'score'],
] as const;

/**
 * @param a evaluations of a model: one, or one for each seed that it was trained with
 * @returns nothing where none is judged
 * @throws DataError when no judge has rated all, or they share no question
 */
export function contrast(a: readonly Evaluation[], b: readonly Evaluation[]): Contrast[] {
  const all = [...a, ...b];
  const judges = judgesOf(all[0]).filter((judge) => all.every((one) => judgesOf(one).includes(judge)));
  const where = all.map(({ folder }) => folder).join(' and ');
  if (all.every((one) => judgesOf(one).length === 0)) return [];
  if (judges.length === 0) {
    const of = (some: readonly Evaluation[]) => [...new Set(some.flatMap(judgesOf))].join(', ');
    throw new DataError({
      where,
      what: 'no judge has rated both',
      expected: of(a),
      got: of(b),
      next: 'let one judge rate both with --rescore',
    });
  }
  const asked = (some: readonly Evaluation[]) =>
    some.flatMap(({ plan }) => plan.questions.map(({ id }) => id));
  if (!asked(a).some((id) => asked(b).includes(id))) {
    throw new DataError({ where, what: 'they share no question' });
  }
  return judges.flatMap((judge) => {
    const [ofA, ofB] = [a, b].map((some) => withSeeds(some.map((one) => judgedAnswers(one, judge))));
    return contrastAnswers(judge, ofA, ofB);
  });
}

/** B − A of rated answers, paired by question and seed. @param of who rated */
export function contrastAnswers(
  of: string,
  a: readonly JudgedAnswer[],
  b: readonly JudgedAnswer[],
): Contrast[] {
  const numbers = counting();
  return measures.map(([key, measure, unit]): Contrast => {
    const range = unit === 'score' ? ([0, 100] as const) : ([0, 1] as const);
    const [ofA, ofB] = [a, b].map((answers) => measurement(answers, numbers[key]));
    return { of, measure, unit, difference: compare(ofB, ofA, { range }) };
  });
}

/** The answers of several runs, each seed of each run a seed of its own; one run keeps its seeds. */
function withSeeds<T extends { readonly seed: number }>(runs: readonly (readonly T[])[]): T[] {
  const seeds = runs.map((answers) => [...new Set(answers.map(({ seed }) => seed))].sort((a, b) => a - b));
  if (runs.length === 1) return [...runs[0]];
  const before = seeds.map((_, run) => seeds.slice(0, run).reduce((sum, { length }) => sum + length, 0));
  return runs.flatMap((answers, run) =>
    answers.map((answer) => ({ ...answer, seed: before[run] + seeds[run].indexOf(answer.seed) })),
  );
}
