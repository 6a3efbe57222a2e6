/** How a step's rows become passes: weights add up, and its division into passes does not matter. */
import { afterAll, describe, expect, it } from 'vitest';
import { zeroGradients } from '../../src/engine/engine.js';
import { OnnxEngine } from '../../src/engine/onnx/engine.js';
import { projections } from '../../src/model/lora-modules.js';
import { BatchStream } from '../../src/train/batch-stream.js';
import { hybridPasses } from '../../src/train/passes.js';
import { randomRows, tinyModel } from '../engine/tiny.js';

const rows = randomRows([9, 12, 7, 10, 8, 11, 6, 13]);
const [a, b, c, d] = randomRows([8, 10, 9, 5], 2);
const pairs = [
  { chosen: a, rejected: b, reference: { chosen: -18, rejected: -22 } },
  { chosen: c, rejected: d, reference: { chosen: -20, rejected: -9 } },
];
const engine = new OnnxEngine(tinyModel(), {
  lora: { rank: 2, alpha: 4, rslora: false, targets: projections },
});
for (const { data } of engine.trainable.values())
  for (let i = 0; i < data.length; i++) data[i] += 0.1 * Math.sin(i);
afterAll(() => engine.close());

async function gradientsOf(batching: 'bucket' | 'pack', batchSize: number, accumulation: number) {
  const stream = new BatchStream(rows, { batching, batchSize, accumulation, maxLength: 32, seed: 1 });
  const gradients = zeroGradients(engine.trainable);
  const passes = hybridPasses(stream.nextStep(), rows, pairs, { lambda: 0.5, beta: 0.1 });
  let loss = 0;
  for (const pass of passes) loss += (await engine.step(pass, gradients)).loss;
  return { gradients, loss, passes };
}

describe('hybridPasses', () => {
  it('weights sum to one over the targets, and over the pairs', async () => {
    const { passes } = await gradientsOf('bucket', 2, 4);
    const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0);
    expect(sum(passes.flatMap((pass) => [...pass.sftWeights]))).toBeCloseTo(1, 5);
    expect(sum(passes.flatMap((pass) => pass.pairs.map(({ weight }) => weight)))).toBe(1);
  });

  it.each([
    [2, 4],
    [1, 8],
  ])('%d rows × %d passes equal one pass of 8', async (batchSize, accumulation) => {
    const whole = await gradientsOf('bucket', 8, 1);
    const parts = await gradientsOf('bucket', batchSize, accumulation);
    expect(parts.loss).toBeCloseTo(whole.loss, 5);
    for (const [name, expected] of whole.gradients) {
      const got = parts.gradients.get(name)!;
      const scale = Math.max(...expected.map(Math.abs));
      expect(Math.max(...got.map((g, i) => Math.abs(g - expected[i]))) / scale, name).toBeLessThan(2e-5);
    }
  });

  it('keeps pairs apart from the rows of a packed batch', async () => {
    const { passes } = await gradientsOf('pack', 4, 1);
    const [{ batch, pairs: own, sftWeights }] = passes;
    const ofPair = new Set(own.flatMap(({ chosen, rejected }) => [chosen, rejected]));
    expect(ofPair.size).toBe(4);
    for (const [k, row] of batch.row.entries()) expect(sftWeights[k] === 0).toBe(ofPair.has(row));
  });
});
