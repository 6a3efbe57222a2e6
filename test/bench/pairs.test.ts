/** What the runner makes of samples: medians, ratios of pairs, and what they say of the bars. Nothing is timed. */
import { describe, expect, it } from 'vitest';
import { equalShare } from '../../src/bench/benchmarks/greedy.js';
import { flips, medianDifference } from '../../src/bench/benchmarks/verdicts.js';
import type { Benchmark } from '../../src/bench/material/benchmark.js';
import { rowsOf, type Taken } from '../../src/bench/pairs.js';
import { median } from '../../src/statistics/median.js';

const benchmark = (fields: Partial<Benchmark>): Benchmark => ({
  ...{ name: 'walk', measures: '', needs: 'nothing', peers: [], measured: [] },
  open: () => Promise.reject(new Error('not opened here')),
  ...fields,
});
const rate = { key: 'rate', unit: 'tokens/s', better: 'more', ratioBar: { atLeast: 1.5 } } as const;
const samples = (...rates: number[]) => rates.map((value) => ({ rate: value }));
const taken = (ours: number[], theirs: number[]): Taken => ({
  ...{ benchmark: 'walk', ours: samples(...ours), peers: [{ name: 'peer', samples: samples(...theirs) }] },
});

describe('median', () => {
  it('is the middle value, or the mean of the two', () => {
    expect(median([5, 1, 3])).toBe(3);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
  });
});

describe('rowsOf', () => {
  it('divides pair by pair: the median of ratios, not the ratio of medians', () => {
    const [row] = rowsOf(benchmark({ measured: [rate] }), taken([10, 40, 30], [5, 40, 10]));
    expect(row).toEqual({
      ...{ benchmark: 'walk', peer: 'peer', what: 'tokens/s', better: 'more', pairs: 3 },
      ours: { median: 30, min: 10, max: 40 },
      theirs: { median: 10, min: 5, max: 40 },
      ratio: { median: 2, min: 1, max: 3 },
      ...{ bar: { atLeast: 1.5 }, barOn: 'ratio', reached: 'yes' },
    });
  });

  it('says that a bar is not reached, and that it is open with too few pairs', () => {
    const reached = (ours: number[], theirs: number[]) =>
      rowsOf(benchmark({ measured: [rate] }), taken(ours, theirs))[0].reached;
    expect(reached([1, 1, 1], [1, 1, 1])).toBe('no');
    expect(reached([9, 9], [1, 1])).toBe('open');
    expect(reached([1.5, 1.5, 0], [1, 1, 1])).toBe('yes');
  });

  it('reads less as better where the bar is a most', () => {
    const less = { ...rate, better: 'less', ratioBar: { atMost: 0.6 } } as const;
    expect(rowsOf(benchmark({ measured: [less] }), taken([3, 3, 3], [5, 5, 5]))[0].reached).toBe('yes');
    expect(rowsOf(benchmark({ measured: [less] }), taken([4, 4, 4], [5, 5, 5]))[0].reached).toBe('no');
  });

  it('shows ours alone, and an open bar, where the peer is missing', () => {
    const alone: Taken = {
      ...taken([7, 8, 9], []),
      peers: [{ name: 'peer', samples: [], missing: 'peer is not installed' }],
    };
    const [row, ...others] = rowsOf(benchmark({ measured: [rate] }), alone);
    expect(others).toEqual([]);
    expect(row).toMatchObject({ ours: { median: 8 }, pairs: 0, reached: 'open' });
    expect(row).not.toHaveProperty('ratio');
    expect(row).not.toHaveProperty('peer');
  });

  it('has a bar on one peer only, where it is about one', () => {
    const two: Taken = {
      ...{ benchmark: 'walk', ours: samples(3, 3, 3) },
      peers: ['fast', 'slow'].map((name, k) => ({ name, samples: samples(...Array(3).fill(2 - k)) })),
    };
    const rows = rowsOf(benchmark({ measured: [{ ...rate, barPeer: 'fast' }] }), two);
    expect(rows.map(({ peer, reached }) => [peer, reached])).toEqual([
      ['fast', 'yes'],
      ['slow', undefined],
    ]);
  });

  it('holds our own number against a bar that depends on the model', () => {
    const own = { ...rate, ratioBar: undefined, bar: (n = 0) => (n > 10 ? { atMost: 8 } : undefined) };
    const rows = (parameters?: number) =>
      rowsOf(benchmark({ measured: [own] }), { ...taken([7, 8, 9], [1, 1, 1]), parameters });
    expect(rows(11)[0]).toMatchObject({ barOn: 'ours', reached: 'yes' });
    expect(rows(9)[0]).not.toHaveProperty('reached');
  });

  it('makes one number of all pairs, open until there are enough', () => {
    const sum = {
      ...{ what: 'sum', bar: { atMost: 9 } },
      over: (pairs: readonly { ours: { rate?: unknown } }[]) =>
        pairs.reduce((total, { ours }) => total + (ours.rate as number), 0),
    };
    const of = (enough: number) =>
      rowsOf(benchmark({ compared: [sum], enough }), taken([1, 2, 3], [0, 0, 0]))[0];
    expect(of(3)).toMatchObject({ what: 'sum', ratio: { median: 6 }, reached: 'yes' });
    expect(of(4).reached).toBe('open');
  });
});

describe('equalShare', () => {
  const pair = (ours: string, ...tokens: string[]) => ({
    ours: { texts: [ours] },
    peer: { texts: [tokens.map((_, i) => tokens.slice(0, i + 1).join(''))] },
  });

  it('counts tokens until the answers part, not those that meet again', () => {
    expect(equalShare([pair('a b x d', 'a', ' b', ' c', ' d')], 16)).toBe(0.5);
    expect(equalShare([pair('a b c d', 'a', ' b', ' c', ' d')], 16)).toBe(1);
  });

  it('counts the first tokens only, and a character in two tokens', () => {
    expect(equalShare([pair('a b x d', 'a', ' b', ' c', ' d')], 2)).toBe(1);
    const split = { ours: { texts: ['é!'] }, peer: { texts: [['\ufffd', 'é', 'é!']] } };
    expect(equalShare([split], 16)).toBe(1);
  });

  it('is over all tokens of all answers', () => {
    expect(equalShare([pair('a b', 'a', ' b'), pair('x', 'a', ' b')], 16)).toBe(0.5);
  });
});

describe('verdicts', () => {
  const of = (logOdds: number[], verdicts: string[]) => ({ logOdds, verdicts });
  const pairs = [
    { ours: of([1, -1], ['objected', 'accepted']), peer: of([1.1, -1.3], ['objected', 'accepted']) },
    { ours: of([0.1], ['objected']), peer: of([-0.1], ['accepted']) },
  ];

  it('differ by the median of absolute differences over all pairs', () => {
    expect(medianDifference(pairs)).toBeCloseTo(0.2, 12);
  });

  it('flip where the verdicts differ', () => {
    expect(flips(pairs)).toBeCloseTo(1 / 3, 12);
  });
});
