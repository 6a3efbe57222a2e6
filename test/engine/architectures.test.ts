/**
 * What the engine promises, on every architecture: packed rows train as padded ones, choices that branch off
 * a context score as rows, a new adapter changes nothing. Fixtures: ../fixtures/architectures.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { OnnxEngine } from '../../src/engine/onnx/engine.js';
import { readAdapter } from '../../src/model/adapter-files.js';
import { initLora } from '../../src/model/lora.js';
import { loadModel } from '../../src/model/weights.js';
import { lossTolerance } from '../parity/fixtures.js';
import { relativeError } from '../relative-error.js';
import { randomRows, stepOf, supervised } from './tiny.js';

const folder = join(import.meta.dirname, '../fixtures/architectures');
const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'config.json')));
const rows = randomRows([12, 9, 5]);

const engines: OnnxEngine[] = [];
afterAll(() => Promise.all(engines.map((engine) => engine.close())));

const load = (name: string) => loadModel(join(folder, name));

async function engineOf(name: string, adapted = false) {
  const model = await load(name);
  const adapter = adapted ? await readAdapter(join(folder, name, 'adapter'), model.config) : undefined;
  const engine = new OnnxEngine(model, adapter && { lora: adapter.config, adapter: adapter.tensors });
  engines.push(engine);
  return engine;
}

it('there are models', () => expect(names.length).toBeGreaterThan(5));

describe.each(names)('%s', (name) => {
  it('trains packed rows as padded ones', async () => {
    const engine = await engineOf(name, true);
    const train = (lines: readonly (readonly number[])[]) =>
      stepOf(engine, { ...supervised(rows), layout: { length: 32, lines } });
    const [padded, packed] = [await train([[0], [1], [2]]), await train([[0, 1, 2]])];
    expect(relativeError([packed.result.loss], [padded.result.loss])).toBeLessThanOrEqual(lossTolerance);
    for (const [key, gradient] of packed.gradients) {
      // float32 sums in another order
      expect(relativeError(gradient, padded.gradients.get(key)!), key).toBeLessThanOrEqual(2e-5);
    }
  });

  it('scores choices that branch off a context as it scores rows', async () => {
    const engine = await engineOf(name);
    const ids = [...rows[0].ids];
    const [context, choices] = [ids.slice(0, 7), [ids.slice(7), [...rows[1].ids.slice(0, 3)]]];
    const [together] = await engine.choiceLogps([{ context, choices }], 'base');
    const alone = await engine.sequenceLogps(
      choices.map((choice) => ({
        ids: Int32Array.from([...context, ...choice]),
        lossMask: Uint8Array.from([...context.map(() => 0), ...choice.map(() => 1)]),
        where: '',
      })),
      'base',
    );
    expect(
      relativeError(
        together,
        alone.map(({ logpSum }) => logpSum),
      ),
    ).toBeLessThanOrEqual(lossTolerance);
  });

  it('begins with an adapter on every projection that changes nothing', async () => {
    const source = await load(name);
    const { config } = source;
    const targets = config.architecture.projections;
    const lora = { rank: 2, alpha: 4, rslora: false, targets };
    expect(initLora(config, lora, 1).size).toBe(2 * config.layers * targets.length);
    const engine = new OnnxEngine(source, { lora });
    engines.push(engine);
    expect(await engine.sequenceLogps(rows, 'policy')).toEqual(await engine.sequenceLogps(rows, 'base'));
  });
});
