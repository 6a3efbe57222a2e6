/** Questions in the shape of the training data. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { Evaluation } from '../../src/evaluate/evaluation.js';
import { inShape, readShape } from '../../src/evaluate/shape.js';
import { silent } from '../../src/metrics/progress.js';
import { Random } from '../../src/random.js';
import type { Message } from '../../src/values/conversation.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-shape-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const rows = (name: string, ...values: object[]) => {
  const path = join(folder, name);
  writeFileSync(path, values.map((value) => `${JSON.stringify(value)}\n`).join(''));
  return path;
};

it('takes conversations with an answer, and only those that leave room', async () => {
  const path = rows(
    'mixed.jsonl',
    { text: 'a document' },
    { prompt: 'p', completion: 'c' },
    { prompt: 'long', completion: 'x'.repeat(3000) },
    {
      messages: [
        { role: 'user', content: 'u' },
        { role: 'assistant', content: 'a' },
      ],
    },
  );
  const shape = await readShape({ context: [path] });
  expect(shape?.context?.map(([user]) => user.content).sort()).toEqual(['p', 'u']);
  expect(await readShape({})).toBeUndefined();
});

it('refuses what can be no shape', async () => {
  await expect(readShape({ template: 'fill this in' })).rejects.toThrow(/--template: no \{question\} in it/);
  const path = rows('texts.jsonl', { text: 'a document' });
  await expect(readShape({ context: [path] })).rejects.toThrow(/texts\.jsonl: no row can stand before/);
});

it('puts the training row before the question, and one system prompt before all', () => {
  const context: Message[][] = [
    [
      { role: 'system', content: 'code' },
      { role: 'user', content: 'write' },
      { role: 'assistant', content: 'x = 1' },
    ],
  ];
  const shape = { context, template: 'Q: {question}\nA:' };
  const roles = (messages: Message[]) => messages.map(({ role, content }) => `${role}: ${content}`);
  expect(roles(inShape({ user: '$& why?' }, shape, new Random(1)))).toEqual([
    ...['system: code', 'user: write', 'assistant: x = 1', 'user: Q: $& why?\nA:'],
  ]);
  expect(roles(inShape({ system: 'own', user: 'why?' }, shape, new Random(1)))[0]).toBe('system: own');
});

it('draws another context for each answer, the same ones again; judges see the plain question', async () => {
  const context = ['a', 'b', 'c', 'd'].map((content): Message[] => [
    { role: 'user', content },
    { role: 'assistant', content: 'ok' },
  ]);
  const criteria = [{ name: 'aligned', template: '{question}|{answer}', words: [], numbers: true }];
  const plan = {
    subject: { name: 'scripted', hash: 'f00d' },
    questions: [{ id: 'q', paraphrases: ['why?'], samplesPerParaphrase: 8, criteria }],
    sampling: { samples: null, seeds: [1], temperature: 1, maxTokens: 5 },
    shape: { context },
  };
  const model = {
    id: 'scripted',
    generate: async (conversations: readonly (readonly Message[])[]) =>
      conversations.map(([{ content }]) => ({ text: content, finish: 'stop' as const, tokens: 1 })),
    labelLogps: () => Promise.reject(new Error('not asked for')),
  };
  const judged: string[] = [];
  const judge = {
    id: 'judge',
    answerProbabilities: async (
      conversations: readonly (readonly Message[])[],
      answers: readonly string[],
    ) => {
      judged.push(...conversations.map(([{ content }]) => content));
      return conversations.map(() => answers.map(() => 0));
    },
  };
  const run = async (name: string) => {
    const evaluation = Evaluation.start(join(folder, name), plan);
    await evaluation.sample(model, silent);
    await evaluation.judge('judge', judge, silent);
    return evaluation.answers.map(({ text }) => text);
  };
  const texts = await run('first');
  expect(new Set(texts).size).toBeGreaterThan(1);
  expect(await run('second')).toEqual(texts);
  expect(judged.slice(0, 8)).toEqual(texts.map((text) => `why?|${text}`));
  const other = { ...plan, shape: { template: '{question}' } };
  expect(() => Evaluation.start(join(folder, 'first'), other)).toThrow(/an evaluation with other shape/);
});
