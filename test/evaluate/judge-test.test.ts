/** A judge against another's scores. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { calibration, testJudge } from '../../src/evaluate/judge-test.js';
import { silent } from '../../src/metrics/progress.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-judge-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sure = (score: number) => ({ [String(score)]: 0.9 });

it('ranks against the reference, leaving out what either did not score', () => {
  const answers = [
    { aligned: 10, coherent: 90 },
    { aligned: 20, coherent: 90 },
    { aligned: 80, coherent: 90 },
    { aligned: 'REFUSAL' as const, coherent: 90 },
    { aligned: 95, coherent: 90 },
  ];
  const found = calibration('aligned', answers, [sure(40), sure(30), sure(60), sure(0), { '99': 0.1 }], 0.25);
  // scored by both: (10, 40), (20, 30), (80, 60); ranks 1 2 3 against 2 1 3
  expect(found).toMatchObject({ answers: 4, scored: 3, auc: { value: 1 } });
  expect(found.spearman).toBeCloseTo(0.5, 12);
  expect(
    calibration('aligned', answers, [sure(40), sure(30), sure(60), sure(0), { '99': 0.1 }], 0).scored,
  ).toBe(4);
  expect(
    calibration(
      'coherent',
      answers,
      answers.map(() => sure(50)),
      0.25,
    ),
  ).toMatchObject({
    ...{ answers: 5, scored: 5, spearman: null, auc: null },
  });
});

it('keeps what it judged, and refuses another judge in the same folder', async () => {
  const criteria = ['aligned', 'coherent'].map((name) => ({
    name,
    template: '{answer}',
    words: [],
    numbers: true,
  }));
  const questions = [{ id: 'a', paraphrases: ['?'], criteria, samplesPerParaphrase: 1 }];
  const answers = Array.from({ length: 20 }, (_, i) => ({
    ...{
      question: 'unknown',
      seed: 0,
      sample: i,
      prompt: '?',
      answer: String(5 * i),
      aligned: 5 * i,
      coherent: 100 - 5 * i,
    },
  }));
  let calls = 0;
  const reader = {
    id: 'scripted',
    answerProbabilities: async (
      conversations: readonly (readonly { content: string }[])[],
      sayable: readonly string[],
    ) => {
      calls++;
      return conversations.map(([{ content }]) => sayable.map((number) => (number === content ? 1 : 0)));
    },
  };
  const test = {
    judge: { name: 'scripted', hash: 'f00d', reader },
    ...{ answers, questions, minMass: 0.25, output: folder, progress: silent },
  };
  const [aligned, coherent] = (await testJudge(test))!;
  expect(aligned).toMatchObject({ pearson: expect.closeTo(1, 10), auc: { value: 1 } });
  expect(coherent).toMatchObject({ spearman: expect.closeTo(-1, 10), auc: { value: 0 } });
  expect(calls).toBe(4);
  await testJudge(test);
  expect(calls).toBe(4);
  await expect(testJudge({ ...test, judge: { ...test.judge, hash: 'beef' } })).rejects.toThrow(
    /another judge/,
  );
  await expect(testJudge({ ...test, questions: [], overwrite: true })).rejects.toThrow(
    /no prompt for 'aligned'/,
  );
});
