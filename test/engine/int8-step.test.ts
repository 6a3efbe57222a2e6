/** Training on frozen matrices that are rounded to int8. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Gradients } from '../../src/engine/adamw.js';
import { OnnxEngine, type OnnxOptions } from '../../src/engine/onnx/engine.js';
import { QuantisedEngine } from '../../src/engine/onnx/frozen/engine.js';
import { qwen2 } from '../../src/model/architectures/qwen.js';
import { dequantised, int8Matrix } from '../../src/model/int8-matrix.js';
import { initLora } from '../../src/model/lora.js';
import { type LoraConfig, projections } from '../../src/model/lora-modules.js';
import type { Model } from '../../src/model/model.js';
import { Random } from '../../src/random.js';
import { relativeError } from '../relative-error.js';
import { frozenSource, inFloat } from './frozen-source.js';
import { randomRows, stepOf, supervised, tinyModel } from './tiny.js';

const lora: LoraConfig = { rank: 3, alpha: 6, rslora: false, targets: projections };
const cache = mkdtempSync(join(tmpdir(), 'ealign-int8-'));
const engines: { close(): Promise<void> }[] = [];
afterAll(async () => {
  await Promise.all(engines.map((engine) => engine.close()));
  rmSync(cache, { recursive: true });
});

const pass = supervised(randomRows([9, 12, 11, 7]));

function engineOf(model: Model, options: OnnxOptions = {}) {
  const engine = new OnnxEngine(model, { lora, adapter: movedAdapter(model), ...options });
  engines.push(engine);
  return engine;
}

function movedAdapter(model: Model) {
  const adapter = initLora(model.config, lora, 5);
  for (const [name, { data }] of adapter) {
    const random = new Random('moved', name);
    if (name.endsWith('lora_B')) for (let i = 0; i < data.length; i++) data[i] = 0.2 * random.normal();
  }
  return adapter;
}

/** Length of the difference of all gradients, relative to theirs. */
function distance(got: Gradients, expected: Gradients): number {
  let [difference, length] = [0, 0];
  for (const [name, grad] of expected) {
    const other = got.get(name)!;
    for (let i = 0; i < grad.length; i++) {
      difference += (other[i] - grad[i]) ** 2;
      length += grad[i] ** 2;
    }
  }
  return Math.sqrt(difference / length);
}

/** The model that is trained: with projections as they are after rounding. */
function rounded(model: Model): Model {
  const weights = new Map(model.weights);
  for (const [name, tensor] of weights) {
    if (!name.endsWith('_proj.weight')) continue;
    weights.set(name, { shape: tensor.shape, data: dequantised(int8Matrix(tensor)) });
  }
  return { ...model, weights };
}

describe('training in 8 bits', () => {
  it.each([
    ['llama', {}],
    ['qwen2 biases, untied', { architecture: qwen2, tied: false }],
  ])('has nearly the gradients of float32 on the rounded weights: %s', async (_, overrides) => {
    const model = tinyModel(overrides);
    const got = await stepOf(engineOf(model, { loadIn8bit: true }), pass);
    const expected = await stepOf(engineOf(rounded(model)), pass);
    expect(relativeError([got.result.loss], [expected.result.loss])).toBeLessThan(0.01);
    // two layers of 16 to 24 inputs, every product rounded to 8 bits
    expect(distance(got.gradients, expected.gradients)).toBeLessThan(0.05);
    expect(distance(got.gradients, expected.gradients)).toBeGreaterThan(0);
  });

  it('is the same with activations that are computed again', async () => {
    const results = [];
    for (const checkpointing of [false, true]) {
      results.push(await stepOf(engineOf(tinyModel(), { loadIn8bit: true, checkpointing }), pass));
    }
    for (const [name, grad] of results[0].gradients) {
      expect(relativeError(results[1].gradients.get(name)!, grad), name).toBeLessThan(1e-5);
    }
  });

  it.each(['llama', 'qwen2'] as const)(
    'on a quantised base is training in 8 bits on the same numbers in float32: %s',
    async (name) => {
      const options = { width: 64, heads: 4, kvHeads: 2, headSize: 16, ffn: 96, tied: false };
      const model = tinyModel({ ...options, ...(name === 'qwen2' ? { architecture: qwen2 } : {}) });
      const source = frozenSource(cache, model, 'q8');
      const open = (loadIn8bit: boolean) =>
        new QuantisedEngine(source, lora, { adapter: movedAdapter(model), loadIn8bit });
      const [eight, exact] = [open(true), open(false)];
      engines.push(eight, exact);
      const got = await stepOf(eight, pass);
      const expected = await stepOf(engineOf(inFloat(model, source.store), { loadIn8bit: true }), pass);
      expect(relativeError([got.result.loss], [expected.result.loss])).toBeLessThan(0.005);
      expect(distance(got.gradients, expected.gradients)).toBeLessThan(0.02);
      const row = { context: 'abc', continuations: ['d', 'ef'] };
      expect(await eight.model('policy').continuationLogps([row])).toEqual(
        await exact.model('policy').continuationLogps([row]),
      );
    },
  );

  it('learns', async () => {
    const engine = engineOf(tinyModel(), { loadIn8bit: true });
    const losses = [];
    for (let step = 0; step < 20; step++) {
      losses.push((await engine.accumulate(pass)).loss);
      await engine.update({ learningRate: 0.02, maxGradNorm: 0 });
    }
    expect(losses.at(-1)).toBeLessThan(0.7 * losses[0]);
  });

  it('scores sequences with the weights that are trained on: pairs begin at ln 2', async () => {
    const engine = new OnnxEngine(tinyModel(), { lora, loadIn8bit: true });
    engines.push(engine);
    const [chosen, rejected] = pass.rows;
    const [a, b] = await engine.sequenceLogps([chosen, rejected], 'base');
    const reference = { chosen: a.logpSum, rejected: b.logpSum };
    const pairs = [{ chosen, rejected, reference, weight: 1 }];
    expect((await engine.accumulate({ ...pass, pairs, lambda: 1, beta: 10 })).dpo).toBeCloseTo(Math.LN2, 4);
  });

  it('leaves what the model is asked in float32', async () => {
    const [plain, eight] = [engineOf(tinyModel()), engineOf(tinyModel(), { loadIn8bit: true })];
    const row = { context: [3, 4, 5], choices: [[6], [7, 8]] };
    expect(await eight.choiceLogps([row], 'policy')).toEqual(await plain.choiceLogps([row], 'policy'));
  });
});
