/**
 * A frozen copy on a store answers as the engine on float weights does: with a float32 store to rounding, on
 * every architecture; with quantised ones as far as activations of 8 bits allow. Fixtures: ../fixtures.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { OnnxEngine } from '../../src/engine/onnx/engine.js';
import { FrozenModel } from '../../src/engine/onnx/frozen/model.js';
import { ShapeError } from '../../src/errors.js';
import { readAdapter } from '../../src/model/adapter-files.js';
import type { Model } from '../../src/model/model.js';
import { loadModel } from '../../src/model/weights.js';
import { lossTolerance } from '../parity/fixtures.js';
import { relativeError } from '../relative-error.js';
import { frozenSource } from './frozen-source.js';
import { letterTokenizer, randomRows, tinyModel } from './tiny.js';

const cache = mkdtempSync(join(tmpdir(), 'stores-'));
const open: { close(): Promise<void> }[] = [];
afterAll(async () => {
  await Promise.all(open.map((one) => one.close()));
  rmSync(cache, { recursive: true });
});

const folder = join(import.meta.dirname, '../fixtures/architectures');
const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'config.json')));

async function both(model: Model, adapterIn?: string) {
  const adapter = adapterIn === undefined ? undefined : await readAdapter(adapterIn, model.config);
  const lora = adapter?.config ?? { rank: 1, alpha: 1, rslora: false, targets: [] };
  const engine = new OnnxEngine(model, { lora, ...(adapter ? { adapter: adapter.tensors } : {}) });
  const frozen = await FrozenModel.open(frozenSource(cache, model), adapter ? { adapter } : {});
  open.push(engine, frozen);
  return { engine, frozen };
}

const sums = (logps: readonly { logpSum: number }[]) => logps.map(({ logpSum }) => logpSum);
const say = (content: string) => [{ role: 'user', content }] as const;

describe.each(names)('%s', (name) => {
  const rows = randomRows([12, 9, 5, 31]);

  it('scores rows, choices and answers as the engine does, with and without an adapter', async () => {
    const model = { ...(await loadModel(join(folder, name))), tokenizer: letterTokenizer };
    const { engine, frozen } = await both(model, join(folder, name, 'adapter'));
    for (const set of ['base', 'policy'] as const) {
      const [got, expected] = [await frozen.sequenceLogps(rows, set), await engine.sequenceLogps(rows, set)];
      expect(relativeError(sums(got), sums(expected)), set).toBeLessThanOrEqual(lossTolerance);
      expect(got.map(({ correct }) => correct)).toEqual(expected.map(({ correct }) => correct));
      const texts = [
        { context: 'ab', continuations: ['c d', 'e', 'ff g h'] },
        { context: 'abcd', continuations: ['x'] },
      ];
      const [ours, theirs] = [frozen.model(set), engine.model(set)];
      const [a, b] = [await ours.continuationLogps(texts), await theirs.continuationLogps(texts)];
      expect(relativeError(a.flat(), b.flat()), set).toBeLessThanOrEqual(lossTolerance);
      const layers = model.config.layers === 1 ? [0] : [0, model.config.layers - 1];
      const asked = [
        [say('abc def ghi'), say('abc x ghi')],
        [say('abc def'), say('abc dxf')],
      ] as const;
      const states = async (one: typeof ours) =>
        one.hidden!.meanStates(
          asked.map(([shown]) => shown),
          asked.map(([, twin]) => twin),
          layers,
        );
      const [read, expectedStates] = [await states(ours), await states(theirs)];
      for (const [i, of] of read.entries()) {
        for (const [l, state] of of!.layers.entries()) {
          expect(relativeError([...state], [...expectedStates[i]!.layers[l]]), set).toBeLessThan(1e-4);
        }
      }
    }
  });

  it('writes what the engine writes, greedy and sampled, rows coming and going', async () => {
    const model = { ...(await loadModel(join(folder, name))), tokenizer: letterTokenizer };
    const { engine, frozen } = await both(model);
    const prompts = [say('ab'), say('abcdefgh ij'), say('ab'), say('c')];
    for (const options of [
      { temperature: 0 },
      { temperature: 1, seed: 3 },
      { temperature: 0.7, topK: 5, seed: 1 },
    ]) {
      const ask = { ...options, maxTokens: 24 };
      const ours = await Promise.all([
        frozen.model('base').generate(prompts, ask),
        frozen.model('base').generate(prompts.slice(1, 2), { ...ask, maxTokens: 3 }),
      ]);
      const theirs = await Promise.all([
        engine.model('base').generate(prompts, ask),
        engine.model('base').generate(prompts.slice(1, 2), { ...ask, maxTokens: 3 }),
      ]);
      expect(ours).toEqual(theirs);
    }
  });
});

describe('prefixes', () => {
  const long = tinyModel({ maxPositions: 512 });

  it('what several contexts begin with is read once, and what was read before not at all', async () => {
    const { engine, frozen } = await both(long);
    const head = Array.from({ length: 60 }, (_, i) => 'abcdefghij'[i % 10]).join('');
    const texts = ['k', 'lm', 'nop', 'q'].map((end) => ({ context: head + end, continuations: ['x', 'yz'] }));
    const [ours, theirs] = [frozen.model('base'), engine.model('base')];
    const expected = (await theirs.continuationLogps(texts)).flat();
    for (const _ of ['read', 'known']) {
      expect(relativeError((await ours.continuationLogps(texts)).flat(), expected)).toBeLessThanOrEqual(
        lossTolerance,
      );
    }
    // and one that ends within what is known
    const part = [{ context: head, continuations: ['x', 'kl'] }];
    const [a, b] = [await ours.continuationLogps(part), await theirs.continuationLogps(part)];
    expect(relativeError(a.flat(), b.flat())).toBeLessThanOrEqual(lossTolerance);
  });

  it('a further turn of a chat is answered as the whole chat is', async () => {
    const { engine, frozen } = await both(long);
    const first = say('abcdefghijklmnopqrstuvwxyz abcdefghijk');
    const options = { maxTokens: 8, temperature: 0 };
    const [answer] = await frozen.model('base').generate([first], options);
    const chat = [...first, { role: 'assistant', content: answer.text } as const, ...say('and then')];
    expect(await frozen.model('base').generate([chat], options)).toEqual(
      await engine.model('base').generate([chat], options),
    );
  });
});

describe('states in the middle of a deep model', () => {
  // reading may end after the fifth and after the sixth of eight layers
  const window = { size: 24, layers: [0, 1, 2, 3, 4, 5, 6, 7].map((layer) => layer % 2 === 0) };
  const deep = tinyModel({ layers: 8, maxPositions: 2048, window });
  const head = Array.from({ length: 600 }, (_, i) => 'abcdefghij'[(i * i) % 10]).join('');
  const shown = [`${head}kl`, 'abcdefghijklmnopqrstuvwxyzabcdefgh', 'abc'].map(say);
  const twins = [`${head}m`, 'abcdefghijklmnopqrstuvwxyzabcx', 'xyz'].map(say);

  it.each([[[0]], [[4]], [[5]], [[2, 4]], [[0, 5]], [[6, 1]], [[7]]])(
    'after layers %j are those that the engine has, and leave nothing behind for what is read whole',
    async (layers) => {
      const { engine, frozen } = await both(deep);
      const [ours, theirs] = [frozen.model('base'), engine.model('base')];
      const expected = await theirs.hidden!.meanStates(shown, twins, layers);
      for (const _ of ['read', 'known']) {
        const read = await ours.hidden!.meanStates(shown, twins, layers);
        for (const [i, of] of read.entries()) {
          for (const [l, state] of of!.layers.entries())
            expect(relativeError([...state], [...expected[i]!.layers[l]])).toBeLessThan(1e-4);
        }
      }
      const labels = ['x', 'yz'];
      const [a, b] = [await ours.labelLogps(shown, labels), await theirs.labelLogps(shown, labels)];
      expect(relativeError(a.flat(), b.flat())).toBeLessThanOrEqual(lossTolerance);
      const options = { maxTokens: 6, temperature: 0 };
      expect(await ours.generate(shown, options)).toEqual(await theirs.generate(shown, options));
    },
  );
});

describe('where rotary scaling depends on the length of a sequence', () => {
  const half = 2;
  it.each([
    ['dynamic', { kind: 'dynamic', factor: 4, originalMaxPositions: 40 }],
    [
      'longrope',
      {
        kind: 'longrope',
        originalMaxPositions: 40,
        shortFactors: new Array(half).fill(1),
        longFactors: new Array(half).fill(3),
        attentionFactor: 1.2,
      },
    ],
  ] as const)(
    '%s: a longer sequence does not take over what a shorter one began with',
    async (_, ropeScaling) => {
      const { engine, frozen } = await both(tinyModel({ maxPositions: 160, ropeScaling }));
      const [ours, theirs] = [frozen.model('base'), engine.model('base')];
      const head = 'abcdefghijklmnopqrstuvwxyzabcdef';
      const text = (more: string) => ({ context: head + more, continuations: ['x', 'yz'] });
      for (const texts of [
        [text('')],
        [text('ghijklmnopqrst')],
        [text('k'), text('lmnopqrstuvwxyz'), text('m')],
      ]) {
        const [a, b] = [await ours.continuationLogps(texts), await theirs.continuationLogps(texts)];
        expect(relativeError(a.flat(), b.flat())).toBeLessThanOrEqual(lossTolerance);
      }
      const chats = [say('abcdefgh'), say('abcdefghijklmnopqrstuvwxyz abcdefghij')];
      for (const chat of [...chats, chats[0]]) {
        const options = { maxTokens: 30, temperature: 0 };
        expect(await ours.generate([chat], options)).toEqual(await theirs.generate([chat], options));
      }
    },
  );
});

it("rows and contexts that are longer than the model reads are refused, and spoil nobody else's", async () => {
  const { frozen } = await both(tinyModel({ maxPositions: 32 }));
  await expect(frozen.sequenceLogps(randomRows([33]), 'base')).rejects.toThrow(ShapeError);
  const base = frozen.model('base');
  const ask = (context: string) => base.continuationLogps([{ context, continuations: ['x'] }]);
  const [fine, tooLong] = await Promise.allSettled([ask('abc'), ask('abcdefghij'.repeat(4))]);
  expect(fine).toMatchObject({ status: 'fulfilled' });
  expect(tooLong).toMatchObject({ status: 'rejected', reason: expect.any(ShapeError) });
});

it('embeddings are never read beyond their table, nor beyond the file', () => {
  const { embedding, store } = frozenSource(cache, tinyModel());
  const rows = (tokens: number[]) => embedding.rows(tokens);
  expect(rows([0, 40])).toHaveLength(2 * 16);
  expect(() => rows([41])).toThrow(/no token 41/);
  truncateSync(store.file, store.vectors['model.embed_tokens.weight'].at + 16);
  expect(() => rows([1])).toThrow(/shorter/);
  embedding.close();
});

describe('a long prompt', () => {
  it('is read in parts, between which others write', async () => {
    const { frozen } = await both(tinyModel({ maxPositions: 4096 }));
    const order: string[] = [];
    const ask = (name: string, content: string, maxTokens: number) =>
      frozen.model('base').generate([say(content)], {
        ...{ maxTokens, temperature: 1 },
        onText: () => {
          order.push(name);
        },
      });
    const short = ask('short', 'a', 60);
    while (order.length === 0) await new Promise(setImmediate);
    const before = order.length;
    // 3,000 tokens are six runs
    await Promise.all([short, ask('long', 'abcdef'.repeat(500), 1)]);
    expect(order.indexOf('long') - before).toBeGreaterThanOrEqual(5);
    expect(order.lastIndexOf('short')).toBeGreaterThan(order.indexOf('long'));
  });
});

describe('quantised', () => {
  // rows are whole numbers of blocks
  const model = tinyModel({ width: 64, heads: 4, kvHeads: 2, headSize: 16, ffn: 96, maxPositions: 64 });
  const rows = randomRows([12, 9, 30]);

  it.each([
    ['q8', 0.01],
    ['q4', 0.25],
  ] as const)('%s weights answer nearly as float weights do', async (quantise, tolerance) => {
    const engine = new OnnxEngine(model, { lora: { rank: 1, alpha: 1, rslora: false, targets: [] } });
    const source = frozenSource(cache, model, quantise);
    const frozen = await FrozenModel.open(source);
    open.push(engine, frozen);
    expect(source.store.products.every(({ format }) => format?.bits === (quantise === 'q8' ? 8 : 4))).toBe(
      true,
    );
    const [got, expected] = [
      await frozen.sequenceLogps(rows, 'base'),
      await engine.sequenceLogps(rows, 'base'),
    ];
    const error = relativeError(sums(got), sums(expected));
    expect(error).toBeLessThanOrEqual(tolerance);
    expect(error).toBeGreaterThan(0);
  });
});
