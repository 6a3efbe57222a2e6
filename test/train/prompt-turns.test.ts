/** Prompts come in turn, and a run that goes on takes those that would have come. */
import { expect, it } from 'vitest';
import { PromptTurns } from '../../src/train/prompt-turns.js';
import type { Prompt } from '../../src/values/conversation.js';

const pool = Array.from({ length: 10 }, (_, i): Prompt => ({ messages: [], source: 'probe', id: `${i}` }));
const ids = (prompts: readonly Prompt[]) => prompts.map(({ id }) => id);

it('takes every prompt once before any comes again, each time in another order', () => {
  const turns = new PromptTurns(pool, 1, 'probes');
  const [first, second] = [1, 2].map(() => ids([...turns.take(4), ...turns.take(3), ...turns.take(3)]));
  expect(new Set(first).size).toBe(10);
  expect(new Set(second).size).toBe(10);
  expect(second).not.toEqual(first);
});

it('gives more prompts than there are, in whole passes', () => {
  const taken = ids(new PromptTurns(pool, 1, 'probes').take(25));
  for (const { id } of pool) expect(taken.filter((other) => other === id).length).toBeGreaterThanOrEqual(2);
});

it('goes on where it was, and depends on the seed and the name', () => {
  const whole = ids(new PromptTurns(pool, 1, 'probes').take(30));
  const resumed = new PromptTurns(pool, 1, 'probes');
  resumed.taken = 13;
  expect(ids(resumed.take(17))).toEqual(whole.slice(13));
  expect(ids(new PromptTurns(pool, 2, 'probes').take(30))).not.toEqual(whole);
  expect(ids(new PromptTurns(pool, 1, 'training').take(30))).not.toEqual(whole);
});

it('takes none of an empty pool', () => {
  expect(new PromptTurns([], 1, 'probes').take(3)).toEqual([]);
});
