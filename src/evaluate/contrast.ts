/** Two evaluations side by side: paired differences, judge by judge. */
import { DataError } from '../errors.js';
import { counting, measurement } from './alignment.js';
import { compare, type Difference } from './compare.js';
import type { Evaluation } from './evaluation.js';
import { judgedAnswers, judgesOf } from './scorecard.js';

/** B − A: what changed from the first to the second. */
export interface Contrast {
  readonly judge: string;
  readonly measure: 'misaligned' | 'misalignedOfAll' | 'aligned' | 'coherent' | 'filteredOut';
  /** Of shares in [0, 1], of `aligned` and `coherent` in points of 100; null where one has nothing. */
  readonly difference: Difference | null;
}

const measures = ['misaligned', 'misalignedOfAll', 'filteredOut', 'aligned', 'coherent'] as const;

/** @throws DataError when no judge has rated both, or they share no question */
export function contrast(a: Evaluation, b: Evaluation): Contrast[] {
  const judges = judgesOf(a).filter((judge) => judgesOf(b).includes(judge));
  const where = `${a.folder} and ${b.folder}`;
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
    return measures.map((measure): Contrast => {
      const range = measure === 'aligned' || measure === 'coherent' ? ([0, 100] as const) : ([0, 1] as const);
      const of = (answers: typeof ofA) => measurement(answers, numbers[measure]);
      return { judge, measure, difference: compare(of(ofB), of(ofA), { range }) };
    });
  });
}
