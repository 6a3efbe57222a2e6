/** Logits, loss and gradients against PyTorch's transformers and peft, whole arrays, each architecture. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OnnxEngine } from '../../src/engine/onnx/engine.js';
import { readAdapter } from '../../src/model/adapter-files.js';
import { loadModel } from '../../src/model/weights.js';
import { relativeError } from '../relative-error.js';
import {
  adapterName,
  arrayTolerance,
  expectGradients,
  type FixtureRow,
  folder,
  logitsOf,
  lossTolerance,
  readExpected,
  readTensors,
  step,
  tokenRows,
} from './fixtures.js';

interface Expected {
  readonly rows: readonly FixtureRow[];
  readonly base: { readonly loss: number };
  readonly [adapter: string]: unknown;
}

const models = ['llama', 'llama3-tied', 'llama-wide-heads', 'qwen2-tied', 'qwen3'];
const adapters = models.flatMap((model) =>
  ['adapter', 'adapter-some']
    .filter((adapter) => existsSync(join(folder, model, adapter)))
    .map((adapter) => ({ model, adapter })),
);

async function load(name: string) {
  const expected = readExpected<Expected>(`${name}/expected.json`);
  return {
    model: await loadModel(join(folder, name)),
    expected,
    tensors: await readTensors(`${name}/expected.safetensors`),
    rows: tokenRows(expected.rows),
  };
}

describe.each(models)('%s', (name) => {
  it('gives the logits of transformers', async () => {
    const { model, rows, tensors } = await load(name);
    const error = relativeError(await logitsOf(model, rows), tensors.get('logits')!.data);
    expect(error).toBeLessThanOrEqual(arrayTolerance);
  });

  it.each([false, true])('gives the gradients of all weights, checkpointing %s', async (checkpointing) => {
    const { model, rows, expected, tensors } = await load(name);
    const { loss, gradients } = await step(new OnnxEngine(model, { checkpointing }), rows);
    expect(relativeError([loss], [expected.base.loss])).toBeLessThanOrEqual(lossTolerance);
    expect(expectGradients(gradients, tensors, 'grad:', (key) => key)).toBe(gradients.size);
  });
});

describe.each(adapters)('$model with peft’s $adapter', ({ model: name, adapter: folderName }) => {
  it('gives the logits of peft', async () => {
    const { model, rows, tensors } = await load(name);
    const adapter = await readAdapter(join(folder, name, folderName), model.config);
    const error = relativeError(
      await logitsOf(model, rows, adapter),
      tensors.get(`${folderName}:logits`)!.data,
    );
    expect(error).toBeLessThanOrEqual(arrayTolerance);
  });

  it.each([false, true])(
    'gives the gradients of every lora_A and lora_B, checkpointing %s',
    async (checkpointing) => {
      const { model, rows, expected, tensors } = await load(name);
      const adapter = await readAdapter(join(folder, name, folderName), model.config);
      const engine = new OnnxEngine(model, { lora: adapter.config, adapter: adapter.tensors, checkpointing });
      const { loss, gradients } = await step(engine, rows);
      const { loss: expectedLoss } = expected[folderName] as { loss: number };
      expect(relativeError([loss], [expectedLoss])).toBeLessThanOrEqual(lossTolerance);
      const compared = expectGradients(gradients, tensors, `${folderName}:grad:`, adapterName);
      expect(compared).toBe(gradients.size);
    },
  );
});
