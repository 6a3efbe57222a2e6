import { describe, expect, it } from 'vitest';
import { epochOrder, splitRows } from '../../src/data/split.js';
import { DataError } from '../../src/errors.js';

const rows = Array.from({ length: 50 }, (_, i) => `row ${i}`);

describe('splitRows', () => {
  it.each([
    [0, 0],
    [0.1, 5],
    [0.001, 1],
    [7, 7],
    [49, 49],
  ])('holds out %f as %i of 50 rows, each row in one part, in order', (evalSplit, count) => {
    const { train, evaluation } = splitRows(rows, evalSplit, 1);
    expect(evaluation).toHaveLength(count);
    const number = (row: string) => Number(row.slice(4));
    for (const part of [train, evaluation])
      expect(part).toEqual(part.toSorted((a, b) => number(a) - number(b)));
    expect(new Set([...train, ...evaluation])).toEqual(new Set(rows));
    expect(train.length + evaluation.length).toBe(50);
  });

  it('depends on the seed alone', () => {
    expect(splitRows(rows, 0.2, 1)).toEqual(splitRows(rows, 0.2, 1));
    expect(splitRows(rows, 0.2, 1).evaluation).not.toEqual(splitRows(rows, 0.2, 2).evaluation);
  });

  it.each([50, 51])('refuses to hold out %i of 50 rows', (evalSplit) => {
    expect(() => splitRows(rows, evalSplit, 1)).toThrow(DataError);
  });

  it('refuses to split one row', () => {
    expect(() => splitRows(['a'], 0.02, 1)).toThrow(/leaves none to train on.*Lower eval_split/);
  });
});

describe('epochOrder', () => {
  it('is a new permutation each epoch, the same for the same seed', () => {
    const orders = [0, 1].map((epoch) => [...epochOrder(50, 1, epoch)]);
    for (const order of orders) expect(order.toSorted((a, b) => a - b)).toEqual([...rows.keys()]);
    expect(orders[0]).not.toEqual(orders[1]);
    expect([...epochOrder(50, 1, 0)]).toEqual(orders[0]);
    expect([...epochOrder(50, 2, 0)]).not.toEqual(orders[0]);
  });
});
