import { expect, it } from 'vitest';
import { auc, rocArea } from '../../src/statistics/auc.js';

it('is the share of pairs in the right order, ties half', () => {
  expect(auc([3, 4], [1, 2])?.value).toBe(1);
  expect(auc([1, 2], [3, 4])?.value).toBe(0);
  expect(auc([1, 1], [1, 1, 1])?.value).toBe(0.5);
  // of 3 over {1, 4}: one; of 2 over {1, 4}: one; of 4 over {1, 4}: one and a half. 3.5 of 6
  expect(auc([3, 2, 4], [1, 4])?.value).toBeCloseTo(3.5 / 6, 12);
});

it('does not depend on the scale of the scores', () => {
  const [a, b] = [
    [0.2, 0.9, 0.4, 0.7],
    [0.1, 0.5, 0.3],
  ];
  const logs = (scores: number[]) => scores.map(Math.log);
  expect(auc(logs(a), logs(b))).toEqual(auc(a, b));
});

it('has an interval around its value, and none over nothing', () => {
  const { value, low, high } = auc([1, 3, 5, 7, 9, 2], [2, 4, 6, 8, 0, 1])!;
  expect(low).toBeLessThan(value);
  expect(high).toBeGreaterThan(value);
  expect(auc([], [1])).toBeNull();
});

it('is an area without its interval, too', () => {
  expect(rocArea([3, 2, 4], [1, 4])).toBe(auc([3, 2, 4], [1, 4])!.value);
  expect(rocArea([1], [])).toBeNull();
});

it('knows nothing of the spread of one answer', () => {
  // Wilson's interval over one success: [1/(1 + z²), 1]
  expect(auc([2], [1, 0, 1])!.low).toBeCloseTo(1 / (1 + 1.959963984540054 ** 2), 12);
});

it('is not certain of what two answers of each kind show', () => {
  const few = auc([0.9, 0.8], [0.1, 0.2])!;
  expect(few.value).toBe(1);
  expect(few.low).toBeLessThan(0.5);
  const tied = auc([0.5, 0.5], [0.5, 0.5])!;
  expect(tied.low).toBeLessThan(0.5);
  expect(tied.high).toBeGreaterThan(0.5);
});
