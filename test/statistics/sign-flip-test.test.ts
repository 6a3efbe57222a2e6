import { describe, expect, it } from 'vitest';
import { Random } from '../../src/random.js';
import type { Measurement } from '../../src/statistics/by-question.js';
import { signFlipTest } from '../../src/statistics/sign-flip-test.js';

/** One observation of each question, [question][seed]. */
const of = (cells: readonly (readonly number[])[], first = 1): Measurement =>
  new Map(cells.map((row, q) => [`q${q}`, new Map(row.map((x, s) => [first + s, [x]]))]));
const zeros = (cells: readonly (readonly number[])[]) => of(cells.map((row) => row.map(() => 0)));
const p = (cells: readonly (readonly number[])[]) => signFlipTest(of(cells), zeros(cells));

describe('with one seed, all signs of the questions', () => {
  it.each([
    // |±1 ±2 ±3| ≥ 6: two of eight
    [[[1], [2], [3]], 2 / 8],
    // |±3 ±1| ≥ |3 − 1|: all four
    [[[3], [-1]], 1],
    // |±1 ±1 ±1 ±1 ±1| ≥ 3: five of a kind 2, four of five 10, of 32
    [[[1], [1], [1], [1], [-1]], 12 / 32],
    [[[0], [0]], 1],
  ])('%j', (cells, expected) => {
    expect(p(cells)).toBe(expected);
  });
});

it('with two seeds flips questions and seeds', () => {
  // all differences 1: r = c = 1, e = 1 − 1 − 1 + 1 = 0, so that d* = g_q + h_s. Without variance, as
  // observed, are those with equal g and equal h, and with a mean that is not 0 those with g = h: 2 of 2⁴
  const cells = [
    [1, 1],
    [1, 1],
  ];
  expect(p(cells)).toBe(2 / 16);
});

it('does not take 5 seeds × 8 questions for 40 independent observations', () => {
  // one seed of two has it all: 8 of 16 cells, all positive
  const cells = Array.from({ length: 8 }, () => [1, 0]);
  expect(p(cells)).toBeGreaterThan(0.2);
});

it('is the same whichever is subtracted, and each time', () => {
  const a = of([
    [0.2, 0.4],
    [0.5, 0.1],
    [0.9, 0.8],
  ]);
  const b = of([
    [0.1, 0.1],
    [0.2, 0.3],
    [0.4, 0.2],
  ]);
  expect(signFlipTest(a, b)).toBe(signFlipTest(b, a));
  expect(signFlipTest(a, b)).toBe(signFlipTest(a, b));
});

it('takes the seeds and questions that both have', () => {
  const a = of([[1], [2], [3], [9]]);
  const b = new Map([
    ...zeros([
      [0, 0],
      [0, 0],
      [0, 0],
    ]),
  ]);
  expect(signFlipTest(a, b)).toBe(2 / 8);
});

it('has nothing to say about one question, no shared seed, or no answers', () => {
  expect(p([[1, 1, 1]])).toBeNull();
  expect(signFlipTest(of([[1], [2]], 1), of([[0], [0]], 7))).toBeNull();
  expect(signFlipTest(of([[1], [2]]), new Map())).toBeNull();
  expect(signFlipTest(new Map([['a', new Map([[1, []]])]]), of([[1]]))).toBeNull();
});

it('holds its level where seeds and questions differ, and finds what is there', () => {
  const rejected = (mean: number, ofSeeds: number) => {
    const studies = 200;
    let hits = 0;
    for (let study = 0; study < studies; study++) {
      const random = new Random('sign flips', study, ofSeeds);
      const seeds = Array.from({ length: 5 }, () => ofSeeds * random.normal());
      const cells = Array.from({ length: 8 }, () => {
        const question = 0.1 * random.normal();
        return seeds.map((seed) => mean + question + seed + 0.1 * random.normal());
      });
      if (signFlipTest(of(cells), zeros(cells), { draws: 499 })! <= 0.05) hits += 1;
    }
    return hits / studies;
  };
  // at 5 %, two standard deviations of 200 studies are 3 %
  expect(rejected(0, 0)).toBeLessThanOrEqual(0.08);
  expect(rejected(0, 0.1)).toBeLessThanOrEqual(0.08);
  expect(rejected(0.2, 0.05)).toBeGreaterThan(0.9);
});
