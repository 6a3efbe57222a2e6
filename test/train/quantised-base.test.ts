/** LoRA on a base that stays quantised: which base a configuration takes, and that a run on it learns the same. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readAudit } from '../../src/conscience/audit.js';
import { resolveModel } from '../../src/hub/pull.js';
import { silent } from '../../src/metrics/progress.js';
import { readMetrics } from '../../src/metrics/writer.js';
import { readAdapter } from '../../src/model/adapter-files.js';
import { readConfig } from '../../src/model/hf-config.js';
import { projections } from '../../src/model/lora-modules.js';
import { loadModel } from '../../src/model/weights.js';
import { openEngine } from '../../src/open/engine.js';
import { parseConfig } from '../../src/train/config/load.js';
import { runTrain } from '../../src/train/run.js';
import { trainedModel } from '../../src/train/trained-model.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-base-'));
const model = join(folder, 'model.gguf');
const data = join(folder, 'rows.jsonl');
beforeAll(() => {
  vi.stubEnv('XDG_CACHE_HOME', folder);
  copyFileSync(join(import.meta.dirname, '../fixtures/gguf/tiny-llama.gguf'), model);
  const texts = Array.from({ length: 8 }, (_, i) => ({ text: `the cat sat on mat ${i} and the dog ran` }));
  writeFileSync(data, texts.map((row) => `${JSON.stringify(row)}\n`).join(''));
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

type Settings = Readonly<Record<string, object | string>>;

const configOf = (output: string, { training = {}, conscience = {}, ...rest }: Settings = {}) =>
  parseConfig(
    JSON.stringify({
      ...{ model, data, output: join(folder, output), eval_split: 0, ...rest },
      training: { steps: 3, batch_size: 4, learning_rate: 0.01, log_every: 1, ...(training as object) },
      conscience: { enabled: false, ...(conscience as object) },
    }),
  );

async function train(output: string, settings?: Settings) {
  const notes: string[] = [];
  const run = await runTrain(configOf(output, settings), {
    progress: { ...silent, note: (text) => notes.push(text) },
  });
  await run.engine.close();
  const losses = readMetrics(join(folder, output)).flatMap((record) =>
    typeof record.loss === 'number' ? [record.loss] : [],
  );
  return { notes, losses, engine: run.engine.name };
}

describe('the base', () => {
  it.each<[string, Settings, boolean]>([
    ['as it is in the file', {}, true],
    ['float32 where that is asked for', { quantize: 'none' }, false],
    ['float32 where it is trained', { setting: 'full' }, false],
    [
      'as it is, rounded in losses alone, where that is asked for',
      { training: { load_in_8bit: true } },
      true,
    ],
  ])('is %s', async (_, settings, quantised) => {
    const { model } = await trainedModel(configOf('unused', settings), () => {});
    expect('store' in model).toBe(quantised);
  });

  it.each<Settings>([
    { quantize: 'q4', setting: 'full' },
    { quantize: 'q8', device: 'webgpu' },
  ])('cannot be rounded where it does not stay as it is: %o', (settings) => {
    expect(() => configOf('unused', settings)).toThrow(/quantize.*only weights that stay/s);
  });

  it('is rounded where that is asked for, also of a model that is loaded already', async () => {
    const known = await loadModel(await resolveModel('pinocchio'));
    const of = async (settings: Settings) =>
      'store' in
      (await trainedModel(configOf('unused', { model: 'pinocchio', ...settings }), () => {}, known)).model;
    expect([await of({}), await of({ quantize: 'q8' })]).toEqual([false, true]);
  });

  it('can only stay as it is', async () => {
    const { model } = await trainedModel(configOf('unused'), () => {});
    await expect(openEngine({ model })).rejects.toThrow(/only be the frozen base of LoRA/);
    const lora = { rank: 2, alpha: 2, rslora: false, targets: projections };
    await expect(openEngine({ model, lora, device: 'webgpu' })).rejects.toThrow(/only be the frozen base/);
  });

  it('is not rounded twice', async () => {
    await expect(trainedModel(configOf('unused', { quantize: 'q4' }), () => {})).rejects.toThrow(
      /quantised already/,
    );
  });
});

it('a run on it has the losses of float32, says what it trains on, and names the file that its adapter fits', async () => {
  const [ours, theirs] = [await train('as-is'), await train('float', { quantize: 'none' })];
  expect(ours.engine).toBe('onnx, quantised');
  expect(ours.losses).toHaveLength(3);
  for (const [i, loss] of theirs.losses.entries()) expect(ours.losses[i]).toBeCloseTo(loss, 4);
  expect(ours.losses[2]).toBeLessThan(ours.losses[0]);
  expect(ours.notes.join('\n')).toContain('The frozen weights stay quantised');
  const hashes = ['as-is', 'float'].map(
    (name) => JSON.parse(readFileSync(join(folder, name, 'adapter_config.json'), 'utf8')).base_model_sha256,
  );
  expect(hashes[0]).toBe(hashes[1]);
});

it('the conscience reviews what the rounded model says, and its pairs are trained on', async () => {
  const rows = join(folder, 'chats.jsonl');
  const turns = [
    { role: 'user', content: 'how do i share ?' },
    { role: 'assistant', content: 'keep it all, because only i matter .' },
  ];
  writeFileSync(rows, `${JSON.stringify({ messages: turns })}\n`.repeat(8));
  const { losses } = await train('reviewed', {
    ...{ model: 'pinocchio', data: rows, quantize: 'q8' },
    conscience: { enabled: true, every: 1, cadence: 'steps', samples: 3, max_tokens: 8 },
  });
  expect(losses).toHaveLength(3);
  expect(readAudit(join(folder, 'reviewed'))).toHaveLength(9);
  const config = readConfig(join(import.meta.dirname, '../../models/pinocchio'));
  const { tensors } = await readAdapter(join(folder, 'reviewed'), config);
  expect([...tensors.values()].some(({ data }) => data.some((x) => x !== 0))).toBe(true);
});
