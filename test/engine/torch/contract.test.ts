/**
 * The contract, for our worker on PyTorch: in a Python that EALIGN_PYTHON names, skipped where it has no PyTorch.
 *
 * One worker serves all engines of the suite; the tiny model is written as a folder for it. EALIGN_TEST_DEVICE and
 * EALIGN_TEST_DTYPE put it on a GPU, and into bfloat16, where numbers are compared as coarsely as that rounds.
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

const device = process.env.EALIGN_TEST_DEVICE === 'cuda' ? 'cuda' : 'cpu';
const half = process.env.EALIGN_TEST_DTYPE === 'bfloat16';
/** bfloat16 has 8 bits: a number is off by 1/256 at the most, and sums of products by some of that. */
const coarse = half ? 0.03 : 0;
const where = `${device}${half ? ', bfloat16' : ''}`;

const lora = { rank: 3, alpha: 6, rslora: false, targets: projections };
const scratch = mkdtempSync(join(tmpdir(), 'ealign-torch-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe.skipIf(missing)(`the worker on PyTorch${missing ? ` (${missing})` : ''}`, () => {
  const folder = join(scratch, 'tiny');
  let worker: Worker;
  beforeAll(async () => {
    const { config, weights } = tinyModel();
    saveModel(folder, { config, weights, tokenizerFilesFrom: await resolveModel('pinocchio') });
    worker = await startWorker({
      ...{ model: folder, device, threads: 1 },
      dtype: half ? 'bfloat16' : 'float32',
    });
  }, 300_000);
  afterAll(() => worker?.stop());

  const open = (options: object) => {
    const { url, env, signal } = worker;
    return TinkerEngine.open(
      { ...tinyModel(), path: folder },
      { ...options, url, env, signal, engineName: 'torch' },
    );
  };
  contract(`torch, LoRA, ${where}`, (options) => open({ ...options, lora }), 2e-4, coarse);
  contract(`torch, all weights, ${where}`, (options) => open(options), 2e-4, coarse);

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
        expect(Math.abs(a[name] - b[name])).toBeLessThan(Math.max(1e-4, coarse * b[name]));
      const step = { learningRate: 0.05, maxGradNorm: 1 };
      const [one, two] = [await there.update(step), await here.update(step)];
      expect(Math.abs(one.gradNorm! / two.gradNorm! - 1)).toBeLessThan(Math.max(1e-4, 2 * coarse));
    }
    await Promise.all([here.close(), there.close()]);
  });
});
