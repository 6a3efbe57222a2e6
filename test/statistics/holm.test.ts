import { expect, it } from 'vitest';
import { holm } from '../../src/statistics/holm.js';

it('multiplies the least p by the number of tests, the next by one less, and never falls', () => {
  // ascending: 4 · 0.005 = 0.02, 3 · 0.01 = 0.03, 2 · 0.03 = 0.06, 1 · 0.04 = 0.04 but not below 0.06
  const adjusted = holm([0.01, 0.04, 0.03, 0.005]);
  [0.03, 0.06, 0.06, 0.02].forEach((p, i) => {
    expect(adjusted[i]).toBeCloseTo(p, 12);
  });
});

it('does not count what was not tested, and stays at 1', () => {
  // 2 · 0.6 = 1.2
  expect(holm([null, 0.6, null, 0.7])).toEqual([null, 1, null, 1]);
  expect(holm([])).toEqual([]);
});
