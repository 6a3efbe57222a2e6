import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/random.js';
import { meanOfFew } from '../../src/statistics/bootstrap-t.js';
import {
  bootstrapByQuestion,
  byQuestion,
  estimate,
  type Measurement,
  shareByQuestion,
} from '../../src/statistics/by-question.js';
import { percentiles, wilson } from '../../src/statistics/intervals.js';
import { studentT95 } from '../../src/statistics/student.js';
import { beta, coverage, repeat } from '../evaluate/synthetic.js';

type Ends = [number, number];
interface Expected {
  t95: [number, number][];
  bootstrap: {
    name: string;
    questions: number[][];
    value: number;
    bca: Ends | null;
    studentised: Ends;
  }[];
}

const file = join(import.meta.dirname, '../fixtures/statistics/intervals.json');
const expected = JSON.parse(readFileSync(file, 'utf8')) as Expected;

function expectWithin(estimate: { low: number; high: number }, [low, high]: Ends, tolerance: number) {
  expect(Math.abs(estimate.low - low) / (high - low)).toBeLessThan(tolerance);
  expect(Math.abs(estimate.high - high) / (high - low)).toBeLessThan(tolerance);
}

it.each(expected.t95)("Student's t at %i is SciPy's", (freedom, t) => {
  expect(studentT95(freedom) / t).toBeCloseTo(1, 10);
});

describe.each(expected.bootstrap)('with SciPy: $name', ({ questions, value, bca, studentised }) => {
  // the ends of 20,000 resamples scatter by √(0.025·0.975/20000)/density: below 1 % of the width
  it('is the same bootstrap-t', () => {
    const estimate = bootstrapByQuestion(questions, { draws: 20_000 })!;
    expect(estimate.value).toBeCloseTo(value, 12);
    expectWithin(estimate, studentised, 0.02);
  });

  // to second order they are the same; BCa is the narrower of the two on 24 questions
  if (bca) it('is near BCa', () => expectWithin(bootstrapByQuestion(questions)!, bca, 0.15));
});

/** 1,000 measurements of 24 questions × 10 answers: their share scatters by ±0.7 points. */
describe('95 % means 95 %', () => {
  const answers = (p: number, random: Random) => repeat(10, () => (random.next() < p ? 1 : 0));

  it('of scores', () => {
    const random = new Random(0, 'scores');
    const answersAround = (x: number) => repeat(10, () => x + 15 * random.normal());
    const covered = coverage(1000, 60, (seed) => {
      const data = repeat(24, () => answersAround(60 + 20 * random.normal()));
      return bootstrapByQuestion(data, { draws: 500, seed })!;
    });
    expect(covered).toBeGreaterThanOrEqual(0.93);
    expect(covered).toBeLessThanOrEqual(0.97);
  });

  it.each([
    [2, 2],
    [1, 9],
    [0.2, 3.8],
  ])('of shares that differ as Beta(%f, %f) does', (a, b) => {
    const random = new Random(0, 'shares', a, b);
    const covered = coverage(1000, a / (a + b), (seed) => {
      const data = repeat(24, () => answers(beta(a, b, random), random));
      return shareByQuestion(data, { draws: 500, seed })!;
    });
    expect(covered).toBeGreaterThanOrEqual(0.93);
    expect(covered).toBeLessThanOrEqual(0.97);
  });

  it('also where a filter leaves fewer answers of the questions that do worse', () => {
    const random = new Random(0, 'filtered');
    const rows = () =>
      repeat(24, () => beta(1, 3, random)).map((p) => answers(p, random).filter(() => random.next() < 1 - p));
    // E[p(1 − p)] / E[1 − p] of Beta(1, 3): (1/4 − 1/10) / (3/4)
    const covered = coverage(1000, 0.2, (seed) => shareByQuestion(rows(), { draws: 500, seed })!);
    expect(covered).toBeGreaterThanOrEqual(0.93);
    expect(covered).toBeLessThanOrEqual(0.97);
  });

  it('and never less than 93 % where most measurements see nothing', () => {
    const random = new Random(0, 'rare');
    const covered = coverage(1000, 0.01, (seed) => {
      const data = repeat(24, () => answers(beta(0.3, 29.7, random), random));
      return shareByQuestion(data, { draws: 500, seed })!;
    });
    expect(covered).toBeGreaterThanOrEqual(0.93);
  });
});

describe('where questions do not differ', () => {
  const [none, all] = [0, 1].map((x) => repeat(24, () => repeat(10, () => x)));

  it('is Wilson over the questions, not over the answers', () => {
    const high = wilson(0, 24)!.high;
    expect(shareByQuestion(none)).toEqual({ value: 0, low: 0, high: expect.closeTo(high, 12) });
    expect(shareByQuestion(all)).toEqual({ value: 1, low: expect.closeTo(1 - high, 12), high: 1 });
  });

  it('counts questions by their weight', () => {
    // (8 + 1 + 1)² / (8² + 1 + 1) = 100/66 questions
    const data = [repeat(8, () => 0), [0], [0]];
    expect(shareByQuestion(data)!.high).toBeCloseTo(wilson(0, 100 / 66)!.high, 12);
  });

  it('reaches as far as the range, in the unit of the range', () => {
    const w = wilson(0, 24)!.high;
    const same = repeat(24, () => [90, 90]);
    const { low, high } = bootstrapByQuestion(same, { range: [0, 100] })!;
    expect(low).toBeCloseTo(90 - w * 90, 10);
    expect(high).toBeCloseTo(90 + w * 10, 10);
    expect(bootstrapByQuestion(same)).toEqual({ value: 90, low: -Infinity, high: Infinity });
  });

  it('is not fooled by rounding', () => {
    const tenths = repeat(24, () => [0.1, 0.2, 0.3]);
    expect(bootstrapByQuestion(tenths, { range: [0, 1] })!.high).toBeGreaterThan(0.3);
  });

  it('is wide over one question', () => {
    const { low, high } = shareByQuestion([[1, 0, 0, 1]])!;
    expect(high - low).toBeCloseTo(wilson(0, 1)!.high, 12);
  });
});

describe('where few questions differ', () => {
  // Student's t for the normal makes it a little wider
  it('is about Wilson over the answers for one answer of 240', () => {
    const data = repeat(24, (q) => repeat(10, (i) => (q + i === 0 ? 1 : 0)));
    const { value, low, high } = shareByQuestion(data)!;
    expect(value).toBe(1 / 240);
    expect(low).toBeGreaterThan(0);
    expect(high / wilson(1, 240)!.high).toBeGreaterThan(1);
    expect(high / wilson(1, 240)!.high).toBeLessThan(1.15);
  });

  it('is about Wilson over the questions for all answers of one', () => {
    const data = repeat(24, (q) => repeat(10, () => (q === 0 ? 1 : 0)));
    expect(shareByQuestion(data)!.high / wilson(1, 24)!.high).toBeGreaterThan(1);
    expect(shareByQuestion(data)!.high / wilson(1, 24)!.high).toBeLessThan(1.15);
  });

  it("is Student's t where nothing bounds it", () => {
    // two questions at 1 and 3: standard error 1, and half of the resamples see only one of them
    const { low, high } = bootstrapByQuestion([[1], [3]])!;
    expect(low).toBeCloseTo(2 - studentT95(1), 10);
    expect(high).toBeCloseTo(2 + studentT95(1), 10);
  });
});

describe('mean of few', () => {
  it("is Wilson with Student's t for the normal, within the range", () => {
    // mean 20 of 0 to 100, standard error 20 of five: p = 0.2, t²·se²/(p(1 − p)) = 7.709·0.04/0.16
    const ratio = (studentT95(4) ** 2 * 0.04) / 0.16;
    const half = Math.sqrt(0.16 * ratio + ratio ** 2 / 4) / (1 + ratio);
    const center = (0.2 + ratio / 2) / (1 + ratio);
    const { value, low, high } = meanOfFew([0, 0, 0, 0, 100], [0, 100])!;
    expect(value).toBe(20);
    expect(low).toBeCloseTo(100 * (center - half), 10);
    expect(high).toBeCloseTo(100 * (center + half), 10);
  });

  it('is wide over one value or equal ones, and nothing over none', () => {
    expect(meanOfFew([0], [0, 100])!.high).toBeCloseTo(100 * wilson(0, 1)!.high, 10);
    expect(meanOfFew([0, 0, 0], [0, 100])!.high).toBeCloseTo(100 * wilson(0, 3)!.high, 10);
    expect(meanOfFew([], [0, 100])).toBeNull();
  });
});

it('keeps all answers of a question together: more answers do not narrow it', () => {
  const random = new Random(3);
  const shares = repeat(24, () => [random.next()]);
  const once = bootstrapByQuestion(shares)!;
  const often = bootstrapByQuestion(shares.map(([x]) => repeat(100, () => x)))!;
  expect(often.low).toBeCloseTo(once.low, 10);
  expect(often.high).toBeCloseTo(once.high, 10);
});

it('knows nothing over nothing, and leaves out questions without an answer', () => {
  expect(bootstrapByQuestion([])).toBeNull();
  expect(shareByQuestion([[], []])).toBeNull();
  expect(shareByQuestion([[1, 0], [], [0]])).toEqual(shareByQuestion([[1, 0], [0]]));
});

it('is the same for the same seed', () => {
  const data = repeat(24, (q) => [q % 3, q % 5]);
  expect(bootstrapByQuestion(data, { seed: 3 })).toEqual(bootstrapByQuestion(data, { seed: 3 }));
  expect(bootstrapByQuestion(data, { seed: 3 })).not.toEqual(bootstrapByQuestion(data, { seed: 4 }));
});

it('groups by question and seed, and keeps those without a number', () => {
  const items = [
    { q: 'a', s: 1, x: 1 },
    { q: 'b', s: 1, x: null },
    { q: 'a', s: 1, x: 2 },
    { q: 'a', s: 2, x: 3 },
  ];
  const grouped = byQuestion(
    items,
    ({ q }) => q,
    ({ s }) => s,
    ({ x }) => x,
  );
  expect(JSON.stringify([...grouped].map(([q, seeds]) => [q, ...seeds]))).toBe(
    '[["a",[1,[1,2]],[2,[3]]],["b",[1,[]]]]',
  );
});

describe('over seeds', () => {
  /** Answers of 24 questions, by seed; each number of the inner list is one seed's answer. */
  const of = (rows: readonly (readonly number[])[]): Measurement =>
    new Map(rows.map((row, q) => [`q${q}`, new Map(row.map((x, s) => [s, [x]]))]));

  it('is the same as over questions where there is one seed', () => {
    const random = new Random(1);
    const rows = repeat(24, () => [random.next()]);
    expect(estimate(of(rows))).toEqual(bootstrapByQuestion(rows));
    expect(estimate(of([]))).toBeNull();
  });

  it('is wider where seeds disagree, and leaves everything open where two do entirely', () => {
    const random = new Random(1);
    const effects = repeat(24, () => random.normal());
    const agree = estimate(of(effects.map((x) => [x, x, x])))!;
    const disagree = estimate(of(effects.map((x) => [x - 1, x, x + 1])))!;
    expect(agree.high - agree.low).toBeLessThan(0.5 * (disagree.high - disagree.low));
    const opposed = of(repeat(24, () => [0, 1]));
    expect(estimate(opposed, { range: [0, 1] })).toEqual({ value: 0.5, low: 0, high: 1 });
  });
});

it('percentiles of 1,000 draws are those of 95 %', () => {
  expect(percentiles(repeat(1001, (i) => i))).toEqual({ low: 25, high: 975 });
});
