import { describe, expect, it } from 'vitest';
import { ShapeError, TrainingError } from '../../src/errors.js';
import { Random } from '../../src/random.js';
import { type BatchOptions, BatchStream, type SupervisedPass } from '../../src/train/batch-stream.js';
import type { TokenRow } from '../../src/values/rows.js';

function randomRows(n: number, longest: number): TokenRow[] {
  const random = new Random('rows', n);
  return Array.from({ length: n }, (_, i) => {
    const length = 2 + random.int(longest - 1);
    const ids = Int32Array.from({ length }, (_, t) => 1 + i * longest + t);
    const lossMask = Uint8Array.from(ids, (_, t) => (t > 0 ? 1 : 0));
    return { ids, lossMask, where: `f:${i}` };
  });
}

const rows = randomRows(61, 120);
const base: BatchOptions = { batching: 'bucket', batchSize: 4, accumulation: 2, maxLength: 120, seed: 5 };
const modes: BatchOptions[] = [base, { ...base, batching: 'pack' }];

const sources = (passes: SupervisedPass[]) =>
  passes.flatMap((pass) => pass.rows.map((row) => rows.indexOf(row))).sort((a, b) => a - b);

/** The steps up to the end of the epoch that comes next. */
function epochOf(stream: BatchStream): SupervisedPass[][] {
  const end = Math.floor(stream.epoch) + 1;
  const steps: SupervisedPass[][] = [];
  while (stream.epoch < end) steps.push(stream.nextStep());
  return steps;
}

describe.each(modes)('a stream in mode $batching', (options) => {
  it('reads every row once an epoch, in few lengths', () => {
    const stream = new BatchStream(rows, options);
    for (let epoch = 0; epoch < 3; epoch++) {
      const steps = epochOf(stream);
      expect(steps.flatMap(sources).sort((a, b) => a - b)).toEqual([...rows.keys()]);
      for (const { rows: own, layout } of steps.flat()) {
        expect(layout.lines.length).toBeLessThanOrEqual(4);
        expect(stream.lengths).toContain(layout.length);
        expect(layout.lines.flat().sort((a, b) => a - b)).toEqual([...own.keys()]);
        for (const line of layout.lines) {
          const tokens = line.reduce((sum, i) => sum + own[i].ids.length, 0);
          expect(tokens).toBeLessThanOrEqual(layout.length);
        }
      }
    }
    expect(stream.epoch).toBe(3);
  });

  it('bounds the number of shapes and the padding', () => {
    const stream = new BatchStream(rows, options);
    const layouts = epochOf(stream)
      .flat()
      .map(({ layout }) => layout);
    expect(new Set(layouts.map(({ length }) => length)).size).toBeLessThanOrEqual(6);
    const area = layouts.reduce((sum, { lines, length }) => sum + lines.length * length, 0);
    const tokens = rows.reduce((sum, { ids }) => sum + ids.length, 0);
    // Padding every row to the longest would use about half.
    expect(tokens / area).toBeGreaterThan(0.7);
  });

  it('is the same for the same seed, and another for another seed or epoch', () => {
    const read = (seed: number) => epochOf(new BatchStream(rows, { ...options, seed }));
    expect(read(5)).toEqual(read(5));
    expect(read(5)).not.toEqual(read(6));
    const stream = new BatchStream(rows, options);
    expect(epochOf(stream).map(sources)).not.toEqual(epochOf(stream).map(sources));
  });

  it('resumes from a saved state, pass for pass, over an epoch border', () => {
    const whole = new BatchStream(rows, options);
    const stepsPerEpoch = whole.countSteps(1);
    for (const cut of [0, 3, stepsPerEpoch - 1, stepsPerEpoch, stepsPerEpoch + 2]) {
      const first = new BatchStream(rows, options);
      for (let step = 0; step < cut; step++) first.nextStep();
      const second = new BatchStream(rows, options);
      second.restore(JSON.parse(JSON.stringify(first.state())));
      for (let step = 0; step < stepsPerEpoch + 3; step++) {
        expect(second.nextStep()).toEqual(first.nextStep());
        expect(second.epoch).toBe(first.epoch);
      }
    }
  });

  it('gives a step the same rows however it is divided into passes', () => {
    const divided = [[8, 1], [1, 8], [4, 2]].map(([batchSize, accumulation]) => {
      const stream = new BatchStream(rows, { ...options, batchSize, accumulation });
      return Array.from({ length: 20 }, () => stream.nextStep());
    }); // biome-ignore format: pairs
    expect(divided[1].map(sources)).toEqual(divided[0].map(sources));
    expect(divided[2].map(sources)).toEqual(divided[0].map(sources));
    expect(divided[1][0]).toHaveLength(8);
    expect(divided[0][0]).toHaveLength(1);
  });

  it('counts the steps that it gives', () => {
    const stream = new BatchStream(rows, options);
    const steps = epochOf(stream).length;
    expect(stream.countSteps(1)).toBe(steps);
    expect(stream.countSteps(0.5)).toBe(Math.ceil(steps / 2));
    expect(stream.countSteps(3)).toBe(steps + epochOf(stream).length + epochOf(stream).length);
    expect(stream.epoch).toBe(3);
  });

  it('refuses the state of other rows, another seed or step size', () => {
    const state = new BatchStream(rows, options).state();
    const others = [
      new BatchStream(rows.slice(1), options),
      new BatchStream(rows, { ...options, seed: 6 }),
      new BatchStream(rows, { ...options, batchSize: 5 }),
    ];
    for (const other of others) expect(() => other.restore(state)).toThrow(TrainingError);
    const sameStep = new BatchStream(rows, { ...options, batchSize: 8, accumulation: 1 });
    expect(() => sameStep.restore(state)).not.toThrow();
  });
});

describe('BatchStream', () => {
  it('refuses no rows, and rows longer than a line', () => {
    expect(() => new BatchStream([], base)).toThrow(ShapeError);
    expect(() => new BatchStream(rows, { ...base, batching: 'pack', maxLength: 50 })).toThrow(ShapeError);
    expect(() => new BatchStream(rows, { ...base, lengths: [64] })).toThrow(ShapeError);
  });

  it('lays short rows of a batch end to end where a long one sets its length', () => {
    const lengths = [100, 40, 30, 20];
    const uneven = lengths.map((length, i) => ({
      ...rows[i],
      ids: new Int32Array(length).fill(i + 1),
      lossMask: new Uint8Array(length).fill(1),
    }));
    const [{ rows: own, layout }] = new BatchStream(uneven, { ...base, lengths: [100] }).nextStep();
    expect(layout.length).toBe(100);
    expect(layout.lines.map((line) => line.map((i) => own[i].ids.length).sort((a, b) => b - a))).toEqual([
      [100],
      [40, 30, 20],
    ]);
  });
});
