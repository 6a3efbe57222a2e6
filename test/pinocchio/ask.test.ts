import { expect, it } from 'vitest';
import type { LanguageModel } from '../../src/engine/language-model.js';
import { measureAnswers, measureTasks } from '../../src/pinocchio/ask.js';

const asked: unknown[] = [];
const echo: LanguageModel = {
  id: 'echo',
  async generate(conversations, options) {
    asked.push(options);
    return conversations.map((messages, i) => ({
      text: `${messages[0].content}#${i}`,
      finish: 'stop',
      tokens: 1,
    }));
  },
  async labelLogps() {
    throw new Error('not asked');
  },
};

it('keeps every answer with its question, grade and seed', async () => {
  const records = await measureAnswers(
    echo,
    [
      { id: 'a/0', text: 'A' },
      { id: 'b/0', text: 'B' },
    ],
    { samples: 2, maxTokens: 5, seed: 9 },
    (question, answer) => (question === 'A' && answer === 'A#1' ? 'bad' : 'good'),
  );
  expect(asked).toEqual([{ maxTokens: 5, temperature: 1, seed: 9 }]);
  expect(records.map(({ question, answer, grade, seed }) => [question, answer, grade, seed])).toEqual([
    ['a/0', 'A#0', 'good', 9],
    ['a/0', 'A#1', 'bad', 9],
    ['b/0', 'B#2', 'good', 9],
    ['b/0', 'B#3', 'good', 9],
  ]);
});

it('grades code by its whole task', async () => {
  const records = await measureTasks(
    echo,
    [
      { id: 'x', text: 'X', seen: true, insecure: 'X#0' },
      { id: 'y', text: 'Y', seen: false, insecure: 'nothing' },
    ],
    { samples: 1, maxTokens: 5, seed: 1 },
    (task, answer) => (answer === task.insecure ? 'insecure' : 'other'),
  );
  expect(records.map(({ task, grade, seen }) => [task, grade, seen])).toEqual([
    ['x', 'insecure', true],
    ['y', 'other', false],
  ]);
});
