/** Which steps have a DPO term, and how much it counts. */
import { describe, expect, it, vi } from 'vitest';
import { NO_COUNTS } from '../../src/conscience/metrics.js';
import type { ReviewRecord } from '../../src/conscience/record.js';
import type { ConscienceResult } from '../../src/conscience/step.js';
import { Random } from '../../src/random.js';
import { BatchStream } from '../../src/train/batch-stream.js';
import { PairSource } from '../../src/train/pairs.js';
import { align } from '../../src/train/step.js';
import { FakeEngine } from '../engine/fake.js';
import { randomRows } from '../engine/tiny.js';

const rows = randomRows([9, 12, 7, 10]);
const [chosen, rejected] = randomRows([8, 10], 2);
const engine = new FakeEngine();

const source = (pairsEvery?: number) =>
  new PairSource({
    ...{ engine, reference: 'base', frozenConscience: true, probes: [], trainingPrompts: [] },
    ...{ probeShare: 0, every: 1, samples: 1, pairsPerStep: 1, replayCapacity: 4, maxLength: 32, seed: 1 },
    ...(pairsEvery === undefined ? {} : { pairsEvery }),
    fixed: [{ chosen, rejected }],
    onReviews: () => {},
  });

it('draws pairs at every k-th step, and λ counts k-fold there, so that it stays the mean weight', async () => {
  const stream = new BatchStream(rows, {
    batching: 'bucket',
    batchSize: 4,
    accumulation: 1,
    maxLength: 32,
    seed: 1,
  });
  const weights: number[] = [];
  for (let step = 0; step < 6; step++) {
    const alignment = { engine, loss: { lambda: 0.1, beta: 1 }, maxGradNorm: 1 };
    const { passes, drawn } = await align({ ...alignment, pairs: source(3) }, step, stream.nextStep(), 1e-3);
    weights.push(drawn.pairs.length * passes[0].pass.lambda);
  }
  // 2 of 6 steps with 3·0.1 each: 0.1 a step
  expect(weights).toEqual([3 * 0.1, 0, 0, 3 * 0.1, 0, 0]);
  expect(weights.reduce((a, b) => a + b) / 6).toBeCloseTo(0.1, 12);
});

it('draws as often where reviews adapt, and λ stays its mean weight', async () => {
  for (const adaptive of [false, true]) {
    const pairs = new PairSource({
      ...{ engine, reference: 'base', frozenConscience: true, probes: [], trainingPrompts: [] },
      ...{ probeShare: 0, every: 3, samples: 1, pairsPerStep: 1, replayCapacity: 4, maxLength: 32, seed: 1 },
      ...{ pairsEvery: 3, totalSteps: 10, adaptive, fixed: [{ chosen, rejected }], onReviews: () => {} },
    });
    const weights: number[] = [];
    for (let step = 0; step < 10; step++) {
      const drawn = await pairs.draw(step);
      weights.push(drawn.pairs.length * (drawn.weight ?? 1));
      pairs.keep({ reviews: [], pairs: [], counts: { ...NO_COUNTS, reviewed: 4, flagged: step % 3 } });
    }
    expect(weights).toEqual([3, 0, 0, 3, 0, 0, 3, 0, 0, 1]);
  }
});

it('draws at every step by default', async () => {
  const pairs = source();
  for (const step of [0, 1, 2]) {
    expect(await pairs.draw(step)).toMatchObject({ weight: 1, pairs: [{ chosen, rejected }] });
  }
});

describe('fixed pairs', () => {
  const count = 1000;
  const many = Array.from({ length: count }, (_, i) => ({ ...{ chosen, rejected }, where: `${i}` }));
  const drawing = (fixed: typeof many) =>
    new PairSource({
      ...{ engine, reference: 'base', frozenConscience: true, probes: [], trainingPrompts: [] },
      ...{ probeShare: 0, every: 1, samples: 1, pairsPerStep: 4, replayCapacity: 4, maxLength: 32, seed: 1 },
      fixed,
      onReviews: () => {},
    });

  it('are drawn in work that does not grow with the file', async () => {
    const numbers = async (fixed: typeof many) => {
      const drawn = vi.spyOn(Random.prototype, 'uint32');
      const { pairs } = await drawing(fixed).draw(0);
      const calls = drawn.mock.calls.length;
      vi.restoreAllMocks();
      expect(pairs).toHaveLength(4);
      return calls;
    };
    expect(await numbers(many)).toBe(await numbers(many.slice(0, 10)));
  });

  it('are different in a step, and each comes in time', () => {
    const seen = new Set<number>();
    for (let step = 0; step < 60; step++) {
      const drawn = new Random(1, 'fixed pairs', step).draw(4, 10);
      expect(new Set(drawn).size).toBe(4);
      for (const i of drawn) seen.add(i);
    }
    expect([...seen].sort((a, b) => a - b)).toEqual([...Array(10).keys()]);
    expect(new Random(1).draw(9, 3).toSorted()).toEqual([0, 1, 2]);
    expect(new Random(1).draw(3, 0)).toEqual([]);
  });
});

describe('the alarm', () => {
  const alarmed = (lines: string[], alarm?: number) =>
    new PairSource({
      ...{ engine, reference: 'base', frozenConscience: true, probes: [], trainingPrompts: [], fixed: [] },
      ...{ probeShare: 0, every: 1, samples: 1, pairsPerStep: 4, replayCapacity: 4, maxLength: 32, seed: 1 },
      ...{ onReviews: () => {}, onAlarm: (line: string) => lines.push(line), alarm },
    });
  const review = (step: number, flagged: number): ConscienceResult => ({
    ...{ reviews: [{ step } as ReviewRecord], pairs: [] },
    counts: { ...NO_COUNTS, reviewed: 10, flagged },
  });

  it('is told with its step, and goes on from a checkpoint, also from one that has none', async () => {
    const lines: string[] = [];
    const first = alarmed(lines, 0.5);
    expect(first.alarm).toBeNull();
    first.keep(review(0, 6));
    const saved = JSON.parse(JSON.stringify(await first.state()));
    const second = alarmed(lines, 0.5);
    second.restore(saved);
    second.keep(review(5, 6));
    expect(second.alarm).toBe(true);
    second.keep(review(10, 0));
    expect(second.alarm).toBe(false);
    expect(lines.map((line) => line.slice(0, 16))).toEqual(['Alarm at step 5:', 'Alarm at step 10']);
    const { alarm: _, ...old } = saved;
    const third = alarmed(lines, 0.5);
    third.restore(old);
    expect(third.alarm).toBeNull();
  });

  it('is not there where nobody asks', async () => {
    const pairs = alarmed([]);
    pairs.keep(review(0, 10));
    expect(pairs.alarm).toBeUndefined();
    expect(await pairs.state()).not.toHaveProperty('alarm');
  });
});
