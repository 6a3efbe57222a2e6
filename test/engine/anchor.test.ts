/** What holds a policy to its frozen copy, and what may stand in the place of DPO: numbers and gradients. */
import { afterAll, describe, expect, it } from 'vitest';
import { padRows } from '../../src/engine/onnx/batch.js';
import { OnnxEngine } from '../../src/engine/onnx/engine.js';
import { Program } from '../../src/engine/onnx/runtime.js';
import type { HybridPass } from '../../src/engine/training-engine.js';
import { initLora } from '../../src/model/lora.js';
import { type LoraConfig, projections } from '../../src/model/lora-modules.js';
import type { Tensor } from '../../src/model/model.js';
import { rotaryTables } from '../../src/network/rotary.js';
import { Random } from '../../src/random.js';
import { logitsGraph } from '../network/logits-graph.js';
import { randomRows, stepOf, tinyModel } from './tiny.js';

const lora: LoraConfig = { rank: 3, alpha: 6, rslora: false, targets: projections };
const model = tinyModel();
const rows = randomRows([9, 12, 11, 7]);
const batch = padRows(rows);
const supervised = batch.row.filter((row) => row < 2).length;
const moved = new Map<string, Tensor>(
  [...initLora(model.config, lora, 5)].map(([name, { shape, data }]) => {
    const random = new Random('moved', name);
    return [name, { shape, data: name.endsWith('lora_B') ? data.map(() => 0.2 * random.normal()) : data }];
  }),
);
const [engine, fresh, full] = [
  new OnnxEngine(model, { lora, adapter: moved }),
  new OnnxEngine(model, { lora }),
  new OnnxEngine(model),
];
afterAll(() => Promise.all([engine, fresh, full].map((one) => one.close())));

const plain: HybridPass = {
  rows: rows.slice(0, 2),
  sftWeight: 1 / supervised,
  pairs: [{ chosen: rows[2], rejected: rows[3], reference: { chosen: -20, rejected: -21 }, weight: 0.1 }],
  lambda: 0.7,
  beta: 0.1,
};
const kl = 3 / supervised;
const step = async (of: OnnxEngine, more: Partial<HybridPass> = {}) =>
  (await stepOf(of, { ...plain, ...more })).result;

/** KL(π‖π₀) at every target, from whole distributions in float64. */
async function klAtTargets(): Promise<number[]> {
  const { config, weights } = model;
  const { cos, sin } = rotaryTables(config, 64);
  const tables = [64, config.headSize / 2];
  const int64 = (data: Int32Array) => ({ data: BigInt64Array.from(data, BigInt), dims: [batch.B, batch.T] });
  const logits = async (adapted: boolean) => {
    const program = await Program.compile(logitsGraph(config, adapted ? lora : undefined));
    const parameters = [...weights, ...(adapted ? moved : [])];
    const out = await program.run({
      ...Object.fromEntries(parameters.map(([name, { shape, data }]) => [name, { data, dims: shape }])),
      ids: int64(batch.ids),
      positions: int64(batch.positions),
      segments: int64(batch.segments),
      cos: { data: Float32Array.from(cos), dims: tables },
      sin: { data: Float32Array.from(sin), dims: tables },
    });
    await program.release();
    return out.logits.data as Float32Array;
  };
  const [own, other] = [await logits(true), await logits(false)];
  const V = config.vocabSize;
  const logp = (all: Float32Array, at: number) => {
    const line = Float64Array.from(all.subarray(at * V, (at + 1) * V));
    const sum = Math.log(line.reduce((total, x) => total + Math.exp(x), 0));
    return line.map((x) => x - sum);
  };
  return Array.from(batch.predictAt, (at) => {
    const [p, q] = [logp(own, at), logp(other, at)];
    return p.reduce((sum, x, v) => sum + Math.exp(x) * (x - q[v]), 0);
  });
}

describe('an anchor', () => {
  it('is 0 for a policy that has not moved', async () => {
    const { anchor, loss } = await step(fresh, { anchor: { to: 'base', kl, features: 1 } });
    expect(Math.abs(anchor)).toBeLessThan(1e-5);
    expect(loss).toBeCloseTo((await step(fresh)).loss, 5);
  });

  it('of KL is the divergence of whole distributions, weighted', async () => {
    const divergences = await klAtTargets();
    const expected = kl * divergences.reduce((sum, x, i) => sum + (batch.row[i] < 2 ? x : 0), 0);
    const { anchor, loss } = await step(engine, { anchor: { to: 'base', kl } });
    expect(expected).toBeGreaterThan(0.01);
    expect(anchor).toBeCloseTo(expected, 5);
    expect(loss).toBeCloseTo((await step(engine)).loss + expected, 5);
  });

  it('to the start is 0 where training began', async () => {
    expect((await step(engine, { anchor: { to: 'start', kl, features: 1 } })).anchor).toBeCloseTo(0, 5);
  });

  it('needs LoRA', async () => {
    await expect(step(full, { anchor: { to: 'base', features: 1 } })).rejects.toThrow(/setting: lora/);
  });
});

describe('the loss of pairs', () => {
  it('sft is the likelihood of the chosen response alone', async () => {
    const { dpo, logps } = await step(engine, { pairLoss: 'sft' });
    expect(dpo).toBeCloseTo(-0.1 * logps.chosen[0], 5);
  });

  it('kl is the divergence on both responses', async () => {
    const divergences = await klAtTargets();
    const expected = 0.1 * divergences.reduce((sum, x, i) => sum + (batch.row[i] >= 2 ? x : 0), 0);
    expect((await step(engine, { pairLoss: 'kl' })).dpo).toBeCloseTo(expected, 5);
  });
});

describe('gradients against central differences', () => {
  it.each<[string, Partial<HybridPass>]>([
    ['KL', { anchor: { to: 'base', kl } }],
    ['features', { anchor: { to: 'base', features: 2 } }],
    ['pairs by heart', { pairLoss: 'sft' }],
    ['pairs by KL', { pairLoss: 'kl' }],
  ])('%s', async (_, more) => {
    const { gradients } = await stepOf(engine, { ...plain, ...more });
    const random = new Random('coordinates');
    for (const [name, { data }] of engine.trainable) {
      const grad = gradients.get(name)!;
      const scale = Math.max(...grad.map(Math.abs));
      const i = Math.floor(random.next() * data.length);
      const [kept, h] = [data[i], 1e-2];
      data[i] = kept + h;
      const above = (await step(engine, more)).loss;
      data[i] = kept - h;
      const below = (await step(engine, more)).loss;
      data[i] = kept;
      expect(Math.abs((above - below) / (2 * h) - grad[i]), name).toBeLessThan(0.02 * scale + 2e-3);
    }
  });
});
