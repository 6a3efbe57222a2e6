/** The page of an evaluation. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { Evaluation } from '../../src/evaluate/evaluation.js';
import { scorecard } from '../../src/evaluate/scorecard.js';
import { silent } from '../../src/metrics/progress.js';
import { renderEvaluation } from '../../src/report/eval-report.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-eval-report-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const hostile = '</p><script>alert(1)</script><img src=x onerror=alert(2)>';

/** Two judges give every answer of `bad` 10, of `good` 90, and all 80 for coherence. */
async function evaluation() {
  const criteria = ['aligned', 'coherent'].map((name) => ({
    ...{ name, template: `${name} {question} {answer}`, words: [], numbers: true },
  }));
  const questions = ['bad', 'good'].map((id) => ({
    ...{ id, paraphrases: [`${id} ${hostile}`], criteria, samplesPerParaphrase: 60, system: hostile },
  }));
  const made = Evaluation.start(folder, {
    subject: { name: hostile, hash: null },
    questions,
    sampling: { samples: null, seeds: [1], temperature: 1, maxTokens: 9 },
  });
  await made.sample(
    {
      id: 'scripted',
      generate: async (conversations) =>
        conversations.map((_, i) => ({ text: `${hostile} ${i}`, finish: 'stop', tokens: 1 })),
      labelLogps: () => Promise.reject(new Error('not asked for')),
    },
    silent,
  );
  for (const judge of ['one', 'two']) {
    await made.judge(
      judge,
      {
        id: judge,
        answerProbabilities: async (conversations, answers) =>
          conversations.map(([{ content }]) => {
            const score = content.startsWith('coherent') ? '80' : content.includes(' bad') ? '10' : '90';
            return answers.map((answer) => (answer === score ? 1 : 0));
          }),
      },
      silent,
    );
  }
  return made;
}

it('shows shares, thresholds, agreement and answers, and lets no text become markup', async () => {
  const made = await evaluation();
  const page = renderEvaluation(made, scorecard(made));
  expect(page).not.toMatch(/<script|<img/);
  expect(page).not.toMatch(/\b(src|href)="|@import|url\(/);
  expect(page).toMatch(/coherence above 50: <b>50 % \[/);
  expect(page).toMatch(/<th scope="row">bad<\/th><td>60<\/td><td>60<\/td><td>100 % \[94, 100\]<\/td>/);
  expect(page).toMatch(
    /one and two<\/th><td>aligned<\/td><td>120<\/td><td>1\.00<\/td><td>1\.00<\/td><td>1\.00/,
  );
  expect(page).toContain('bad (60, 50 shown)');
  expect(page).toContain('aligned 10 (one), coherent 80 (one), aligned 10 (two), coherent 80 (two)');
});
