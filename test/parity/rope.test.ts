/** Every kind of rotary scaling against transformers, below and beyond the original length. Fixture: make_rope.py. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { firstFitDecreasing } from '../../src/data/line-lengths.js';
import { OnnxEngine } from '../../src/engine/onnx/engine.js';
import { configJson, parseConfig } from '../../src/model/hf-config.js';
import { isLinear, transpose, weightShapes } from '../../src/model/layout.js';
import type { Model, Tensor } from '../../src/model/model.js';
import type { TokenRow } from '../../src/values/rows.js';
import { stepOf, supervised } from '../engine/tiny.js';
import { relativeError } from '../relative-error.js';
import { arrayTolerance, folder, idTokenizer, logitsOf, lossTolerance, readExpected } from './fixtures.js';

interface Case {
  readonly name: string;
  readonly config: Record<string, unknown>;
  readonly losses: readonly number[];
  readonly loss: number;
  readonly gradient: boolean;
  /** Greedy tokens, each from a whole forward pass; and with a cache. */
  readonly greedy?: readonly (readonly number[])[];
  readonly cached?: readonly (readonly number[])[];
}

const { rows, kept, cases } = readExpected<{ rows: number[][]; kept: number[][]; cases: Case[] }>(
  'rope.json',
);
const floats = new Float32Array(new Uint8Array(readFileSync(join(folder, 'rope.bin'))).buffer);

/** The part of `floats` that belongs to a case: logits of the kept positions, gradients of q_proj and k_proj. */
function arraysOf(wanted: Case) {
  const positions = kept.flat().length;
  let at = 0;
  for (const each of cases) {
    const { vocabSize, width, heads, kvHeads, headSize } = parseConfig(each.config, each.name);
    const take = (size: number) => floats.subarray(at, (at += size));
    const logits = take(positions * vocabSize);
    const gradients = each.gradient ? [take(heads * headSize * width), take(kvHeads * headSize * width)] : [];
    if (each === wanted) return { logits, gradients };
  }
  throw new Error('no such case');
}

/** As `weight` in make_rope.py: [out, in] in its order, linear layers transposed. */
function weight(name: string, inMemory: readonly number[]): Tensor {
  let seed = 2166136261;
  for (const byte of Buffer.from(name)) seed = Math.imul(seed ^ byte, 16777619);
  const shape = isLinear(name) ? inMemory.toReversed() : inMemory;
  const scale = name.includes('norm') ? 0.3 : shape.length > 1 && isLinear(name) ? 2.5 / shape[1] ** 0.5 : 1;
  const data = new Float32Array(shape.reduce((product, size) => product * size));
  for (let i = 0; i < data.length; i++) {
    let x = (Math.imul(i + 1, 2654435761) + seed) | 0;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    x ^= x >>> 16;
    x = Math.imul(x, 2246822519);
    x ^= x >>> 13;
    data[i] = (name.includes('norm') ? 1 : 0) + scale * Math.fround((x >>> 0) / 2 ** 31 - 1);
  }
  return isLinear(name) ? { shape: inMemory, data: transpose(data, shape[0], shape[1]) } : { shape, data };
}

function modelOf({ name, config: json }: Case): Model {
  const config = parseConfig(json, name);
  const weights = new Map([...weightShapes(config)].map(([key, shape]) => [key, weight(key, shape)]));
  return { path: name, config, weights, tokenizer: idTokenizer, hash: '' };
}

const tokenRows: TokenRow[] = rows.map((ids, i) => ({
  ids: Int32Array.from(ids),
  lossMask: new Uint8Array(ids.length).fill(1),
  where: `row ${i}`,
}));

describe.each(cases)('rope: $name', (one) => {
  const model = modelOf(one);
  const engine = new OnnxEngine(model);
  afterAll(() => engine.close());
  const expected = arraysOf(one);

  it('gives the logits of transformers, whatever else is in the batch', async () => {
    const V = model.config.vocabSize;
    const ofKept = (logits: Float32Array) => {
      const starts = rows.map((_, i) => rows.slice(0, i).flat().length);
      return kept.flatMap((positions, row) =>
        positions.flatMap((t) => [...logits.subarray((starts[row] + t) * V, (starts[row] + t + 1) * V)]),
      );
    };
    const error = relativeError(ofKept(await logitsOf(model, tokenRows)), expected.logits);
    expect(error).toBeLessThanOrEqual(arrayTolerance);
  });

  it('scores rows alike, together', async () => {
    const scores = await engine.sequenceLogps(tokenRows, 'base');
    const losses = scores.map(({ logpSum, tokens }) => -logpSum / tokens);
    expect(relativeError(losses, one.losses)).toBeLessThanOrEqual(lossTolerance);
  });

  it('is written so that it reads the same', () => {
    expect(parseConfig(configJson(model.config), 'config.json')).toEqual(model.config);
  });
});

describe.each(cases.filter(({ gradient }) => gradient))('rope, trained: $name', (one) => {
  const model = modelOf(one);
  const engine = new OnnxEngine(model);
  afterAll(() => engine.close());
  const expected = arraysOf(one);

  it('trains with the same loss and gradients, padded and packed', async () => {
    const padded = { length: 48, lines: tokenRows.map((_, i) => [i]) };
    const lengths = tokenRows.map(({ ids }) => ids.length);
    const packed = { length: 48, lines: firstFitDecreasing(lengths, 48) };
    for (const layout of [padded, packed]) {
      const { result, gradients } = await stepOf(engine, { ...supervised(tokenRows), layout });
      expect(relativeError([result.loss], [one.loss])).toBeLessThanOrEqual(lossTolerance);
      for (const [i, wanted] of expected.gradients.entries()) {
        const name = `model.layers.0.self_attn.${'qk'[i]}_proj.weight`;
        const [inner, outer] = model.weights.get(name)!.shape;
        const got = transpose(gradients.get(name)!, inner, outer);
        expect(relativeError(got, wanted), name).toBeLessThanOrEqual(arrayTolerance);
      }
    }
  });
});

describe.each(cases.filter(({ greedy }) => greedy))('rope that depends on the length: $name', (one) => {
  const model = modelOf(one);
  const engine = new OnnxEngine(model);
  afterAll(() => engine.close());

  it('generates token by token across the original length', async () => {
    const prompts = [rows[0], rows[0].slice(0, 5), rows[1]].map((ids) => ids.join(' '));
    const responses = await engine.model('base').generate(
      prompts.map((content) => [{ role: 'user', content }]),
      { maxTokens: 20, temperature: 0 },
    );
    const got = responses.map(({ text }) => idTokenizer.encode(text));
    // long rope reads the sequence anew where its keys turn otherwise; dynamic keeps them, as transformers' cache does
    expect(got).toEqual(one.name.startsWith('longrope') ? one.greedy : one.cached);
  });

  it('scores a choice by the logits of the context and the choice up to its last token', async () => {
    const context = rows[1].slice(0, 14);
    const V = model.config.vocabSize;
    for (const choice of [rows[2].slice(0, 2), rows[2].slice(0, 8)]) {
      const [[logp]] = await engine.choiceLogps([{ context, choices: [choice, [1]] }], 'base');
      const ids = Int32Array.from([...context, ...choice.slice(0, -1)]);
      const logits = await logitsOf(model, [{ ids, lossMask: new Uint8Array(ids.length), where: '' }]);
      const expected = choice.reduce((sum, token, i) => {
        const at = (context.length - 1 + i) * V;
        const line = Float64Array.from(logits.subarray(at, at + V));
        return sum + line[token] - Math.log(line.reduce((total, x) => total + Math.exp(x), 0));
      }, 0);
      expect(relativeError([logp], [expected])).toBeLessThanOrEqual(lossTolerance);
    }
  });
});
