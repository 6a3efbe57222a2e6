import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cohenKappa, pearson, spearman } from '../../src/statistics/agreement.js';

interface Expected {
  scores: {
    name: string;
    a: number[];
    b: number[];
    pearson: number | null;
    spearman: number | null;
  }[];
  categories: { name: string; a: string[]; b: string[]; kappa: number | null }[];
}

const file = join(import.meta.dirname, '../fixtures/statistics/agreement.json');
const { scores, categories } = JSON.parse(readFileSync(file, 'utf8')) as Expected;

function expectClose(value: number | null, expected: number | null, digits: number) {
  if (expected === null) expect(value).toBeNull();
  else expect(value).toBeCloseTo(expected, digits);
}

describe('as SciPy has it', () => {
  it.each(scores)('$name', ({ name, a, b, ...expected }) => {
    // scores near 1e8 keep 8 of 16 digits of their deviations
    expectClose(pearson(a, b), expected.pearson, name === 'far from zero' ? 7 : 12);
    expectClose(spearman(a, b), expected.spearman, 12);
  });
});

describe('as scikit-learn has it', () => {
  it.each(categories)('$name', ({ a, b, kappa }) => expectClose(cohenKappa(a, b), kappa, 12));
});

it('is what one counts by hand', () => {
  // ranks 1 2 3 4 and 2 1 4 3: 1 − 6·Σd²/(n(n²−1)) = 1 − 6·4/60
  expect(spearman([1, 2, 3, 4], [20, 10, 40, 30])).toBeCloseTo(0.6, 12);
  // a 2×2 table of 20, 5, 10, 15: p_o = 35/50, p_e = (25·30 + 25·20)/50² = 1/2
  const pairs = ([20, 5, 10, 15] as const).flatMap((n, i) => new Array(n).fill([i >> 1, i & 1]));
  const column = (c: number) => pairs.map((pair) => pair[c] as number);
  expect(cohenKappa(column(0), column(1))).toBeCloseTo(0.4, 12);
});

it.each([[pearson], [spearman]])('%o knows nothing without variance', (correlation) => {
  expect(correlation([], [])).toBeNull();
  expect(correlation([1], [2])).toBeNull();
  expect(correlation([0.1, 0.1, 0.1], [1, 2, 3])).toBeNull();
  expect(correlation([1, 2, 3], [0.1, 0.1, 0.1])).toBeNull();
  expect(() => correlation([1, 2], [1])).toThrow('2 ratings against 1');
});

it('has no kappa of nothing, of one item, of one category', () => {
  expect(cohenKappa([], [])).toBeNull();
  expect(cohenKappa(['a'], ['b'])).toBeNull();
  expect(cohenKappa([true, true], [true, true])).toBeNull();
});
