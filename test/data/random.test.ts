import { describe, expect, it } from 'vitest';
import { Random } from '../../src/random.js';

const draw = (random: Random, n: number) => Array.from({ length: n }, () => random.next());

describe('Random', () => {
  it('is xoshiro128** 1.1', () => {
    const random = Random.fromState([1, 2, 3, 4]);
    // First output by hand: rotl(2·5, 7)·9 = 11520. The rest from a transcription of the
    // authors' C file to Python integers.
    expect(Array.from({ length: 10 }, () => random.uint32())).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
  });

  it('gives equal streams for equal seed parts and others for others', () => {
    expect(draw(new Random(7, 'shuffle', 2), 5)).toEqual(draw(new Random(7, 'shuffle', 2), 5));
    const streams = [
      new Random(7, 'shuffle', 2),
      new Random(7, 'shuffle', 3),
      new Random(7, 'shuffle', '2'),
      new Random('7', 'shuffle', 2),
      new Random(7, 'shuffle2'),
      new Random(),
    ].map((random) => random.next());
    expect(new Set(streams).size).toBe(streams.length);
  });

  it('goes on from a saved state that went through JSON', () => {
    const random = new Random(1);
    draw(random, 3);
    random.normal();
    const copy = Random.fromState(JSON.parse(JSON.stringify(random.state())));
    expect(draw(copy, 20)).toEqual(draw(random, 20));
    expect(copy.normal()).toBe(random.normal());
  });

  it.each([[[1, 2, 3]], [[0, 0, 0, 0]], [[1, 2, 3, -4]], [[1, 2, 3, 2 ** 32]], [[1, 2, 3, 0.5]]])(
    'refuses the state %j',
    (state) => {
      expect(() => Random.fromState(state)).toThrow(RangeError);
    },
  );

  it('draws integers uniformly', () => {
    const random = new Random('int');
    const counts = [0, 0, 0, 0, 0, 0, 0];
    for (let i = 0; i < 70_000; i++) counts[random.int(7)]++;
    // Binomial: mean 10,000, standard deviation 93; five of them.
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(465);
    expect(() => random.int(0)).toThrow(RangeError);
    expect(() => random.int(1.5)).toThrow(RangeError);
  });

  it('draws normals with mean 0, variance 1, kurtosis 3', () => {
    const random = new Random('normal');
    const n = 100_000;
    const xs = Array.from({ length: n }, () => random.normal());
    const moment = (k: number) => xs.reduce((sum, x) => sum + x ** k, 0) / n;
    // Standard errors: 1/√n, √2/√n, √96/√n = 0.0032, 0.0045, 0.031; five of each.
    expect(Math.abs(moment(1))).toBeLessThan(0.016);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(0.023);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.16);
  });

  it('shuffles to every order equally often', () => {
    const random = new Random('shuffle');
    const counts = new Map<string, number>();
    for (let i = 0; i < 24_000; i++) {
      const order = random.shuffle([0, 1, 2, 3]).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    // Mean 1,000, standard deviation 31; five of them.
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(155);
  });
});
