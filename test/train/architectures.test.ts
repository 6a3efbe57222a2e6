/** A stopped run on every architecture, resumed, ends as one that never stopped, bit for bit. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { type ProgressState, silent } from '../../src/metrics/progress.js';
import { loadModel } from '../../src/model/weights.js';
import { parseConfig } from '../../src/train/config/load.js';
import { runTrain } from '../../src/train/run.js';

const models = join(import.meta.dirname, '../fixtures/architectures');
const names = readdirSync(models).filter((name) => existsSync(join(models, name, 'config.json')));
const folder = mkdtempSync(join(tmpdir(), 'ealign-architectures-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const data = join(folder, 'rows.jsonl');
const texts = [
  'ABCDEFGHIJ',
  'KJIHGFEDCBA',
  'ABABABCD',
  'XYZXYZXYZXYZ',
  'QRSTUV',
  'HELLO WORLD'.replace(' ', ''),
];
writeFileSync(data, texts.map((text) => `${JSON.stringify({ text })}\n`).join(''));

const cases = names.flatMap((name) => [
  { name, setting: 'lora', file: 'adapter_model.safetensors' },
  { name, setting: 'full', file: 'model.safetensors' },
]);

it.each(cases)('$name, $setting', async ({ name, setting, file }) => {
  const model = join(models, name);
  const config = (output: string) =>
    parseConfig(
      JSON.stringify({
        ...{ model, data, output, setting, seed: 1, eval_split: 0, threads: 1 },
        training: { steps: 6, batch_size: 2, max_length: 16, learning_rate: 3e-3 },
        conscience: { enabled: false },
      }),
    );
  const [straight, broken] = ['straight', 'broken'].map((run) => join(folder, `${name}-${setting}-${run}`));
  await (await runTrain(config(straight)))!.engine.close();
  const stop = new AbortController();
  const update = (state: ProgressState) => {
    if (state.loss !== undefined && state.step === 3) stop.abort();
  };
  const stopped = await runTrain(config(broken), { progress: { ...silent, update }, signal: stop.signal });
  expect(stopped).toMatchObject({ finished: false, step: 3 });
  await stopped!.engine.close();
  await (await runTrain(config(broken), { resume: true }))!.engine.close();
  const [expected, got] = [straight, broken].map((run) => readFileSync(join(run, file)));
  expect(got.equals(expected)).toBe(true);
  if (setting === 'lora') {
    const { target_modules: targets } = JSON.parse(readFileSync(join(broken, 'adapter_config.json'), 'utf8'));
    expect(targets.toSorted()).toEqual(
      [...(await loadModel(model)).config.architecture.projections].toSorted(),
    );
  }
});
