/** How a step's rows and pairs become passes: weights add up, and the division into passes does not matter. */
import { describe, expect, it } from 'vitest';
import { BatchStream } from '../../src/train/batch-stream.js';
import { hybridPasses } from '../../src/train/passes.js';
import { FakeEngine } from '../engine/fake.js';
import { randomRows, stepOf, targetsOf } from '../engine/tiny.js';

const rows = randomRows([9, 12, 7, 10, 8, 11, 6, 13]);
const [a, b, c, d] = randomRows([8, 10, 9, 5], 2);
const pairs = [
  { chosen: a, rejected: b, reference: { chosen: -18, rejected: -22 } },
  { chosen: c, rejected: d, reference: { chosen: -20, rejected: -9 } },
];
const engine = new FakeEngine();

function passesOf(batching: 'bucket' | 'pack', batchSize: number, accumulation: number) {
  const stream = new BatchStream(rows, { batching, batchSize, accumulation, maxLength: 32, seed: 1 });
  return hybridPasses(stream.nextStep(), pairs, { lambda: 0.5, beta: 0.1 });
}

async function gradientsOf(...division: Parameters<typeof passesOf>) {
  const passes = passesOf(...division);
  let loss = 0;
  for (const pass of passes.slice(0, -1)) loss += (await engine.accumulate(pass)).loss;
  const { result, gradients } = await stepOf(engine, passes.at(-1)!);
  return { gradients, loss: loss + result.loss };
}

describe('hybridPasses', () => {
  it.each([
    ['bucket', 2, 4],
    ['pack', 4, 1],
  ] as const)(
    'weights sum to one over the targets, and over the pairs: %s, %d × %d',
    (batching, batchSize, accumulation) => {
      const passes = passesOf(batching, batchSize, accumulation);
      const supervised = passes.map((pass) => pass.sftWeight * targetsOf(pass.rows));
      expect(supervised.reduce((sum, weight) => sum + weight)).toBeCloseTo(1, 5);
      const paired = passes.flatMap((pass) => pass.pairs);
      expect(paired.reduce((sum, { weight }) => sum + weight, 0)).toBe(1);
      expect(new Set(paired.map(({ chosen }) => chosen))).toEqual(new Set([a, c]));
    },
  );

  it.each([
    ['bucket', 2, 4],
    ['bucket', 1, 8],
    ['pack', 8, 1],
  ] as const)('%s, %d rows × %d passes, equals one pass of 8', async (batching, batchSize, accumulation) => {
    const whole = await gradientsOf('bucket', 8, 1);
    const parts = await gradientsOf(batching, batchSize, accumulation);
    expect(parts.loss).toBeCloseTo(whole.loss, 5);
    for (const [name, expected] of whole.gradients) {
      const got = parts.gradients.get(name)!;
      const scale = Math.max(...expected.map(Math.abs));
      expect(Math.max(...got.map((g, i) => Math.abs(g - expected[i]))) / scale, name).toBeLessThan(2e-5);
    }
  });
});
