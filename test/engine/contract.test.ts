/** The contract, for the engine on onnxruntime and for one at a server, in both settings, and for the fake one. */
import { afterAll, describe, expect, it } from 'vitest';
import { OnnxEngine } from '../../src/engine/onnx/engine.js';
import { TinkerEngine, type TinkerOptions } from '../../src/engine/tinker/engine.js';
import { projections } from '../../src/model/lora-modules.js';
import { openEngine } from '../../src/open/engine.js';
import { contract } from './contract.js';
import { FakeEngine } from './fake.js';
import { type DoubleOptions, TinkerDouble } from './tinker-double.js';
import { randomRows, stepOf, supervised, tinyModel } from './tiny.js';

const lora = { rank: 3, alpha: 6, rslora: false, targets: projections };
contract('onnx, LoRA', (options) => new OnnxEngine(tinyModel(), { ...options, lora }));
contract('onnx, all weights', (options) => new OnnxEngine(tinyModel(), options));
contract('fake', (options) => new FakeEngine(options));

const doubles: TinkerDouble[] = [];
afterAll(() => Promise.all(doubles.map((double) => double.close())));
/** An engine at a server of its own. */
async function atDouble(options: DoubleOptions, own: Partial<TinkerOptions>): Promise<TinkerEngine> {
  const double = await TinkerDouble.start(options);
  doubles.push(double);
  return TinkerEngine.open(tinyModel(), { url: double.url, ...own });
}
contract('tinker, LoRA', (options) => atDouble(options, { ...options, lora }));
contract('tinker, all weights', (options) => atDouble(options, options));

describe('the fake engine', () => {
  it('has the gradient of its loss, by central differences', async () => {
    const engine = new FakeEngine();
    const [chosen, rejected] = randomRows([8, 10], 2);
    const pair = { chosen, rejected, reference: { chosen: -40, rejected: -41 }, weight: 1 };
    const pass = { ...supervised(randomRows([9, 12])), pairs: [pair], lambda: 0.7 };
    const { gradients } = await stepOf(engine, pass);
    const before = await engine.weights();
    const [name, gradient] = [...gradients][0];
    const places = [...gradient.keys()].filter((i) => Math.abs(gradient[i]) > 1e-3).slice(0, 12);
    expect(places).toHaveLength(12);
    for (const i of places) {
      const lossAt = async (delta: number) => {
        const { shape, data } = before.get(name)!;
        await engine.replace(
          'policy',
          new Map([[name, { shape, data: data.map((x, k) => (k === i ? x + delta : x)) }]]),
        );
        return (await engine.accumulate(pass)).loss;
      };
      expect(((await lossAt(1e-3)) - (await lossAt(-1e-3))) / 2e-3).toBeCloseTo(gradient[i], 4);
    }
  });
});

describe('openEngine', () => {
  it('refuses a name that no engine has, with those that there are', async () => {
    await expect(openEngine({ engine: 'abacus', model: tinyModel() })).rejects.toThrow(
      'engine: no such engine; expected onnx or torch or tinker, got abacus',
    );
  });

  it('opens the engine on onnxruntime by default', async () => {
    const engine = await openEngine({ model: tinyModel(), lora, threads: 0 });
    expect([engine.name, engine.maxLength, engine.lora]).toEqual(['onnx', 64, lora]);
    await engine.close();
  });
});
