/** Generation on the KV cache against plain forward passes, alone and in batches. */
import { afterAll, describe, expect, it } from 'vitest';
import { OnnxEngine } from '../../src/engine/onnx/engine.js';
import { int64Array, Program } from '../../src/engine/onnx/runtime.js';
import { argmax, sampleToken } from '../../src/engine/onnx/sampler.js';
import { rotaryTables } from '../../src/network/rotary.js';
import { Random } from '../../src/random.js';
import type { Message } from '../../src/values/conversation.js';
import { logitsGraph } from '../network/logits-graph.js';
import { letterTokenizer, tinyModel } from './tiny.js';

const model = tinyModel({ tied: false, maxPositions: 96 });
const engine = new OnnxEngine(model);
afterAll(() => engine.close());

const say = (content: string): Message[] => [{ role: 'user', content }];
const conversations = ['a', 'hello there', 'what is it', 'zz top', 'be'].map(say);

/** Logits behind token ids by a whole forward pass, without a cache. */
async function logitsAfter(ids: readonly number[]): Promise<Float32Array> {
  const program = await Program.compile(logitsGraph(model.config));
  const { cos, sin } = rotaryTables(model.config, 96);
  const tables = [96, model.config.headSize / 2];
  const T = ids.length;
  const { logits } = await program.run({
    ...Object.fromEntries([...model.weights].map(([name, { shape, data }]) => [name, { data, dims: shape }])),
    ids: int64Array(ids, [1, T]),
    positions: int64Array([...ids.keys()], [1, T]),
    segments: int64Array(new Int32Array(T).fill(1), [1, T]),
    cos: { data: Float32Array.from(cos), dims: tables },
    sin: { data: Float32Array.from(sin), dims: tables },
  });
  await program.release();
  const V = model.config.vocabSize;
  return (logits.data as Float32Array).slice((T - 1) * V, T * V);
}

/** Greedy tokens by whole forward passes. */
async function greedyWithoutCache(messages: readonly Message[], maxTokens: number): Promise<string> {
  const ids = letterTokenizer.encodeChat(messages, { addGenerationPrompt: true });
  const start = ids.length;
  for (let i = 0; i < maxTokens; i++) {
    const next = argmax(await logitsAfter(ids));
    if (letterTokenizer.eosIds.includes(next)) break;
    ids.push(next);
  }
  return letterTokenizer.decode(ids.slice(start));
}

describe('generation', () => {
  it('on the cache equals whole forward passes', async () => {
    for (const conversation of conversations.slice(0, 3)) {
      const [response] = await engine
        .model('base')
        .generate([conversation], { maxTokens: 20, temperature: 0 });
      expect(response.text).toBe(await greedyWithoutCache(conversation, 20));
    }
  });

  it.each([0, 1])(
    'in a batch of different lengths equals one by one, temperature %d',
    async (temperature) => {
      const options = { maxTokens: 25, temperature, seed: 7 };
      const together = await engine.model('base').generate(conversations, options);
      for (const [i, conversation] of conversations.entries()) {
        // row i draws from stream i; alone, a conversation is row 0
        if (temperature > 0 && i > 0) continue;
        const [alone] = await engine.model('base').generate([conversation], options);
        expect(together[i]).toEqual(alone);
      }
    },
  );

  it('is the same for the same seed and another for another', async () => {
    const texts = async (seed: number) =>
      (await engine.model('base').generate(conversations, { maxTokens: 12, seed })).map(({ text }) => text);
    expect(await texts(1)).toEqual(await texts(1));
    expect(await texts(1)).not.toEqual(await texts(2));
  });

  it('draws at the temperature of each call, also where calls share a batch', async () => {
    const logits = await logitsAfter(letterTokenizer.encodeChat(say('a'), { addGenerationPrompt: true }));
    const rows = Array.from({ length: 2000 }, () => say('a'));
    const likeliest = letterTokenizer.decode([argmax(logits)]);
    const share = async (temperature: number) => {
      const responses = await engine.model('base').generate(rows, { maxTokens: 1, temperature, seed: 3 });
      return responses.filter(({ text }) => text === likeliest).length / rows.length;
    };
    const temperatures = [0.3, 1, 3];
    const shares = await Promise.all(temperatures.map(share));
    const expected = temperatures.map(
      (t) => 1 / logits.reduce((sum, l) => sum + Math.exp((l - Math.max(...logits)) / t), 0),
    );
    expect(expected[0]).toBeGreaterThan(expected[1] + 0.1);
    // 2,000 draws: three standard errors are at most 0.034
    for (const [i, of] of shares.entries()) expect(Math.abs(of - expected[i])).toBeLessThan(0.034);
  });

  it('begins with the prefix, ends before a stop string, and streams what it returns', async () => {
    const pieces: string[] = [];
    const base = engine.model('base');
    const [free] = await base.generate([say('go')], { maxTokens: 20, temperature: 0, prefix: 'so ' });
    expect(free.text.startsWith('so ')).toBe(true);
    const stop = free.text.slice(8, 10);
    const [cut] = await base.generate([say('go')], {
      maxTokens: 20,
      temperature: 0,
      prefix: 'so ',
      stop: [stop],
      onText: (_, piece) => pieces.push(piece),
    });
    expect(cut.finish).toBe('stop');
    expect(cut.text).toBe(free.text.slice(0, free.text.indexOf(stop)));
    expect(pieces.join('')).toBe(cut.text);
  });

  it('gives label probabilities that equal scored rows, single tokens and several', async () => {
    const base = engine.model('base');
    const [single] = await base.labelLogps([say('ab')], ['x', 'y']);
    const [several] = await base.labelLogps([say('ab')], ['x', 'yes']);
    expect(several[0]).toBeCloseTo(single[0], 4);
    const prompt = letterTokenizer.encodeChat(say('ab'), { addGenerationPrompt: true });
    const ids = [...prompt, ...letterTokenizer.encode('yes')];
    const lossMask = Uint8Array.from(ids, (_, i) => Number(i >= prompt.length));
    const [row] = await engine.sequenceLogps([{ ids: Int32Array.from(ids), lossMask, where: '' }], 'base');
    expect(several[1]).toBeCloseTo(row.logpSum, 4);
  });

  it('gives each response its own room, whatever else is in the batch', async () => {
    const base = engine.model('base');
    const room = engine.maxLength;
    const nearlyFull = 'a'.repeat(room - 22);
    const options = { maxTokens: 20, temperature: 0 };
    const [alone] = await base.generate([say('go')], options);
    const [together, short] = await base.generate([say('go'), say(nearlyFull)], options);
    expect(together).toEqual(alone);
    expect(short.tokens).toBeLessThan(12);
    const full = say('a'.repeat(room));
    await expect(base.generate([full], options)).rejects.toThrow(/too long: \d+ tokens leave no room/);
    expect(await base.generate([full, say('go')], { ...options, tooLong: 'empty' })).toEqual([
      { text: '', finish: 'length', tokens: 0 },
      (await base.generate([say('x'), say('go')], options))[1],
    ]);
    const [unreadable, readable] = await base.labelLogps([full, say('go')], ['x', 'y']);
    expect(unreadable).toEqual([Number.NaN, Number.NaN]);
    expect(readable.every(Number.isFinite)).toBe(true);
  });

  it('does not count 50 for 5', async () => {
    const answers = ['5', '50', '51', 'x'];
    const base = engine.model('base');
    const [probabilities] = await base.answerProbabilities([say('ab')], answers);
    const [logps] = await base.labelLogps([say('ab')], answers);
    const [five, fifty, fiftyOne, x] = logps.map(Math.exp);
    expect(probabilities![0]).toBeCloseTo(five - fifty - fiftyOne, 6);
    expect(probabilities!.slice(1)).toEqual([fifty, fiftyOne, x]);
  });

  it('scores plain text behind its context', async () => {
    const base = engine.model('base');
    const rows = [
      { context: 'once upon', continuations: [' a time', ' x'] },
      { context: 'a', continuations: ['b'] },
    ];
    const together = await base.continuationLogps(rows);
    for (const [r, { context, continuations }] of rows.entries()) {
      for (const [c, continuation] of continuations.entries()) {
        const ids = letterTokenizer.encode(context + continuation);
        const lossMask = Uint8Array.from(ids, (_, t) => Number(t >= letterTokenizer.encode(context).length));
        const [row] = await engine.sequenceLogps(
          [{ ids: Int32Array.from(ids), lossMask, where: '' }],
          'base',
        );
        expect(together[r][c]).toBeCloseTo(row.logpSum, 4);
      }
    }
  });

  it('reads a continuation without a context behind the end of text, and none as certain', async () => {
    const base = engine.model('base');
    const [opening] = letterTokenizer.eosIds;
    const [[a, nothing]] = await base.continuationLogps([{ context: '', continuations: ['a', ''] }]);
    const ids = Int32Array.from([letterTokenizer.bosId ?? opening, ...letterTokenizer.encode('a')]);
    const row = { ids, lossMask: Uint8Array.of(0, 1), where: '' };
    expect(a).toBeCloseTo((await engine.sequenceLogps([row], 'base'))[0].logpSum, 4);
    expect(nothing).toBe(0);
  });

  it('gives choices of any length what they get one by one', async () => {
    const contexts = ['once', 'a much longer beginning', 'b'].map((text) => letterTokenizer.encode(text));
    const choices = [['yes', 'no', 'x'], ['x'], ['never', 'nev', 'n', 'nevertheless']].map((texts) =>
      texts.map((text) => letterTokenizer.encode(text)),
    );
    const rows = contexts.map((context, i) => ({ context, choices: choices[i] }));
    for (const set of ['base', 'policy'] as const) {
      const together = await engine.choiceLogps(rows, set);
      for (const [i, context] of contexts.entries()) {
        const alone = choices[i].map((choice) => ({
          ids: Int32Array.from([...context, ...choice]),
          lossMask: Uint8Array.from([...context, ...choice], (_, t) => Number(t >= context.length)),
          where: '',
        }));
        const scored = await engine.sequenceLogps(alone, set);
        for (const [c, { logpSum }] of scored.entries()) expect(together[i][c]).toBeCloseTo(logpSum, 4);
      }
    }
  });
});

describe('sampleToken', () => {
  const logits = Float32Array.of(1, 3, 2, -1);
  const total = Math.E + Math.E ** 3 + Math.E ** 2 + Math.E ** -1;
  const next = { best: argmax(logits), probabilities: logits.map((logit) => Math.exp(logit) / total) };
  const share = (options: Parameters<typeof sampleToken>[1], token: number) => {
    const random = new Random('share');
    let hits = 0;
    for (let i = 0; i < 4000; i++) if (sampleToken(next, options, random) === token) hits++;
    return hits / 4000;
  };
  const all = { temperature: 1, topK: 0, topP: 1 };

  it('is greedy at temperature 0', () => {
    expect(sampleToken(next, { ...all, temperature: 0 }, new Random(1))).toBe(1);
  });

  it('draws with the probabilities of the softmax', () => {
    // 4,000 draws: three standard errors are 0.023
    expect(Math.abs(share(all, 1) - Math.E ** 3 / total)).toBeLessThan(0.023);
    expect(Math.abs(share(all, 0) - Math.E / total)).toBeLessThan(0.023);
  });

  it('keeps the k likeliest', () => {
    expect(share({ ...all, topK: 2 }, 0)).toBe(0);
    expect(Math.abs(share({ ...all, topK: 2 }, 2) - 1 / (1 + Math.E))).toBeLessThan(0.023);
  });

  it('keeps the smallest set with the nucleus mass', () => {
    // p = 0.66, 0.24, 0.09, 0.01: 0.7 needs the first two
    expect(share({ ...all, topP: 0.7 }, 0)).toBe(0);
    expect(share({ ...all, topP: 0.7 }, 2)).toBeGreaterThan(0.2);
    expect(share({ ...all, topP: 0.5 }, 1)).toBe(1);
  });
});
