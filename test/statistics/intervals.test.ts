import { describe, expect, it } from 'vitest';
import { Random } from '../../src/random.js';
import { bootstrap, bootstrapRatio, clusters, share, wilson } from '../../src/statistics/intervals.js';

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

describe('bootstrap', () => {
  it('knows nothing over nothing', () => {
    expect(bootstrap([])).toBeNull();
    expect(share([])).toBeNull();
    expect(bootstrapRatio([], [[[1]]])).toBeNull();
  });

  it('resamples whole seeds: two seeds that disagree leave everything open', () => {
    // resampled means are 0, 1/2 and 1, with probabilities 1/4, 1/2 and 1/4
    const data = [[[1, 1, 1, 1]], [[0, 0, 0, 0]]];
    expect(bootstrap(data)).toEqual({ value: 0.5, low: 0, high: 1 });
  });

  it('resamples questions within a seed', () => {
    // of 8 questions, k drawn ones have probability C(8,k)/256: P(0) = 0.4 %, P(≤1) = 3.5 %
    const data = [Array.from({ length: 8 }, (_, q) => [q % 2, q % 2])];
    expect(bootstrap(data, { draws: 20_000 })).toEqual({ value: 0.5, low: 1 / 8, high: 7 / 8 });
  });

  it('weighs observations, not questions', () => {
    expect(bootstrap([[[1, 1, 1], [0]]])?.value).toBe(3 / 4);
  });

  it('agrees with the normal interval where observations are independent', () => {
    const random = new Random(7);
    const data = [Array.from({ length: 2000 }, () => [random.next() < 0.3 ? 1 : 0])];
    const { value, low, high } = bootstrap(data)!;
    const half = 1.96 * Math.sqrt((value * (1 - value)) / 2000);
    // 2000 resamples leave about 4 % noise in the ends
    expect(Math.abs(value - low - half)).toBeLessThan(0.1 * half);
    expect(Math.abs(high - value - half)).toBeLessThan(0.1 * half);
  });

  it('is the same for the same seed', () => {
    const data = [
      [[1, 0], [0]],
      [[1, 1], [0]],
    ];
    expect(bootstrap(data, { seed: 3 })).toEqual(bootstrap(data, { seed: 3 }));
  });
});

describe('share', () => {
  it('does not call zero of twenty certain', () => {
    const data = [Array.from({ length: 20 }, () => [0])];
    expect(share(data)).toEqual(wilson(0, 20));
    expect(share(data)?.high).toBeCloseTo(0.1611, 4);
  });

  it('is the bootstrap otherwise', () => {
    const data = [[[1, 0], [1]], [[0]]];
    expect(share(data)).toEqual(bootstrap(data));
  });
});

describe('bootstrapRatio', () => {
  it('has no value over a denominator of zero', () => {
    expect(bootstrapRatio([[[1]]], [[[0]]])).toBeNull();
  });

  it('is exact where nothing varies', () => {
    expect(bootstrapRatio([[[1, 1, 1, 0]]], [[[1, 0]]])).toEqual({ value: 1.5, low: 1.5, high: 1.5 });
  });

  it('is open above where the denominator may be zero', () => {
    // one of two questions: both draws miss it in a quarter of the resamples
    expect(bootstrapRatio([[[1]]], [[[1], [0]]])).toEqual({
      value: 2,
      low: 1,
      high: Number.POSITIVE_INFINITY,
    });
  });
});

describe('clusters', () => {
  it('groups by seed, then by question', () => {
    const items = [
      { s: 1, q: 'a', x: 1 },
      { s: 2, q: 'a', x: 2 },
      { s: 1, q: 'b', x: 3 },
      { s: 1, q: 'a', x: 4 },
    ];
    expect(
      clusters(
        items,
        ({ s }) => s,
        ({ q }) => q,
        ({ x }) => x,
      ),
    ).toEqual([[[1, 4], [3]], [[2]]]);
  });
});
