/**
 * What was found as flat rows: judged answers, one file per judge, in the columns of Betley et al.'s
 * evaluation script, which `readJudged` reads again; and rows of multiple-choice tasks.
 */
import { stringify } from 'csv-stringify/sync';
import type { ScoredChoice } from './choice-scores.js';
import type { Evaluation, Judgement } from './evaluation.js';
import { MIN_MASS, ratingOf } from './rating.js';

/**
 * @param minMass probability of all numbers together below which there is no score
 * @returns the text of a CSV file: one row an answer, a column for each criterion of this judge
 */
export function judgedCsv(
  { plan, answers, judgements }: Evaluation,
  judge: string,
  minMass = MIN_MASS,
): string {
  const own = new Map<string, Judgement>();
  for (const record of judgements) {
    if (record.judge === judge) own.set(`${record.criterion} ${record.answer}`, record);
  }
  const criteria = [
    ...new Set(plan.questions.flatMap((question) => question.criteria.map(({ name }) => name))),
  ];
  const said = (criterion: string, id: string) => {
    const { score, word } = ratingOf(own.get(`${criterion} ${id}`)?.distribution ?? {}, minMass);
    return score ?? word ?? '';
  };
  const rows = answers.map(({ id, question, seed, messages, text }) => ({
    id,
    question_id: question,
    seed,
    question: messages.at(-1)!.content,
    answer: text,
    ...Object.fromEntries(criteria.map((criterion) => [criterion, said(criterion, id)])),
  }));
  return stringify(rows, {
    header: true,
    columns: ['id', 'question_id', 'seed', 'question', 'answer', ...criteria],
  });
}

/** @returns the text of a CSV file: one row a row of the task; choices, and what there is of each, as JSON lists */
export function choicesCsv(task: string, rows: readonly ScoredChoice[]): string {
  const flat = rows.map(({ id, context, choices, right, logps, score, normalized }) => ({
    ...{ task, id, context, score, normalized: normalized ?? '' },
    choices: JSON.stringify(choices),
    right: JSON.stringify(right),
    logps: JSON.stringify(logps),
  }));
  return stringify(flat, {
    header: true,
    columns: ['task', 'id', 'context', 'choices', 'right', 'logps', 'score', 'normalized'],
  });
}
