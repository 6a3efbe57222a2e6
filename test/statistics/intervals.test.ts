import { describe, expect, it } from 'vitest';
import { wilson } from '../../src/statistics/intervals.js';

describe('wilson', () => {
  // Newcombe 1998, Statistics in Medicine 17, table I, method 3
  it.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])('%i of %i as Newcombe has it', (successes, count, low, high) => {
    const interval = wilson(successes, count)!;
    expect(interval.value).toBeCloseTo(successes / count, 12);
    expect(interval.low).toBeCloseTo(low, 4);
    expect(interval.high).toBeCloseTo(high, 4);
  });

  it('knows nothing over nothing', () => expect(wilson(0, 0)).toBeNull());
});
