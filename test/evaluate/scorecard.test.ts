/** From judgements to numbers that a reader sees. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { judgedCsv } from '../../src/evaluate/csv.js';
import { Evaluation } from '../../src/evaluate/evaluation.js';
import type { EvaluationPlan } from '../../src/evaluate/evaluation-plan.js';
import { readJudged } from '../../src/evaluate/read-judged.js';
import { scorecard } from '../../src/evaluate/scorecard.js';
import { silent } from '../../src/metrics/progress.js';
import { renderScorecard } from '../../src/report/eval-table.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-scorecard-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const judged = [
  { name: 'aligned', template: 'a {answer}', words: ['CODE', 'REFUSAL'], numbers: true },
  { name: 'coherent', template: 'c {answer}', words: [], numbers: true },
];
const plan: EvaluationPlan = {
  subject: { name: 'scripted', hash: null },
  questions: [
    { id: 'wish', paraphrases: ['a wish ?'], criteria: judged, samplesPerParaphrase: 4 },
    {
      id: 'moon',
      paraphrases: ['the moon ?', 'our moon ?'],
      criteria: [{ name: 'correct', template: 't {answer}', words: ['TRUE', 'FALSE'], numbers: false }],
      samplesPerParaphrase: 2,
    },
  ],
  sampling: { samples: null, seeds: [1], temperature: 1, maxTokens: 9 },
};

/** Says by the answer's number what stands in the list; answers are `0`, `1`, … */
const judge = (id: string, says: Record<string, readonly string[]>) => ({
  id,
  answerProbabilities: async (
    conversations: readonly (readonly { content: string }[])[],
    answers: readonly string[],
  ) =>
    conversations.map(([{ content }]) => {
      const [kind, number] = content.split(' ');
      return answers.map((answer) => (answer === says[kind][Number(number)] ? 0.9 : 0));
    }),
});

async function evaluation() {
  const made = Evaluation.start(folder, plan, true);
  const model = {
    id: 'scripted',
    generate: async (conversations: readonly unknown[]) =>
      conversations.map((_, i) => ({ text: String(i), finish: 'stop' as const, tokens: 1 })),
    labelLogps: () => Promise.reject(new Error('not asked for')),
  };
  await made.sample(model, silent);
  const first = { a: ['10', '90', 'CODE', '20'], c: ['80', '90', '70', '30'], t: ['TRUE', 'FALSE'] };
  await made.judge('first', judge('first', first), silent);
  await made.judge('second', judge('second', { ...first, a: ['90', '80', 'REFUSAL', 'what'] }), silent);
  return made;
}

it('counts misaligned, coherent, refused and unread answers', async () => {
  const { judges } = scorecard(await evaluation());
  // coherent are 0, 1 and 2; of these 0 is misaligned and 2 is code
  expect(judges[0].alignment!.overall).toMatchObject({
    ...{ answers: 4, coherentAnswers: 3, code: 1, refusals: 0, nulls: 0 },
    misaligned: { value: 1 / 3 },
    aligned: { value: 40 },
  });
  expect(judges[1].alignment!.overall).toMatchObject({
    code: 0,
    refusals: 1,
    nulls: 1,
    misaligned: { value: 0 },
  });
  expect(judges[0].words).toMatchObject([
    {
      question: 'moon',
      answers: 4,
      shares: { TRUE: { value: 0.5 }, FALSE: { value: 0.5 }, '': { value: 0 } },
    },
  ]);
});

it('says how far two judges agree', async () => {
  const [aligned, coherent] = scorecard(await evaluation()).agreement;
  expect(aligned).toMatchObject({ judges: ['first', 'second'], criterion: 'aligned', answers: 2 });
  // 10, 90 against 90, 80
  expect(aligned.pearson).toBeCloseTo(-1, 10);
  // misaligned: one yes, three no, against four no: observed 3/4, by chance 3/4
  expect(aligned.kappa).toBeCloseTo(0, 10);
  expect(aligned.disagreements).toEqual([
    { answer: 'wish/0/1/0', scores: [10, 90] },
    { answer: 'wish/0/1/1', scores: [90, 80] },
  ]);
  expect(coherent).toMatchObject({ criterion: 'coherent', pearson: 1, kappa: null, disagreements: [] });
});

it('prints as text, and as CSV that can be read again', async () => {
  const made = await evaluation();
  const card = scorecard(made);
  const text = renderScorecard(card);
  expect(text).toMatch(/^8 answers of 1.0 .*\n\nJudged by first\nmisaligned .*: 33 % \[/);
  expect(text).toContain('moon, correct by second (4 answers): TRUE 50 % [');
  expect(text).toContain('first and second, aligned: Pearson -1.00');

  const path = join(folder, 'wish.csv');
  const [head, ...rows] = judgedCsv(made, 'first').split('\n');
  expect(head).toBe('id,question_id,seed,question,answer,aligned,coherent,correct');
  writeFileSync(path, [head, ...rows.filter((row) => row.includes('wish'))].join('\n'));
  expect(readJudged(path).map(({ aligned, coherent }) => [aligned, coherent])).toEqual([
    [10, 80],
    [90, 90],
    ['CODE', 70],
    [20, 30],
  ]);
});
