/**
 * The contract, for our worker on PyTorch: in a Python that EALIGN_PYTHON names, skipped where it has no PyTorch.
 *
 * One worker serves all engines of the suite; the tiny model is written as a folder for it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OnnxEngine } from '../../../src/engine/onnx/engine.js';
import { TinkerEngine } from '../../../src/engine/tinker/engine.js';
import { requireWorker } from '../../../src/engine/tinker/python.js';
import { startWorker, type Worker } from '../../../src/engine/tinker/worker.js';
import type { HybridPass } from '../../../src/engine/training-engine.js';
import { resolveModel } from '../../../src/hub/pull.js';
import { projections } from '../../../src/model/lora-modules.js';
import { saveModel } from '../../../src/model/weights.js';
import { contract } from '../contract.js';
import { randomRows, supervised, tinyModel } from '../tiny.js';

const missing = (() => {
  if (process.env.EALIGN_PYTHON === undefined) return 'EALIGN_PYTHON is not set';
  try {
    requireWorker();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
})();

const lora = { rank: 3, alpha: 6, rslora: false, targets: projections };
const scratch = mkdtempSync(join(tmpdir(), 'ealign-torch-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe.skipIf(missing)(`the worker on PyTorch${missing ? ` (${missing})` : ''}`, () => {
  const folder = join(scratch, 'tiny');
  let worker: Worker;
  beforeAll(async () => {
    const { config, weights } = tinyModel();
    saveModel(folder, { config, weights, tokenizerFilesFrom: await resolveModel('pinocchio') });
    worker = await startWorker({ model: folder, device: 'cpu', threads: 1 });
  }, 300_000);
  afterAll(() => worker?.stop());

  const open = (options: object) => {
    const { url, env, signal } = worker;
    return TinkerEngine.open(
      { ...tinyModel(), path: folder },
      { ...options, url, env, signal, engineName: 'torch' },
    );
  };
  contract('torch, LoRA', (options) => open({ ...options, lora }), 2e-4);
  contract('torch, all weights', (options) => open(options), 2e-4);

  it('trains as the engine on onnxruntime does, from the same adapter', async () => {
    const optimizer = { beta1: 0.9, beta2: 0.999, eps: 1e-2, weightDecay: 0.01 };
    const here = new OnnxEngine(tinyModel(), { lora, optimizer, seed: 5 });
    const there = await open({ lora, optimizer, adapter: await here.weights() });
    const [chosen, rejected] = randomRows([8, 10], 2);
    const pass: HybridPass = {
      ...supervised(randomRows([9, 12, 7])),
      pairs: [{ chosen, rejected, reference: { chosen: -20, rejected: -21 }, weight: 1 }],
      lambda: 0.5,
    };
    for (let n = 0; n < 3; n++) {
      const [a, b] = [await there.accumulate(pass), await here.accumulate(pass)];
      for (const name of ['loss', 'sft', 'dpo'] as const)
        expect(Math.abs(a[name] - b[name])).toBeLessThan(1e-4);
      const step = { learningRate: 0.05, maxGradNorm: 1 };
      const [one, two] = [await there.update(step), await here.update(step)];
      expect(Math.abs(one.gradNorm! / two.gradNorm! - 1)).toBeLessThan(1e-4);
    }
    await Promise.all([here.close(), there.close()]);
  });
});
