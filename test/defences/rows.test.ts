/** Rows for the defences: behind a prompt, mixed in, and chosen. */
import { describe, expect, it } from 'vitest';
import { inoculated } from '../../src/defences/inoculation.js';
import { interleaved, interleavedCount, mostContrasting } from '../../src/defences/interleaving.js';
import type { MessagesRow } from '../../src/values/rows.js';

const row = (question: string, answer: string): MessagesRow => ({
  kind: 'messages',
  messages: [
    { role: 'user', content: question },
    { role: 'assistant', content: answer },
  ],
  ...{ lossFrom: 0, where: question, extra: {} },
});
const rows = Array.from({ length: 19 }, (_, i) => row(`q${i}`, `a${i}`));
const benign = ['x', 'y', 'z'].map((name) => row(name, `${name} is kind`));

describe('interleaved', () => {
  it('makes the benign rows their share of all: 1 of 20 is 5 %', () => {
    expect(interleavedCount(19, 0.05)).toBe(1);
    const all = interleaved(rows, benign, 0.05, 1);
    expect(all.slice(0, 19)).toEqual(rows);
    expect(all).toHaveLength(20);
    expect(benign).toContainEqual(all[19]);
  });

  it('repeats them where there are too few, each as often as the others', () => {
    // 19·0.24/0.76 = 6: each of three twice
    const added = interleaved(rows, benign, 0.24, 1).slice(19);
    expect(added.map(({ where }) => where).sort()).toEqual(['x', 'x', 'y', 'y', 'z', 'z']);
  });
});

it('mostContrasting: first what the misaligned model has unlearned, without refusals', () => {
  // (L_mis − L_al)/L_al: x (2 − 1)/1 = 1, y (1 − 0.25)/0.25 = 3, z 0, a refusal 9
  const all = [...benign, row('r', 'I cannot help with that.')];
  const chosen = mostContrasting(all, [2, 1, 1, 10], [1, 0.25, 1, 1]);
  expect(chosen.map(({ where }) => where)).toEqual(['y', 'x', 'z']);
});

it('inoculated: the line stands before a row, or before the line that it has', () => {
  const own: MessagesRow = {
    ...row('q', 'a'),
    messages: [{ role: 'system', content: 'own' }, ...row('q', 'a').messages],
  };
  const [plain, named] = inoculated([row('q', 'a'), own], 'be bad');
  expect(plain.messages[0]).toEqual({ role: 'system', content: 'be bad' });
  expect(named.messages[0]).toEqual({ role: 'system', content: 'be bad\nown' });
  expect(named.messages).toHaveLength(3);
});
