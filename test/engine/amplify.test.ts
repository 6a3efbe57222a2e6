/** A policy that has gone further the way that training takes it. */
import { afterAll, describe, expect, it } from 'vitest';
import type { Writer } from '../../src/engine/language-model.js';
import { OnnxEngine } from '../../src/engine/onnx/engine.js';
import { amplify } from '../../src/model/amplify.js';
import { initLora } from '../../src/model/lora.js';
import { projections } from '../../src/model/lora-modules.js';
import { Random } from '../../src/random.js';
import { tinyModel } from './tiny.js';

const lora = { rank: 2, alpha: 4, rslora: false, targets: projections };
const model = tinyModel();
const conversations = ['a', 'b', 'c', 'd'].map((content) => [{ role: 'user' as const, content }]);
const open: OnnxEngine[] = [];
afterAll(() => Promise.all(open.map((engine) => engine.close())));

function engineOf(options: ConstructorParameters<typeof OnnxEngine>[1], weights = model.weights): OnnxEngine {
  const engine = new OnnxEngine({ ...model, weights }, options);
  open.push(engine);
  return engine;
}

const say = async (writer: Writer) =>
  (await writer.generate(conversations, { maxTokens: 12, temperature: 1, seed: 3 })).map(({ text }) => text);

/** An adapter that does something. */
function adapterOf(scale: number) {
  const adapter = initLora(model.config, lora, 1);
  const random = new Random('B');
  for (const [name, { data }] of adapter) {
    if (name.endsWith('.lora_B'))
      for (let i = 0; i < data.length; i++) data[i] = scale * (random.next() - 0.5);
  }
  return adapter;
}

describe('amplified', () => {
  it('is an adapter times the factor, and leaves the policy as it is', async () => {
    const engine = engineOf({ lora, adapter: adapterOf(1) });
    const before = await say(engine.model('policy'));
    const further = await say(engine.amplified(3));
    expect(further).toEqual(await say(engineOf({ lora, adapter: adapterOf(3) }).model('policy')));
    expect(further).not.toEqual(before);
    expect(await say(engine.amplified(1))).toEqual(before);
    expect(await say(engine.model('policy'))).toEqual(before);
    expect(engine.amplified(3).id).toBe('policy, ×3');
  });

  it('is the policy of that moment', async () => {
    const engine = engineOf({ lora, adapter: adapterOf(1) });
    const then = engine.amplified(2);
    const before = await say(then);
    for (const [name, { data }] of engine.trainable) if (name.endsWith('.lora_B')) data.fill(0);
    expect(await say(then)).toEqual(before);
    expect(await say(engine.amplified(2))).toEqual(await say(engine.model('base')));
  });

  it('is the change of all weights times the factor, where all are trained', async () => {
    const engine = engineOf({});
    const random = new Random('weights');
    for (const { data } of engine.trainable.values()) {
      for (let i = 0; i < data.length; i++) data[i] += 0.1 * (random.next() - 0.5);
    }
    const further = amplify(engine.trainable, 2, model.weights);
    const [name, { data }] = [...model.weights][0];
    const trained = engine.trainable.get(name)!.data;
    expect(further.get(name)!.data[0]).toBeCloseTo(data[0] + 2 * (trained[0] - data[0]), 6);
    expect(await say(engine.amplified(2))).toEqual(await say(engineOf({}, further).model('policy')));
  });
});
