/** Stores of quantised models: made once of a file, made again of another, gone with their model. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { OnnxEngine } from '../../src/engine/onnx/engine.js';
import { FrozenModel } from '../../src/engine/onnx/frozen/model.js';
import { ConfigError } from '../../src/errors.js';
import { temporaryName } from '../../src/files/leftovers.js';
import { openQuantised } from '../../src/model/quantised-model.js';
import { loadModel } from '../../src/model/weights.js';
import { relativeError } from '../relative-error.js';

const fixture = fileURLToPath(new URL('../fixtures/gguf/tiny-llama.gguf', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'stores-'));
afterAll(() => rmSync(root, { recursive: true }));

let [cache, file] = ['', ''];
beforeEach(() => {
  const folder = mkdtempSync(join(root, 'case-'));
  cache = join(folder, 'cache');
  file = join(folder, 'model.gguf');
  copyFileSync(fixture, file);
});

async function open(quantise?: 'q8' | 'q4') {
  const model = await openQuantised(file, { cache, ...(quantise ? { quantise } : {}) });
  model?.embedding.close();
  return model;
}
const made = (path: string) => statSync(path).ino;

it('is made once, and again when the file is another', async () => {
  const first = (await open())!.store;
  expect(made((await open())!.store.file)).toBe(made(first.file));
  utimesSync(file, 1, 1);
  const before = made(first.file);
  const second = (await open())!.store;
  expect(second.folder).toBe(first.folder);
  expect(made(second.file)).not.toBe(before);
  expect(readdirSync(cache)).toHaveLength(1);
});

it.each(['weights.bin', 'index.json'])('is made again where its %s is cut short', async (name) => {
  const { folder, file: weights } = (await open())!.store;
  const before = made(weights);
  truncateSync(join(folder, name), 10);
  expect(made((await open())!.store.file)).not.toBe(before);
});

it('is as good where only the kept header is damaged', async () => {
  const { folder, file: weights } = (await open())!.store;
  truncateSync(join(folder, 'header.json'), 10);
  expect(made((await open())!.store.file)).toBe(made(weights));
});

it('leaves what a running process makes, and takes away what a killed one left', async () => {
  await open();
  const running = join(cache, temporaryName('store'));
  const killed = join(cache, temporaryName('store').replace(String(process.pid), '4194304'));
  for (const folder of [running, killed]) mkdirSync(folder);
  utimesSync(file, 1, 1);
  await open();
  expect([existsSync(running), existsSync(killed)]).toEqual([true, false]);
});

it('carries the SHA-256 of the model file', async () => {
  expect((await open())!.hash).toBe((await loadModel(file)).hash);
});

it('goes when its model is gone and another is made', async () => {
  const first = (await open())!.store;
  const other = join(root, 'other.gguf');
  copyFileSync(fixture, other);
  rmSync(file);
  (await openQuantised(other, { cache }))!.embedding.close();
  expect(existsSync(first.folder)).toBe(false);
});

it('is not made of weights that are quantised already', async () => {
  await expect(open('q4')).rejects.toThrow(ConfigError);
});

it.each(['tiny-llama', 'tiny-qwen2', 'tiny-qwen3'])(
  '%s answers as its weights in float32 do, as far as activations of 8 bits allow',
  async (name) => {
    copyFileSync(fixture.replace('tiny-llama', name), file);
    const model = await loadModel(file);
    const engine = new OnnxEngine(model, { lora: { rank: 1, alpha: 1, rslora: false, targets: [] } });
    const frozen = await FrozenModel.open((await openQuantised(file, { cache }))!);
    const ids = Int32Array.from({ length: 40 }, (_, i) => (7 * i + 3) % model.tokenizer.vocabSize);
    const rows = [{ ids, lossMask: ids.map(() => 1) as unknown as Uint8Array, where: '' }];
    const [[got], [expected]] = [
      await frozen.sequenceLogps(rows, 'base'),
      await engine.sequenceLogps(rows, 'base'),
    ];
    expect(relativeError([got.logpSum], [expected.logpSum])).toBeLessThanOrEqual(0.01);
    await Promise.all([engine.close(), frozen.close()]);
  },
);
