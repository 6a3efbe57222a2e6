import { describe, expect, it } from 'vitest';
import { meanAge, ReplayBuffer } from '../../src/train/replay.js';
import type { Pair } from '../../src/values/pair.js';
import { promptOf, responseOf } from './scripted-model.js';

function pairs(from: number, to: number): Pair[] {
  const evidence = {
    pObjection: 0.9,
    pObjectionRaw: 0.9,
    mass: 1,
    framework: 'asimov',
    judge: 'frozen-base',
  };
  return Array.from({ length: to - from }, (_, i) => ({
    id: `pair:${from + i}`,
    prompt: promptOf(`${from + i}`),
    chosen: responseOf('good'),
    rejected: responseOf('bad'),
    verdict: { kind: 'objected', ...evidence },
    alternativeVerdict: { kind: 'accepted', ...evidence, pObjection: 0.1 },
    step: from + i,
  }));
}

const ids = (draws: { pair: Pair }[]) => draws.map(({ pair }) => Number(pair.id.slice(5)));

describe('ReplayBuffer', () => {
  it('drops the oldest beyond its capacity and counts all that were added', () => {
    const buffer = new ReplayBuffer({ capacity: 3, seed: 1 });
    buffer.add(pairs(0, 5));
    expect([buffer.size, buffer.total]).toEqual([3, 5]);
    expect(ids(buffer.sample(3, 9)).sort()).toEqual([2, 3, 4]);
  });

  it('draws the newest first, then others, never one twice', () => {
    const buffer = new ReplayBuffer({ capacity: 100, seed: 1 });
    buffer.add(pairs(0, 20));
    for (let step = 20; step < 60; step++) {
      const drawn = ids(buffer.sample(5, step));
      expect(drawn.slice(0, 3)).toEqual([19, 18, 17]); // ⌈5 · 0.5⌉ = 3
      expect(new Set(drawn).size).toBe(5);
      expect(Math.max(...drawn.slice(3))).toBeLessThan(17);
    }
  });

  it('draws the others uniformly', () => {
    const buffer = new ReplayBuffer({ capacity: 10, seed: 7 });
    buffer.add(pairs(0, 10));
    const counts = new Array(10).fill(0);
    for (let i = 0; i < 5000; i++) for (const id of ids(buffer.sample(2, 10))) counts[id]++;
    expect(counts.pop()).toBe(5000);
    // Each other is drawn in 1/9 of 5000 draws: mean 556, standard deviation √(5000·1/9·8/9) = 22; 5σ.
    for (const count of counts) expect(Math.abs(count - 5000 / 9)).toBeLessThan(111);
  });

  it('gives what it has when asked for more, and nothing when empty', () => {
    const buffer = new ReplayBuffer({ capacity: 10, seed: 1 });
    expect(buffer.sample(4, 0)).toEqual([]);
    buffer.add(pairs(0, 2));
    expect(ids(buffer.sample(4, 2)).sort()).toEqual([0, 1]);
  });

  it('tells ages and how often a pair was drawn', () => {
    const buffer = new ReplayBuffer({ capacity: 10, seed: 1 });
    buffer.add(pairs(3, 5));
    expect(buffer.sample(1, 10)).toMatchObject([{ age: 6, draws: 1 }]);
    const draws = buffer.sample(2, 12);
    expect(draws).toMatchObject([
      { age: 8, draws: 2 },
      { age: 9, draws: 1 },
    ]);
    expect(meanAge(draws)).toBe(8.5);
    expect(meanAge([])).toBeNull();
  });

  it('continues from its state, through JSON, exactly as if never interrupted', () => {
    const options = { capacity: 15, seed: 3 };
    const buffer = new ReplayBuffer(options);
    buffer.add(pairs(0, 20));
    buffer.sample(6, 20);
    const resumed = ReplayBuffer.fromState(JSON.parse(JSON.stringify(buffer.state())), options);
    for (const each of [buffer, resumed]) each.add(pairs(20, 22));
    for (let step = 22; step < 30; step++) {
      expect(resumed.sample(6, step)).toEqual(buffer.sample(6, step));
    }
    expect(resumed.state()).toEqual(buffer.state());
  });

  it('has a state that later draws leave alone', () => {
    const buffer = new ReplayBuffer({ capacity: 5, seed: 3 });
    buffer.add(pairs(0, 3));
    const state = buffer.state();
    const before = JSON.stringify(state);
    buffer.sample(3, 5);
    expect(JSON.stringify(state)).toBe(before);
  });

  it('draws differently with another seed, and alike with the same', () => {
    const draws = [1, 1, 2].map((seed) => {
      const buffer = new ReplayBuffer({ capacity: 50, seed });
      buffer.add(pairs(0, 50));
      return ids(buffer.sample(10, 50));
    });
    expect(draws[0]).toEqual(draws[1]);
    expect(draws[0]).not.toEqual(draws[2]);
  });

  it('refuses a capacity out of range', () => {
    expect(() => new ReplayBuffer({ capacity: 0, seed: 1 })).toThrow(RangeError);
  });
});
