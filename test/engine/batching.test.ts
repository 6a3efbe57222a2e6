/** Concurrent calls share a running batch; nobody can tell from what comes back. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { Cache } from '../../src/engine/onnx/cache.js';
import { OnnxEngine } from '../../src/engine/onnx/engine.js';
import { FrozenModel } from '../../src/engine/onnx/frozen/model.js';
import { Random } from '../../src/random.js';
import type { Message } from '../../src/values/conversation.js';
import { frozenSource } from './frozen-source.js';
import { tinyModel } from './tiny.js';

const model = tinyModel({ tied: false, maxPositions: 96 });
const cell = Cache.cellBytes(model.config);
type Opened = OnnxEngine | FrozenModel;
const engines: Opened[] = [];
const cache = mkdtempSync(join(tmpdir(), 'stores-'));
afterAll(async () => {
  await Promise.all(engines.map((engine) => engine.close()));
  rmSync(cache, { recursive: true });
});

interface Limits {
  readonly maxRows?: number;
  readonly cacheBytes?: number;
}
const openers: Readonly<Record<string, (limits: Limits) => Opened | Promise<Opened>>> = {
  engine: (limits) => new OnnxEngine(model, limits),
  'frozen copy': (limits) => FrozenModel.open(frozenSource(cache, model), limits),
};
const opener =
  (kind: string) =>
  async ({ maxRows, cells }: { maxRows?: number; cells?: number } = {}): Promise<Opened> => {
    const limits = { ...(maxRows ? { maxRows } : {}), ...(cells ? { cacheBytes: cells * cell } : {}) };
    const opened = await openers[kind](limits);
    engines.push(opened);
    return opened;
  };

const say = (content: string): Message[] => [{ role: 'user', content }];
const letters = (random: Random, count: number) =>
  Array.from({ length: count }, () => 'abcdefghijklmnopqrstuvwxyz '[Math.floor(random.next() * 27)]).join('');

/** Calls of one to three conversations, of all lengths, greedy and sampled. */
function someCalls(count: number) {
  return Array.from({ length: count }, (_, i) => {
    const random = new Random('call', i);
    const size = 1 + Math.floor(random.next() * 3);
    const conversations = Array.from({ length: size }, () =>
      say(letters(random, 1 + Math.floor(random.next() * 60))),
    );
    const maxTokens = 1 + Math.floor(random.next() * 40);
    const temperature = i % 2;
    return { conversations, options: { maxTokens, temperature, seed: i, tooLong: 'empty' as const } };
  });
}

describe.each(Object.keys(openers))('concurrent calls of the %s', (kind) => {
  const open = opener(kind);

  it.each([
    ['with room for all', {}],
    ['where few rows fit', { maxRows: 5 }],
    ['where rows must leave the cache and come back', { cells: 200 }],
    ['where only one long row fits', { cells: 1 }],
  ])('are answered as one by one, %s', async (_, limits) => {
    const calls = someCalls(30);
    const alone = (await open()).model('base');
    const expected = [];
    for (const { conversations, options } of calls) {
      expected.push(await alone.generate(conversations, options));
    }
    const together = (await open(limits)).model('base');
    const random = new Random('start');
    const answers = await Promise.all(
      calls.map(async ({ conversations, options }) => {
        await sleep(random.next() * 60);
        return together.generate(conversations, options);
      }),
    );
    expect(answers).toEqual(expected);
  });

  it('take turns: a short call overtakes a long one', async () => {
    const base = (await open({ maxRows: 2 })).model('base');
    const many = Array.from({ length: 60 }, (_, i) => say(letters(new Random('many', i), 5)));
    const finished: string[] = [];
    const long = base.generate(many, { maxTokens: 30, temperature: 1 }).then(() => finished.push('long'));
    await sleep(5);
    await base.generate([say('hi')], { maxTokens: 3 });
    finished.push('short');
    await long;
    expect(finished).toEqual(['short', 'long']);
  });

  it('keep their own usage and streams', async () => {
    const base = (await open()).model('base');
    const results = await Promise.all(
      someCalls(12).map(async ({ conversations, options }) => {
        const texts = conversations.map(() => '');
        const usage: number[] = conversations.map(() => 0);
        const responses = await base.generate(conversations, {
          ...options,
          onText: (i, piece) => {
            texts[i] += piece;
          },
          onUsage: (i, { answerTokens }) => {
            usage[i] += answerTokens;
          },
        });
        return { responses, texts, usage };
      }),
    );
    for (const { responses, texts, usage } of results) {
      expect(texts).toEqual(responses.map(({ text }) => text));
      expect(usage).toEqual(responses.map(({ tokens }) => tokens));
    }
  });

  it('end alone: one that is aborted, or whose listener fails', async () => {
    const base = (await open()).model('base');
    const options = { maxTokens: 40, temperature: 0 };
    const [expected] = await base.generate([say('go on')], options);
    const abort = new AbortController();
    const failing = () => {
      throw new Error('the listener has failed');
    };
    const [aborted, failed, kept] = await Promise.allSettled([
      base.generate([say('zz top'), say('be')], {
        ...options,
        signal: abort.signal,
        onText: () => abort.abort(),
      }),
      base.generate([say('what is it')], { ...options, onText: failing }),
      base.generate([say('go on')], options),
    ]);
    expect(aborted).toMatchObject({ status: 'fulfilled' });
    const cut = (aborted as PromiseFulfilledResult<{ tokens: number }[]>).value;
    expect(cut.map(({ tokens }) => tokens < 40)).toEqual([true, true]);
    expect(failed).toMatchObject({ status: 'rejected', reason: new Error('the listener has failed') });
    expect(kept).toMatchObject({ status: 'fulfilled', value: [expected] });
    expect(await base.generate([say('go on')], options)).toEqual([expected]);
  });

  it('are rejected when the model is closed, and none runs on', async () => {
    const engine = await open();
    const answers = [1, 2, 3].map((seed) =>
      engine.model('base').generate([say('go')], { maxTokens: 60, temperature: 1, seed }),
    );
    const labels = engine.model('base').labelLogps([say('go')], ['x', 'y']);
    const settled = Promise.allSettled([...answers, labels]);
    await engine.close();
    for (const result of await settled) {
      expect(result).toMatchObject({ status: 'rejected', reason: { message: /closed before/ } });
    }
    await expect(engine.model('base').generate([say('go')], { maxTokens: 1 })).rejects.toThrow(/closed/);
  });

  it('share forward passes over labels', async () => {
    const engine = await open();
    const base = engine.model('base');
    const conversations = someCalls(25).flatMap((call) => call.conversations);
    const expected = [];
    for (const conversation of conversations)
      expected.push(...(await base.labelLogps([conversation], ['x', 'yes'])));
    const together = await Promise.all(
      conversations.map((conversation) => base.labelLogps([conversation], ['x', 'yes'])),
    );
    for (const [i, [logps]] of together.entries()) {
      for (const [c, logp] of logps.entries()) expect(logp).toBeCloseTo(expected[i][c], 4);
    }
  });
});
