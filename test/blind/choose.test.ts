/** Which answers a sheet holds: evenly taken, and nothing tells whose they are. */
import { describe, expect, it } from 'vitest';
import type { StoredAnswer } from '../../src/blind/answers.js';
import { chooseRows } from '../../src/blind/choose.js';
import { placed } from './sample-runs.js';

const times = (answers: readonly StoredAnswer[], of: (answer: StoredAnswer) => string | number) => {
  const counts = new Map<string | number, number>();
  for (const answer of answers) counts.set(of(answer), (counts.get(of(answer)) ?? 0) + 1);
  return [...counts.values()];
};
const spread = (counts: readonly number[]) => Math.max(...counts) - Math.min(...counts);
const choose = (answers: readonly StoredAnswer[], count: number, more = {}) =>
  chooseRows(answers, { count, duplicates: 0, seed: 1, ...more });

describe('the choice', () => {
  it.each([
    [3, 24, 24],
    [3, 24, 100],
    [4, 7, 61],
    [2, 5, 10],
    [5, 3, 7],
  ])('of %i methods and %i questions is even in %i answers', (methods, questions, count) => {
    const names = Array.from({ length: methods }, (_, m) => `m${m}`);
    for (const seed of [1, 2, 3, 4, 5]) {
      const rows = choose(placed(names, questions, 5), count, { seed }).map(({ answer }) => answer);
      expect(rows).toHaveLength(count);
      expect(new Set(rows).size).toBe(count);
      expect(spread(times(rows, ({ method }) => method))).toBeLessThanOrEqual(1);
      for (const name of names) {
        const own = rows.filter(({ method }) => method === name);
        expect(spread(times(own, ({ question }) => question))).toBeLessThanOrEqual(1);
      }
      expect(spread(times(rows, ({ question }) => question))).toBeLessThanOrEqual(count < 100 ? 1 : 2);
    }
  });

  it('takes seeds in turn', () => {
    const rows = choose(placed(['a'], 2, 9, [1, 2, 3]), 12);
    expect(
      times(
        rows.map(({ answer }) => answer),
        ({ seed }) => seed,
      ),
    ).toEqual([4, 4, 4]);
  });

  it('takes all where there are not as many, and more of others where a method has few', () => {
    expect(choose(placed(['a', 'b'], 2, 2), 100)).toHaveLength(8);
    const rows = choose([...placed(['a'], 1, 2), ...placed(['b'], 4, 5)], 12);
    expect(rows.filter(({ answer }) => answer.method === 'a')).toHaveLength(2);
    expect(rows.filter(({ answer }) => answer.method === 'b')).toHaveLength(10);
  });

  it('is the same with the same seed, and another with another', () => {
    const all = placed(['a', 'b'], 3, 9);
    expect(choose(all, 20, { duplicates: 4 })).toEqual(choose(all, 20, { duplicates: 4 }));
    expect(choose(all, 20, { seed: 2 })).not.toEqual(choose(all, 20));
  });
});

describe('ids and order', () => {
  it('are letters that no spreadsheet changes, and all different', () => {
    const ids = choose(placed(['a', 'b'], 10, 50), 1000).map(({ id }) => id);
    expect(new Set(ids).size).toBe(1000);
    for (const id of ids) expect(id).toMatch(/^[b-df-hj-np-tv-xz]{6}$/);
  });

  it('tell nothing of the method', () => {
    const all = placed(['a', 'b'], 5, 4);
    let [first, least] = [0, 0];
    for (let seed = 0; seed < 400; seed++) {
      const rows = choose(all, 20, { seed });
      first += Number(rows[0].answer.method === 'a');
      const smallest = rows.reduce((x, y) => (x.id < y.id ? x : y));
      least += Number(smallest.answer.method === 'a');
    }
    // half of 400, of which one standard deviation is 10: five of them
    for (const share of [first, least]) expect(Math.abs(share - 200)).toBeLessThan(50);
  });

  it('have an answer twice under two ids, far apart', () => {
    const rows = choose(placed(['a', 'b'], 10, 20), 100, { duplicates: 10 });
    expect(rows).toHaveLength(110);
    expect(new Set(rows.map(({ id }) => id)).size).toBe(110);
    const at = new Map<StoredAnswer, number[]>();
    for (const [i, { answer }] of rows.entries()) at.set(answer, [...(at.get(answer) ?? []), i]);
    const twice = [...at.values()].filter(({ length }) => length > 1);
    expect(twice.map(({ length }) => length)).toEqual(Array(10).fill(2));
    for (const [one, other] of twice) expect(other - one).toBeGreaterThan(27);
  });

  it('have no more twice than there are', () => {
    expect(() => choose(placed(['a'], 1, 3), 100, { duplicates: 4 })).toThrow(
      /--duplicates: more answers than the sheet has; expected at most 3, got 4/,
    );
  });
});
