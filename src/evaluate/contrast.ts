/** Two evaluations side by side: paired differences, judge by judge. */
import { DataError } from '../errors.js';
import { counting, measurement } from './alignment.js';
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

/** @returns nothing where neither is judged @throws DataError when no judge has rated both, or they share no question */
export function contrast(a: Evaluation, b: Evaluation): Contrast[] {
  const judges = judgesOf(a).filter((judge) => judgesOf(b).includes(judge));
  const where = `${a.folder} and ${b.folder}`;
  if (judgesOf(a).length === 0 && judgesOf(b).length === 0) return [];
  if (judges.length === 0) {
    throw new DataError({
      where,
      what: 'no judge has rated both',
      expected: judgesOf(a).join(', '),
      got: judgesOf(b).join(', '),
      next: 'let one judge rate both with --rescore',
    });
  }
  const asked = (evaluation: Evaluation) => evaluation.plan.questions.map(({ id }) => id);
  if (!asked(a).some((id) => asked(b).includes(id))) {
    throw new DataError({ where, what: 'they share no question' });
  }
  const numbers = counting();
  return judges.flatMap((judge) => {
    const [ofA, ofB] = [a, b].map((evaluation) => judgedAnswers(evaluation, judge));
    return measures.map(([key, measure, unit]): Contrast => {
      const range = unit === 'score' ? ([0, 100] as const) : ([0, 1] as const);
      const of = (answers: typeof ofA) => measurement(answers, numbers[key]);
      return { of: judge, measure, unit, difference: compare(of(ofB), of(ofA), { range }) };
    });
  });
}
