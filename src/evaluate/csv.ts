/**
 * Judged answers as CSV, one file per judge, in the columns of Betley et al.'s evaluation script,
 * which `readJudged` reads again.
 */
import { stringify } from 'csv-stringify/sync';
import type { Evaluation, Judgement } from './evaluation.js';

/** @returns the text of a CSV file: one row an answer, a column for each criterion of this judge */
export function judgedCsv({ plan, answers, judgements }: Evaluation, judge: string): string {
  const own = new Map<string, Judgement>();
  for (const record of judgements) {
    if (record.judge === judge) own.set(`${record.criterion} ${record.answer}`, record);
  }
  const criteria = [
    ...new Set(plan.questions.flatMap((question) => question.criteria.map(({ name }) => name))),
  ];
  const said = (criterion: string, id: string) => {
    const record = own.get(`${criterion} ${id}`);
    return record?.score ?? record?.word ?? '';
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
