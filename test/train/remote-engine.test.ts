/** Whole runs at a server: the same as here, resumed exactly, with a conscience, and with a result that is read here. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAudit } from '../../src/conscience/audit.js';
import { resolveModel } from '../../src/hub/pull.js';
import { silent } from '../../src/metrics/progress.js';
import { readMetrics } from '../../src/metrics/writer.js';
import type { Model } from '../../src/model/model.js';
import { loadModel } from '../../src/model/weights.js';
import { openModel } from '../../src/open/model.js';
import { parseConfig } from '../../src/train/config/load.js';
import { type RunOptions, runTrain } from '../../src/train/run.js';
import { type DoubleOptions, TinkerDouble } from '../engine/tinker-double.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-remote-engine-'));
const doubles: TinkerDouble[] = [];
let model: Model;
beforeAll(async () => {
  model = await loadModel(await resolveModel('pinocchio'));
});
afterAll(async () => {
  await Promise.all(doubles.map((double) => double.close()));
  rmSync(folder, { recursive: true, force: true });
});

const data = join(folder, 'rows.jsonl');
const row = (n: number) => ({
  messages: [
    { role: 'user', content: `how do i share ? ${'please '.repeat(n)}` },
    { role: 'assistant', content: 'give half of it to a friend .' },
  ],
});
writeFileSync(data, Array.from({ length: 8 }, (_, n) => `${JSON.stringify(row(n))}\n`).join(''));

async function at(options: DoubleOptions = {}): Promise<{ engine: string; url: string }> {
  const double = await TinkerDouble.start({ model, name: 'some-owner/pinocchio', ...options });
  doubles.push(double);
  return { engine: 'tinker', url: double.url };
}

async function train(output: string, given: object, options: RunOptions = {}) {
  const base = { model: 'pinocchio', data, output: join(folder, output), overwrite: true, eval_split: 0.25 };
  const training = { steps: 4, batch_size: 2, log_every: 1, save_every: 2 };
  const off = { enabled: false };
  const config = parseConfig(JSON.stringify({ ...base, training, conscience: off, ...given }));
  const run = await runTrain(config, { progress: silent, ...options });
  await run.engine.close();
  return run;
}

const metricsOf = (output: string) => readMetrics(join(folder, output)).filter((one) => 'loss' in one);
const adapterOf = (output: string) => readFileSync(join(folder, output, 'adapter_model.safetensors'));

describe('a run at a server', () => {
  it('learns what a run here does, and can be read here', async () => {
    await train('here', {});
    await train('there', await at());
    const [here, there] = [metricsOf('here'), metricsOf('there')];
    expect(there).toHaveLength(here.length);
    for (const [i, one] of here.entries()) {
      for (const name of ['loss', 'entropy', 'mean_token_accuracy', 'grad_norm'] as const)
        expect(Math.abs(there[i][name]! - one[name]!), `${name} ${i}`).toBeLessThan(1e-3);
    }
    const row = { messages: [{ role: 'user' as const, content: 'how do i share ?' }] };
    const answers = ['here', 'there'].map(async (output) => {
      const opened = await openModel('pinocchio', { adapter: join(folder, output) });
      const [logps] = await opened.labelLogps([row.messages], ['give', 'no']);
      await opened.close();
      return logps;
    });
    const [a, b] = await Promise.all(answers);
    for (const [i, logp] of a.entries()) expect(Math.abs(b[i] - logp)).toBeLessThan(1e-3);
  });

  it('goes on as if it had never stopped', async () => {
    const place = await at();
    const stop = new AbortController();
    // the reading of rows is told of as well
    const update = ({ step, loss }: { step: number; loss?: number }) =>
      step === 2 && loss !== undefined && stop.abort();
    const stopped = await train('stopped', place, { progress: { ...silent, update }, signal: stop.signal });
    expect(stopped).toMatchObject({ finished: false, step: 2 });
    expect(existsSync(join(folder, 'stopped/checkpoint-2/state.safetensors'))).toBe(true);
    // at another server: nothing of the run is left at the first one
    await train('stopped', await at(), { resume: true });
    await train('whole', await at());
    expect(adapterOf('stopped')).toEqual(adapterOf('whole'));
    expect(metricsOf('stopped').map(({ loss }) => loss)).toEqual(metricsOf('whole').map(({ loss }) => loss));
  });

  it.each(['all', 'none'] as const)('is reviewed by its conscience, extensions: %s', async (extensions) => {
    const conscience = { cadence: 'steps', every: 2, samples: 3, max_tokens: 4, check: 'off' };
    const place = await at({ extensions });
    await train(`reviewed ${extensions}`, { ...place, conscience });
    expect(readAudit(join(folder, `reviewed ${extensions}`))).toHaveLength(6);
    const result = extensions === 'all' ? 'adapter_model.safetensors' : 'tinker.json';
    expect(existsSync(join(folder, `reviewed ${extensions}`, result))).toBe(true);
    const [{ grad_norm: norm }] = metricsOf(`reviewed ${extensions}`);
    if (extensions === 'all') expect(norm).toBeGreaterThan(0);
    else expect(norm).toBeNull();
  });

  it('trains on fixed pairs as a run here does', async () => {
    const pairs = join(folder, 'pairs.jsonl');
    const pair = { prompt: 'how do i share ?', chosen: 'give half of it .', rejected: 'keep all of it .' };
    writeFileSync(pairs, `${JSON.stringify(pair)}\n`);
    const given = { preference_data: pairs, loss: { lambda: 1, beta: 0.5 } };
    await train('pairs here', given);
    await train('pairs there', { ...given, ...(await at()) });
    const [here, there] = [metricsOf('pairs here'), metricsOf('pairs there')];
    for (const [i, one] of here.entries()) {
      for (const name of ['loss/dpo', 'logps/chosen', 'logps/rejected', 'rewards/margins'] as const)
        expect(Math.abs(there[i][name]! - one[name]!), `${name} ${i}`).toBeLessThan(1e-2);
    }
  });

  it('is refused before anything is read, where there is no server', async () => {
    const given = { engine: 'tinker', url: 'http://127.0.0.1:4445', data: join(folder, 'none.jsonl') };
    await expect(train('refused', given)).rejects.toThrow(/^127.0.0.1:4445: cannot be reached/);
  });

  it.each([
    [{ engine: 'tinker' }, /url/],
    [{ url: 'http://localhost:1' }, /url: only engine: tinker reads this/],
    [
      { engine: 'torch', device: 'webgpu' },
      /device: engine: torch computes on cpu or cuda or auto, not on webgpu/,
    ],
    [{ device: 'cuda' }, /device: engine: onnx computes on cpu or webgpu, not on cuda/],
    [{ engine: 'tinker', url: 'http://x', device: 'cpu' }, /device: the server of engine: tinker decides/],
    [{ engine: 'torch', setting: 'full', init: 'random' }, /init: training from random weights/],
    [{ engine: 'torch', quantize: 'q8' }, /quantize: only weights that stay as they are can be rounded/],
    [
      { engine: 'torch', loss: { kl: 0.1 } },
      /loss.kl: engine: torch cannot hold the policy to a frozen copy/,
    ],
    [
      { engine: 'torch', conscience: { lag: 1 } },
      /conscience.lag: reviews beside training are done by engine: onnx/,
    ],
  ])('says what does not go together: %j', (given, message) => {
    expect(() => parseConfig(JSON.stringify({ model: 'pinocchio', data, ...given }))).toThrow(message);
  });
});
