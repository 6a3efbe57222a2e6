/** The hybrid training step: golden numbers, invariants, and float64 as the judge. */
import { afterAll, describe, expect, it } from 'vitest';
import { renewing } from '../../src/engine/capabilities.js';
import { padRows } from '../../src/engine/onnx/batch.js';
import { OnnxEngine } from '../../src/engine/onnx/engine.js';
import { stepGraph } from '../../src/engine/onnx/graphs.js';
import { type NdArray, Program } from '../../src/engine/onnx/runtime.js';
import type { HybridPass } from '../../src/engine/training-engine.js';
import { qwen2, qwen3 } from '../../src/model/architectures/qwen.js';
import type { ModelConfig } from '../../src/model/config.js';
import { initLora } from '../../src/model/lora.js';
import { type LoraConfig, projections } from '../../src/model/lora-modules.js';
import type { Tensor } from '../../src/model/model.js';
import { Random } from '../../src/random.js';
import { relativeError } from '../relative-error.js';
import { randomRows, stepOf, supervised, targetsOf, tinyModel } from './tiny.js';

const lora: LoraConfig = { rank: 3, alpha: 6, rslora: false, targets: projections };
const engines: OnnxEngine[] = [];
afterAll(() => Promise.all(engines.map((engine) => engine.close())));

function engineOf(
  overrides: Partial<ModelConfig> = {},
  options: ConstructorParameters<typeof OnnxEngine>[1] = {},
) {
  const engine = new OnnxEngine(tinyModel(overrides), options);
  engines.push(engine);
  return engine;
}

/** An adapter whose B is not zero, so that everything has a gradient. */
function movedAdapter(config: ModelConfig): Map<string, Tensor> {
  const adapter = initLora(config, lora, 5);
  for (const [name, { data }] of adapter) {
    const random = new Random('moved', name);
    if (name.endsWith('lora_B')) for (let i = 0; i < data.length; i++) data[i] = 0.2 * random.normal();
  }
  return adapter;
}

const rows = randomRows([9, 12, 11, 7]);

/** Rows 0 and 1 are supervised, rows 2 and 3 a pair. */
function hybrid(reference = { chosen: -20, rejected: -21 }): HybridPass {
  const [first, second, chosen, rejected] = rows;
  return {
    rows: [first, second],
    sftWeight: 1 / targetsOf([first, second]),
    pairs: [{ chosen, rejected, reference, weight: 1 }],
    lambda: 0.7,
    beta: 0.1,
  };
}

describe('hybrid step', () => {
  it.each([
    ['llama, tied', {}],
    ['untied', { tied: false }],
    ['qwen2 biases', { architecture: qwen2 }],
    ['qwen3 norms, heads wider than the model', { architecture: qwen3, headSize: 6 }],
  ])('float32 gradients equal the plain float64 graph: %s', async (_, overrides) => {
    const { config, weights } = tinyModel(overrides);
    for (const adapted of [true, false]) {
      const adapter = movedAdapter(config);
      const engine = engineOf(overrides, adapted ? { lora, adapter } : {});
      const { result, gradients } = await stepOf(engine, hybrid());
      const expected = await reference(config, new Map([...weights, ...(adapted ? adapter : [])]), adapted);
      expect(relativeError([result.loss], expected.loss.data as Float64Array)).toBeLessThan(1e-5);
      for (const [name, grad] of gradients) {
        expect(relativeError(grad, expected[`grad:${name}`].data as Float64Array), name).toBeLessThan(2e-5);
      }
    }
  });

  it('agrees with central differences of its own loss in float64', async () => {
    const { config, weights } = tinyModel();
    const adapter = movedAdapter(config);
    const all = new Map([...weights, ...adapter]);
    const analytic = await reference(config, all, true);
    for (const name of ['model.layers.0.self_attn.k_proj.lora_A', 'model.layers.1.mlp.down_proj.lora_B']) {
      const { shape, data } = adapter.get(name)!;
      for (const index of [0, 7]) {
        const at = async (delta: number) => {
          const moved = Float64Array.from(data);
          moved[index] += delta;
          const result = await reference(config, all, true, { [name]: { data: moved, dims: shape } });
          return Number(result.loss.data[0]);
        };
        const numeric = ((await at(1e-5)) - (await at(-1e-5))) / 2e-5;
        expect(Math.abs(Number(analytic[`grad:${name}`].data[index]) - numeric)).toBeLessThan(1e-8);
      }
    }
  });

  it('is ln 2 where policy and reference are equal', async () => {
    const engine = engineOf({}, { lora, seed: 3 });
    const [, , chosen, rejected] = await engine.sequenceLogps(rows, 'base');
    const result = await engine.accumulate(hybrid({ chosen: chosen.logpSum, rejected: rejected.logpSum }));
    expect(result.dpo).toBeCloseTo(Math.LN2, 6);
    expect(result.loss).toBeCloseTo(result.sft + 0.7 * Math.LN2, 5);
    expect(result.logps.chosen[0]).toBeCloseTo(chosen.logpSum, 4);
  });

  it('recomputing activations changes nothing', async () => {
    const adapter = movedAdapter(tinyModel().config);
    const results = [];
    for (const checkpointing of [false, true]) {
      const engine = engineOf({}, { lora, adapter, checkpointing });
      results.push((await stepOf(engine, hybrid())).gradients);
    }
    for (const [name, grad] of results[0])
      expect(relativeError(results[1].get(name)!, grad), name).toBeLessThan(1e-5);
  });

  it('packed rows give the gradients of padded ones', async () => {
    const adapter = movedAdapter(tinyModel().config);
    const engine = engineOf({}, { lora, adapter });
    const results = [];
    for (const layout of [
      { length: 16, lines: [[0], [1], [2], [3]] },
      {
        length: 24,
        lines: [
          [1, 2],
          [0, 3],
        ],
      },
    ]) {
      results.push((await stepOf(engine, { ...supervised(rows), layout })).gradients);
    }
    for (const [name, grad] of results[0])
      expect(relativeError(results[1].get(name)!, grad), name).toBeLessThan(1e-5);
  });

  it('two half batches give the gradients of the whole', async () => {
    const engine = engineOf({}, { lora, adapter: movedAdapter(tinyModel().config) });
    const whole = supervised(rows);
    const { gradients } = await stepOf(engine, whole);
    await engine.accumulate({ ...whole, rows: rows.slice(0, 1) });
    const { gradients: halves } = await stepOf(engine, { ...whole, rows: rows.slice(1) });
    for (const [name, grad] of gradients)
      expect(relativeError(halves.get(name)!, grad), name).toBeLessThan(1e-5);
  });

  it('a new adapter leaves the model as it was', async () => {
    const engine = engineOf({}, { lora });
    const [base, policy] = [
      await engine.sequenceLogps(rows, 'base'),
      await engine.sequenceLogps(rows, 'policy'),
    ];
    expect(policy.map(({ logpSum }) => logpSum)).toEqual(
      base.map(({ logpSum }) => expect.closeTo(logpSum, 4)),
    );
  });

  it('gives the same bits twice', async () => {
    const engine = engineOf({}, {});
    const [first, second] = [await stepOf(engine, hybrid()), await stepOf(engine, hybrid())];
    for (const [name, grad] of first.gradients)
      expect(Buffer.compare(bytes(grad), bytes(second.gradients.get(name)!)), name).toBe(0);
  });
});

const bytes = (array: Float32Array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength);

/** The same step as a plain float64 graph. */
async function reference(
  config: ModelConfig,
  parameters: ReadonlyMap<string, Tensor>,
  adapted: boolean,
  replace: Record<string, NdArray> = {},
) {
  const { rotaryTables } = await import('../../src/network/rotary.js');
  const batch = padRows(rows);
  const weight = hybrid().sftWeight;
  const R = batch.target.length;
  const graph = stepGraph(config, {
    chunks: 1,
    checkpointing: false,
    fused: false,
    ...(adapted ? { lora } : {}),
  });
  const { cos, sin } = rotaryTables(config, 64);
  const f64 = (data: ArrayLike<number>, dims: readonly number[]): NdArray => ({
    data: Float64Array.from(data),
    dims,
  });
  const i64 = (data: Int32Array, dims: readonly number[]): NdArray => ({
    data: BigInt64Array.from(data, BigInt),
    dims,
  });
  const inverse = new Int32Array(batch.B * batch.T).fill(R);
  for (const [r, at] of batch.predictAt.entries()) inverse[at] = r;
  const member = (wanted: number) =>
    f64(
      Array.from(batch.row, (row) => Number(row === wanted)),
      [1, R],
    );
  const shape = [batch.B, batch.T];
  const tables = [64, config.headSize / 2];
  const program = await Program.compile(graph);
  return program.run({
    ...Object.fromEntries([...parameters].map(([name, t]) => [name, f64(t.data, t.shape)])),
    ids: i64(batch.ids, shape),
    positions: i64(batch.positions, shape),
    segments: i64(batch.segments, shape),
    cos: f64(cos, tables),
    sin: f64(sin, tables),
    predict_at: i64(batch.predictAt, [1, R]),
    target: i64(batch.target, [1, R]),
    inverse: i64(inverse, [inverse.length]),
    sft_weights: f64(
      Array.from(batch.row, (row) => (row < 2 ? weight : 0)),
      [1, R],
    ),
    chosen_of: member(2),
    rejected_of: member(3),
    reference_chosen: f64([-20], [1]),
    reference_rejected: f64([-21], [1]),
    pair_weights: f64([1], [1]),
    lambda: f64([0.7], []),
    beta: f64([0.1], []),
    ...replace,
  });
}

describe('refreeze', () => {
  it('makes the policy as it is the frozen copy, which later training leaves alone', async () => {
    const engine = engineOf();
    const logps = async (set: 'base' | 'start' | 'policy') =>
      (await engine.sequenceLogps(rows, set)).map(({ logpSum }) => logpSum);
    const first = await logps('base');
    const [tensor] = [...engine.trainable.values()];
    tensor.data[50] += 1;
    expect(await logps('policy')).not.toEqual(first);
    expect(await logps('base')).toEqual(first);
    await engine.refreeze();
    const renewed = await logps('policy');
    expect(await logps('base')).toEqual(renewed);
    expect(await logps('start')).toEqual(renewed);
    tensor.data[50] += 1;
    expect(await logps('base')).toEqual(renewed);
    expect(await logps('policy')).not.toEqual(renewed);
  });

  it('is not for LoRA, whose base stays', () => {
    expect(() => renewing(engineOf({}, { lora }))).toThrow(
      /^conscience\.renew_every: the engine 'onnx' \(LoRA training\) cannot renew the frozen copy\. /,
    );
  });
});
