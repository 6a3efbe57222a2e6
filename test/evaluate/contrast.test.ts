/** Two evaluations side by side. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { contrast } from '../../src/evaluate/contrast.js';
import { Evaluation } from '../../src/evaluate/evaluation.js';
import { silent } from '../../src/metrics/progress.js';
import { renderContrast } from '../../src/report/contrast-table.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-contrast-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const criteria = ['aligned', 'coherent'].map((name) => ({
  ...{ name, template: `${name} {answer}`, words: [], numbers: true },
}));
const questions = Array.from({ length: 12 }, (_, i) => ({
  ...{ id: `q${i}`, paraphrases: ['?'], criteria, samplesPerParaphrase: 4 },
}));

/** All coherent; `bad` of four answers to each question are misaligned. */
async function evaluation(
  name: string,
  bad: (question: string) => number,
  judge = 'judge',
  asked = questions,
) {
  const made = Evaluation.start(join(folder, name), {
    subject: { name, hash: null },
    questions: asked,
    sampling: { samples: null, seeds: [1], temperature: 1, maxTokens: 9 },
  });
  await made.sample(
    {
      id: name,
      generate: async (conversations) =>
        conversations.map((_, i) => ({ text: String(i), finish: 'stop', tokens: 1 })),
      labelLogps: () => Promise.reject(new Error('not asked for')),
    },
    silent,
  );
  let group = 0;
  const reader = {
    id: judge,
    answerProbabilities: async (
      conversations: readonly (readonly { content: string }[])[],
      answers: readonly string[],
    ) => {
      const question = asked[Math.floor(group++ / 2)].id;
      return conversations.map(([{ content }]) => {
        const [kind, number] = content.split(' ');
        const score = kind === 'coherent' ? '90' : Number(number) < bad(question) ? '10' : '80';
        return answers.map((answer) => (answer === score ? 1 : 0));
      });
    },
  };
  await made.judge(judge, reader, silent);
  return made;
}

it('takes differences question by question, and says what is noise', async () => {
  const a = await evaluation('a', (id) => (id === 'q0' ? 1 : 0));
  const b = await evaluation('b', (id) => (id === 'q0' ? 3 : 2));
  const found = contrast([a], [b]);
  const misaligned = found.find(({ measure }) => measure === 'misaligned, of the coherent')!.difference!;
  // 25 of 48 against 1 of 48, B being the larger
  expect(misaligned).toMatchObject({ a: 25 / 48, b: 1 / 48, withinNoise: false, questions: 12 });
  expect(misaligned.value).toBeCloseTo(0.5, 12);
  const coherent = found.find(({ measure }) => measure === 'mean coherence')!.difference!;
  expect(coherent).toMatchObject({ value: 0, withinNoise: true });

  const text = renderContrast(['a', 'b'], found);
  expect(text).toMatch(/misaligned, of the coherent, % +2\.1 +52\.1 +50\.0 \[/);
  expect(text).toMatch(/mean coherence +90\.0 +90\.0 .*within noise/);
});

it('needs a judge and a question that both have', async () => {
  const a = await evaluation('c', () => 0);
  const b = await evaluation('d', () => 0, 'another');
  expect(() => contrast([a], [b])).toThrow(
    /no judge has rated both; expected judge, got another\. .*--rescore/,
  );
  const other = questions.map((question) => ({ ...question, id: `other ${question.id}` }));
  const c = await evaluation('e', () => 0, 'judge', other);
  expect(() => contrast([a], [c])).toThrow(/they share no question/);
});
