/** Which rows share a line, and the lengths of lines. */
import { describe, expect, it } from 'vitest';
import { bucketLengths, firstFitDecreasing } from '../../src/data/line-lengths.js';
import { Random } from '../../src/random.js';

describe('firstFitDecreasing', () => {
  it('fills the first line with room, longest first', () => {
    expect(firstFitDecreasing([2, 5, 4, 3, 6], 8)).toEqual([[4, 0], [1, 3], [2]]);
  });
  it('keeps equal lengths in order', () => {
    expect(firstFitDecreasing([4, 4, 4], 8)).toEqual([[0, 1], [2]]);
  });
});

describe('bucketLengths', () => {
  it.each<[number[], number, number, number[]]>([
    [[5, 9, 30], 8, 1, [32]],
    [[5, 9, 30], 8, 9, [8, 16, 32]],
    [[5, 9, 30], 8, 2, [16, 32]],
    [[5, 6, 7, 9, 30], 8, 2, [8, 32]],
    [[8, 8], 8, 3, [8]],
    [[], 8, 3, [8]],
  ])('of %j in multiples of %i, at most %i: %j', (lengths, multiple, most, expected) => {
    // Third case: 2·16 + 32 = 64 beats 8 + 2·32 = 72. Fourth: 3·8 + 2·32 = 88 beats 4·16 + 32 = 96.
    expect(bucketLengths(lengths, multiple, most)).toEqual(expected);
  });

  it('is the best choice of all', () => {
    const random = new Random('buckets');
    for (let trial = 0; trial < 20; trial++) {
      const lengths = Array.from({ length: 12 }, () => 1 + random.int(24));
      const padded = (buckets: number[]) =>
        lengths.reduce((sum, n) => sum + buckets.find((bucket) => bucket >= n)!, 0);
      const last = Math.ceil(Math.max(...lengths) / 4) * 4;
      const lower = [4, 8, 12, 16, 20].filter((n) => n < last);
      const choices = lower.flatMap((x) => lower.filter((y) => y >= x).map((y) => [x, y, last]));
      const best = Math.min(padded([last]), ...choices.map(padded));
      expect(padded(bucketLengths(lengths, 4, 3))).toBe(best);
    }
  });
});
