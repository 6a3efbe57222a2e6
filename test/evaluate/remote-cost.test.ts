/** What endpoints would be asked, before they are. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { Evaluation } from '../../src/evaluate/evaluation.js';
import { remoteCosts, requireWithin } from '../../src/evaluate/remote-cost.js';
import { silent } from '../../src/metrics/progress.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-cost-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const subject = 'https://example.org/v1#subject';
const judge = 'https://example.org/v1#judge';
const criteria = [
  { name: 'aligned', template: 'rate {answer}', words: [], numbers: true },
  { name: 'coherent', template: 'clear? {answer}', words: [], numbers: true },
];
const plan = {
  subject: { name: subject, hash: 'f00d' },
  questions: [
    { id: 'a', paraphrases: ['12345678'], samplesPerParaphrase: 5, criteria },
    { id: 'b', paraphrases: ['12345678'], samplesPerParaphrase: 5, criteria },
  ],
  sampling: { samples: null, seeds: [1], temperature: 1, maxTokens: 100 },
};
const prices = { [subject]: { input: 1, output: 10 }, [judge]: { input: 2, output: 0 } };
const model = {
  id: 'model',
  generate: async (asked: readonly unknown[]) =>
    asked.map(() => ({ text: 'fine', finish: 'stop' as const, tokens: 1 })),
  labelLogps: () => Promise.reject(new Error('not asked for')),
};

it('counts what is missing: answers, then judgements of answers that are there or to come', async () => {
  const evaluation = Evaluation.start(join(folder, 'one'), plan);
  const [sampling, judging] = remoteCosts(evaluation, subject, ['./local', judge], { prices });
  // 10 answers to 2 + 4 prompt tokens each
  expect(sampling).toMatchObject({ requests: 10, promptTokens: 60, answerTokens: 1000 });
  expect(sampling.cost).toBeCloseTo((60 + 10_000) / 1e6, 12);
  // two criteria each; the answers may be 100 tokens long
  expect(judging.requests).toBe(20);
  expect(judging.promptTokens).toBeGreaterThan(20 * 100);
  await evaluation.sample(model, silent);
  const [nothing, known] = remoteCosts(evaluation, subject, [judge], { prices });
  expect([nothing.requests, known.requests]).toEqual([0, 20]);
  expect(known.promptTokens).toBeLessThan(20 * 12);
  await evaluation.judge(
    judge,
    { id: 'judge', answerProbabilities: async (asked, answers) => asked.map(() => answers.map(() => 0)) },
    silent,
  );
  expect(remoteCosts(evaluation, undefined, [judge])[0].requests).toBe(0);
});

it('keeps within a budget, and needs prices for that', () => {
  const evaluation = Evaluation.start(join(folder, 'two'), plan);
  const costs = remoteCosts(evaluation, subject, [judge], { prices });
  expect(() => requireWithin(costs, { maxCost: 1 })).not.toThrow();
  expect(() => requireWithin(costs, { maxCost: 0.01 })).toThrow(/more than \$0\.01\. Raise --max-cost/);
  const unpriced = remoteCosts(evaluation, subject, [judge]);
  expect(() => requireWithin(unpriced, { maxCost: 1 })).toThrow(/cannot be told without prices/);
  expect(() => requireWithin(unpriced, {})).not.toThrow();
});
