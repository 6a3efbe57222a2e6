/** Directions in the residual stream: read, added, taken out; and who is left alone. */
import { afterAll, describe, expect, it } from 'vitest';
import { OnnxEngine } from '../../src/engine/onnx/engine.js';
import { type LoraConfig, projections } from '../../src/model/lora-modules.js';
import { Random } from '../../src/random.js';
import { randomRows, stepOf, supervised, tinyModel } from './tiny.js';

const lora: LoraConfig = { rank: 3, alpha: 6, rslora: false, targets: projections };
const open: OnnxEngine[] = [];
afterAll(() => Promise.all(open.map((engine) => engine.close())));
const engineOf = () => {
  const engine = new OnnxEngine(tinyModel(), { lora });
  open.push(engine);
  return engine;
};

const rows = randomRows([9, 12, 11]);
const random = new Random('direction');
const direction = Float32Array.from({ length: 16 }, () => random.normal());
const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, i) => sum + x * b[i], 0);
const lossOf = async (engine: OnnxEngine) => (await stepOf(engine, supervised(rows))).result.loss;

describe('meanHidden', () => {
  it('is the mean over the targets’ places, whatever stands beside a row', async () => {
    const engine = engineOf();
    const together = await engine.meanHidden(rows, 'base', 1);
    for (const [i, row] of rows.entries()) {
      const [alone] = await engine.meanHidden([row], 'base', 1);
      for (const [d, x] of alone.entries()) expect(together[i][d]).toBeCloseTo(x, 5);
    }
    expect(await engine.meanHidden(rows, 'base', 0)).not.toEqual(together);
  });
});

describe('steering', () => {
  it('in training changes the loss and the gradients, and nothing else', async () => {
    const engine = engineOf();
    const scores = await engine.sequenceLogps(rows, 'policy');
    const before = await lossOf(engine);
    await engine.steer('training', [{ layer: 0, kind: 'add', direction }]);
    expect(await lossOf(engine)).not.toBeCloseTo(before, 3);
    expect(await engine.sequenceLogps(rows, 'policy')).toEqual(scores);
    await engine.steer('training', [{ layer: 0, kind: 'add', direction: new Float32Array(16) }]);
    expect(await lossOf(engine)).toBeCloseTo(before, 5);
  });

  it('of answers changes the policy only, when it writes and when it is scored', async () => {
    const engine = engineOf();
    const ask = async (set: 'policy' | 'base') => {
      const said = await engine
        .model(set)
        .generate([[{ role: 'user', content: 'why' }]], { maxTokens: 12, temperature: 0 });
      return { text: said[0].text, scores: await engine.sequenceLogps(rows, set) };
    };
    const before = { policy: await ask('policy'), base: await ask('base') };
    expect(before.policy.text).toBe(before.base.text);
    const loss = await lossOf(engine);
    await engine.steer('answering', [{ layer: 1, kind: 'add', direction: direction.map((x) => 8 * x) }]);
    const after = await ask('policy');
    expect(after.text).not.toBe(before.policy.text);
    expect(after.scores).not.toEqual(before.policy.scores);
    expect(await ask('base')).toEqual(before.base);
    expect(await lossOf(engine)).toBe(loss);
    await engine.steer('answering', []);
    expect(await ask('policy')).toEqual(before.policy);
  });

  it('takes a direction out: what was added along it before is gone', async () => {
    const engine = engineOf();
    const remove = { layer: 1, kind: 'remove', direction } as const;
    await engine.steer('answering', [remove]);
    const without = await engine.sequenceLogps(rows, 'policy');
    await engine.steer('answering', [
      { layer: 1, kind: 'add', direction: direction.map((x) => 3 * x) },
      remove,
    ]);
    const again = await engine.sequenceLogps(rows, 'policy');
    for (const [i, { logpSum }] of again.entries()) expect(logpSum).toBeCloseTo(without[i].logpSum, 3);
    await engine.steer('answering', []);
    expect((await engine.sequenceLogps(rows, 'policy'))[0].logpSum).not.toBeCloseTo(without[0].logpSum, 3);
    expect(dot(direction, direction)).toBeGreaterThan(1);
  });

  it.each([
    ['a direction of another width', { layer: 0, kind: 'add', direction: new Float32Array(3) }],
    ['a layer that is not there', { layer: 2, kind: 'add', direction }],
  ] as const)('refuses %s', async (_, steering) => {
    await expect(engineOf().steer('answering', [steering])).rejects.toThrow(
      /does not fit the model.*layers 0 to 1/s,
    );
  });
});
