import { describe, expect, it } from 'vitest';
import { passAtK } from '../../../src/statistics/pass-at-k.js';

describe('pass@k', () => {
  // n = 5, c = 2: C(3,1)/C(5,1) = 3/5, C(3,2)/C(5,2) = 3/10, C(3,3)/C(5,3) = 1/10, C(3,4) = 0.
  it.each([
    [1, 2 / 5],
    [2, 7 / 10],
    [3, 9 / 10],
    [4, 1],
    [5, 1],
  ])('of 5 samples, 2 right, for k = %d is %f', (k, expected) => {
    expect(passAtK({ samples: 5, passed: 2 }, k)).toBeCloseTo(expected, 14);
  });

  it('does not overflow: one right of 200, k = 100, is in half of the subsets', () => {
    expect(passAtK({ samples: 200, passed: 1 }, 100)).toBeCloseTo(0.5, 12);
  });

  it('is the share of all subsets that hold a right one, for every n ≤ 8', () => {
    for (let n = 1; n <= 8; n++)
      for (let c = 0; c <= n; c++)
        for (let k = 1; k <= n; k++) {
          const subsets = Array.from({ length: 2 ** n }, (_, bits) => bits).filter((b) => ones(b) === k);
          const right = subsets.filter((bits) => (bits & (2 ** c - 1)) !== 0);
          expect(passAtK({ samples: n, passed: c }, k)).toBeCloseTo(right.length / subsets.length, 12);
        }
  });

  it('is 0 without a right one, and refuses fewer than k samples and impossible counts', () => {
    expect(passAtK({ samples: 3, passed: 0 }, 2)).toBe(0);
    expect(() => passAtK({ samples: 3, passed: 3 }, 4)).toThrow(RangeError);
    expect(() => passAtK({ samples: 3, passed: 4 }, 1)).toThrow(RangeError);
    expect(() => passAtK({ samples: 3, passed: 1 }, 0)).toThrow(RangeError);
  });
});

function ones(bits: number): number {
  return bits.toString(2).replaceAll('0', '').length;
}
