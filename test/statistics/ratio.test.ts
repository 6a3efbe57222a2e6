import { describe, expect, it } from 'vitest';
import { wilson } from '../../src/statistics/intervals.js';
import { ratio } from '../../src/statistics/ratio.js';

describe('ratio', () => {
  it('has ends that are as far from a and b as theirs are', () => {
    const [a, b] = [
      { value: 0.6, low: 0.5, high: 0.75 },
      { value: 0.8, low: 0.7, high: 0.85 },
    ];
    const { value, low, high } = ratio(a, b)!;
    expect(value).toBe(0.6 / 0.8);
    // (a − x·b)² = (a − aLow)² + x²·(bHigh − b)², and the other way round
    expect((0.6 - low * 0.8) ** 2).toBeCloseTo(0.1 ** 2 + (low * 0.05) ** 2, 12);
    expect((0.6 - high * 0.8) ** 2).toBeCloseTo(0.15 ** 2 + (high * 0.1) ** 2, 12);
    expect(low).toBeLessThan(value);
    expect(high).toBeGreaterThan(value);
  });

  it("has the numerator's ends over a number that is certain", () => {
    const { low, high } = ratio(wilson(3, 10), { value: 0.5, low: 0.5, high: 0.5 })!;
    expect(low).toBeCloseTo(2 * wilson(3, 10)!.low, 12);
    expect(high).toBeCloseTo(2 * wilson(3, 10)!.high, 12);
  });

  it('is open above where the denominator may be 0, also if it may be more than twice what was found', () => {
    expect(ratio(wilson(1, 2), { value: 0.2, low: 0, high: 0.4 })).toMatchObject({ high: Infinity });
    const { low, high } = ratio(wilson(1, 2), { value: 0.2, low: 0, high: 0.9 })!;
    expect(low).toBeGreaterThan(0);
    expect(low).toBeLessThan(2.5);
    expect(high).toBe(Infinity);
  });

  it('begins at 0 where the numerator does', () => {
    expect(ratio({ value: 0, low: 0, high: 0.1 }, wilson(9, 10))).toMatchObject({ value: 0, low: 0 });
  });

  it('is none over nothing, or over 0', () => {
    expect(ratio(null, wilson(1, 2))).toBeNull();
    expect(ratio(wilson(1, 2), null)).toBeNull();
    expect(ratio(wilson(1, 2), wilson(0, 2))).toBeNull();
  });
});
