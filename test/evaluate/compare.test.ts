import { describe, expect, it } from 'vitest';
import { compare, withinNoise } from '../../src/evaluate/compare.js';
import { Random } from '../../src/random.js';
import { bootstrapByQuestion, type Measurement } from '../../src/statistics/by-question.js';
import { wilson } from '../../src/statistics/intervals.js';
import { beta, coverage, repeat } from './synthetic.js';

/** Answers by question, all under one seed. */
const of = (rows: readonly (readonly number[])[], seed = 0): Measurement =>
  new Map(rows.map((values, q) => [`q${q}`, new Map([[seed, values]])]));

/** Answers by question, one of each seed. */
const bySeeds = (rows: readonly (readonly number[])[], first = 0): Measurement =>
  new Map(rows.map((row, q) => [`q${q}`, new Map(row.map((x, s) => [first + s, [x]]))]));

const width = ({ low, high }: { low: number; high: number }) => high - low;

it('is A minus B', () => {
  const difference = compare(
    of([
      [1, 1],
      [0, 1],
      [1, 0],
    ]),
    of([
      [0, 0],
      [0, 1],
      [0, 0],
    ]),
  )!;
  expect(difference).toMatchObject({ a: 4 / 6, b: 1 / 6, value: 3 / 6, questions: 3, unpaired: [] });
});

it('is the interval of the differences where questions are of one size', () => {
  const random = new Random(2);
  const rows = repeat(24, () => repeat(4, () => random.next()));
  const differences = rows.map(([a1, a2, b1, b2]) => [(a1 + a2 - b1 - b2) / 2]);
  const paired = compare(of(rows.map((row) => row.slice(0, 2))), of(rows.map((row) => row.slice(2))))!;
  const { value, low, high } = bootstrapByQuestion(differences)!;
  expect(paired.value).toBeCloseTo(value, 10);
  expect(paired.low).toBeCloseTo(low, 10);
  expect(paired.high).toBeCloseTo(high, 10);
});

it('sees a difference that is smaller than those between questions', () => {
  const random = new Random(2);
  const effects = repeat(24, () => 20 * random.normal());
  const answers = (shift: number) => of(effects.map((x) => repeat(10, () => x + shift + random.normal())));
  const [a, b] = [answers(2), answers(0)];
  const alone = [a, b].map((all) => bootstrapByQuestion([...all.values()].map((seeds) => seeds.get(0)!))!);
  expect(alone[0].low).toBeLessThan(alone[1].high);
  const { low, high, withinNoise } = compare(a, b)!;
  expect(low).toBeGreaterThan(1.5);
  expect(high).toBeLessThan(2.5);
  expect(withinNoise).toBe(false);
});

it('calls a model that is measured twice within noise, in 95 % of the cases', () => {
  const random = new Random(0, 'twice');
  const covered = coverage(1000, 0, (seed) => {
    const shares = repeat(24, () => beta(1, 4, random));
    const once = () => of(shares.map((p) => repeat(10, () => (random.next() < p ? 1 : 0))));
    return compare(once(), once(), { draws: 300, seed, range: [0, 1] })!;
  });
  expect(covered).toBeGreaterThanOrEqual(0.93);
  expect(covered).toBeLessThanOrEqual(0.97);
});

it('covers the true difference, also where a filter leaves less of one of the two', () => {
  const random = new Random(0, 'filtered');
  const answers = (p: number) => repeat(10, () => (random.next() < p ? 1 : 0));
  const covered = coverage(1000, 0.2 - 0.125, (seed) => {
    const shares = repeat(24, () => beta(1, 3, random));
    // E[p(1 − p)] / E[1 − p] = 0.2 of those that pass in A; E[p/2] = 1/8 in B
    const a = of(shares.map((p) => answers(p).filter(() => random.next() < 1 - p)));
    const b = of(shares.map((p) => answers(p / 2)));
    return compare(a, b, { draws: 300, seed, range: [0, 1] })!;
  });
  expect(covered).toBeGreaterThanOrEqual(0.93);
  expect(covered).toBeLessThanOrEqual(0.97);
});

describe('over seeds', () => {
  const random = new Random(5);
  const effects = repeat(24, () => random.normal());
  const noise = () => 0.1 * random.normal();
  /** A and B share what each seed does; by itself that is larger than the difference. */
  const seeds = [-2, 0, 2];
  const a = effects.map((x) => seeds.map((y) => x + y + 1 + noise()));
  const b = effects.map((x) => seeds.map((y) => x + y + noise()));

  it('pairs seeds of the same numbers', () => {
    expect(compare(bySeeds(a), bySeeds(b))!).toMatchObject({ withinNoise: false });
  });

  it('adds the variance of each where they are not the same', () => {
    const unpaired = compare(bySeeds(a), bySeeds(b, 10))!;
    expect(unpaired.value).toBeCloseTo(1, 1);
    expect(unpaired.withinNoise).toBe(true);
  });

  it('takes the only seed of one as it is', () => {
    const base = b.map(([, x]) => [x]);
    expect(width(compare(bySeeds(a), of(base))!)).toBeGreaterThan(width(compare(of(a), of(base))!));
  });
});

describe('where no question differs', () => {
  const none = of(repeat(24, () => repeat(10, () => 0)));
  const some = of(repeat(24, (q) => [q % 2, 1]));

  it.each([
    ['none against none', none],
    ['a run against itself', some],
  ])('is as far from certain as Wilson of no question: %s', (_, run) => {
    const { high } = wilson(0, 24)!;
    expect(compare(run, run, { range: [0, 1] })).toMatchObject({
      value: 0,
      low: expect.closeTo(-high, 10),
      high: expect.closeTo(high, 10),
      withinNoise: true,
    });
  });

  it('tells none from all', () => {
    const all = of(repeat(24, () => repeat(10, () => 1)));
    expect(compare(all, none, { range: [0, 1] })).toMatchObject({ value: 1, high: 1, withinNoise: false });
  });
});

describe('questions that are not in both', () => {
  it('are left out, and named', () => {
    const a: Measurement = new Map([...of([[1], [0], [1]]), ['x', new Map([[0, [9]]])]]);
    const b: Measurement = new Map([...of([[0], [0], [1]]), ['y', new Map([[0, [9]]])]]);
    const difference = compare(a, b)!;
    expect(difference).toMatchObject({ value: 1 / 3, questions: 3, unpaired: ['x', 'y'] });
    expect(difference).toEqual({
      ...compare(of([[1], [0], [1]]), of([[0], [0], [1]])),
      unpaired: ['x', 'y'],
    });
  });

  it('stay where a filter left nothing of one', () => {
    expect(compare(of([[1], [0], []]), of([[0], [0], [1]]))).toMatchObject({
      a: 1 / 2,
      b: 1 / 3,
      questions: 3,
    });
  });
});

it('knows nothing over nothing', () => {
  expect(compare(of([]), of([]))).toBeNull();
  expect(compare(of([[1]]), of([[]]))).toBeNull();
  expect(compare(of([[1]]), new Map([['other', new Map([[0, [1]]])]]))).toBeNull();
});

it('says that an interval around 0 is within noise', () => {
  expect(withinNoise({ low: -0.1, high: 0.2 })).toBe(true);
  expect(withinNoise({ low: 0, high: 0.2 })).toBe(true);
  expect(withinNoise({ low: 0.01, high: 0.2 })).toBe(false);
  expect(withinNoise({ low: -0.2, high: -0.01 })).toBe(false);
});
