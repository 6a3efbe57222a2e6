/** Rotary scaling and other properties in GGUF files, read as llama.cpp reads them or refused by name. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { ModelError } from '../../src/errors.js';
import { loadGguf } from '../../src/model/gguf.js';
import { grow } from './grow.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-gguf-rope-'));
afterAll(() => rmSync(folder, { recursive: true }));

const original = { qwen2: 'tiny-qwen2.gguf', llama: 'tiny-llama.gguf' };
let files = 0;

/** The model of a fixture with more in its file: heads of 8, 128 positions; llama has Llama 3.2's divisors. */
async function load(
  keys: Parameters<typeof grow>[1],
  tensors: Parameters<typeof grow>[2] = {},
  architecture: keyof typeof original = 'qwen2',
) {
  const path = join(folder, `${files++}.gguf`);
  const prefixed = Object.entries(keys).map(([key, value]) => [`${architecture}.${key}`, value]);
  const fixture = fileURLToPath(new URL(`../fixtures/gguf/${original[architecture]}`, import.meta.url));
  writeFileSync(path, await grow(fixture, Object.fromEntries(prefixed), tensors));
  return (await loadGguf(path)).config;
}

const f = (float: number) => ({ float });
const linear = { kind: 'linear', factor: 4 };
const short = [1, 1.5, 2, 3];
const long = [1, 4, 8, 16];
const factors = { 'rope_factors_short.weight': short, 'rope_factors_long.weight': long };

describe('rotary scaling', () => {
  it.each<[string, Parameters<typeof grow>[1], object | undefined]>([
    ['the key of 2023', { 'rope.scale_linear': f(4) }, linear],
    ['a factor without a type', { 'rope.scaling.factor': f(4) }, linear],
    ['type and factor', { 'rope.scaling.type': 'linear', 'rope.scaling.factor': f(4) }, linear],
    ['the new key where both are there', { 'rope.scaling.factor': f(4), 'rope.scale_linear': f(2) }, linear],
    [
      'type none, whatever the factor',
      { 'rope.scaling.type': 'none', 'rope.scaling.factor': f(4) },
      undefined,
    ],
    ['a factor of 1', { 'rope.scale_linear': f(1) }, undefined],
    ['a factor of 0, which means none', { 'rope.scaling.factor': f(0) }, undefined],
    [
      'a factor on queries and keys',
      { 'rope.scaling.attn_factor': f(1.5), 'rope.scaling.factor': f(2) },
      {
        ...{ kind: 'longrope', shortFactors: [2, 2, 2, 2], longFactors: [2, 2, 2, 2] },
        ...{ originalMaxPositions: 128, attentionFactor: 1.5 },
      },
    ],
    [
      'YaRN',
      {
        ...{ 'rope.scaling.type': 'yarn', 'rope.scaling.factor': f(4), 'rope.scaling.finetuned': true },
        'rope.scaling.original_context_length': 64,
      },
      {
        ...{ kind: 'yarn', factor: 4, originalMaxPositions: 64, attentionFactor: 0.1 * Math.log(4) + 1 },
        ...{ betaFast: 32, betaSlow: 1, truncate: true },
      },
    ],
    [
      'YaRN with numbers of its own',
      {
        ...{ 'rope.scaling.type': 'yarn', 'rope.scaling.factor': f(4), 'rope.scaling.attn_factor': f(0.5) },
        ...{ 'rope.scaling.yarn_beta_fast': f(16), 'rope.scaling.yarn_beta_slow': f(2) },
      },
      {
        ...{ kind: 'yarn', factor: 4, originalMaxPositions: 128 },
        ...{ attentionFactor: 0.5 * (0.1 * Math.log(4) + 1), betaFast: 16, betaSlow: 2, truncate: true },
      },
    ],
  ])('%s', async (_, keys, scaling) => {
    expect((await load(keys)).ropeScaling).toEqual(scaling);
  });

  it('long rope: its two tensors, its original length, its factor on queries and keys', async () => {
    const keys = {
      ...{ 'rope.scaling.type': 'longrope', 'rope.scaling.attn_factor': f(1.25) },
      'rope.scaling.original_context_length': 32,
    };
    expect(await load(keys, factors)).toMatchObject({
      maxPositions: 128,
      ropeScaling: {
        ...{ kind: 'longrope', shortFactors: short, longFactors: long },
        ...{ originalMaxPositions: 32, attentionFactor: 1.25 },
      },
    });
  });

  it('YaRN reaches as far as its factor says', async () => {
    const keys = { 'rope.scaling.type': 'yarn', 'rope.scaling.factor': f(4) };
    expect((await load(keys)).maxPositions).toBe(512);
  });

  it('divisors that are no Llama 3’s are kept as they are, a linear factor on top', async () => {
    const config = await load({ 'rope.scaling.factor': f(2) }, { 'rope_freqs.weight': short });
    expect(config.ropeScaling).toMatchObject({
      ...{ kind: 'longrope', shortFactors: [2, 3, 4, 6], longFactors: [2, 3, 4, 6], attentionFactor: 1 },
    });
  });
});

describe('what is not built is refused by name', () => {
  it.each<[string, Parameters<typeof grow>[1], Parameters<typeof grow>[2], RegExp]>([
    [
      'an unknown scaling',
      { 'rope.scaling.type': 'ntk' },
      {},
      /rope\.scaling\.type: .*yarn or longrope, got ntk/,
    ],
    ['long rope without tensors', { 'rope.scaling.type': 'longrope' }, {}, /rope_factors_short/],
    ['tensors without long rope', {}, factors, /scaling\.type: .*got linear/],
    [
      'divisors of another size',
      {},
      { 'rope_freqs.weight': [1, 2] },
      /rotary divisors .*4 positive numbers, got 2/,
    ],
    ['a divisor of 0', {}, { 'rope_freqs.weight': [1, 0, 1, 1] }, /rotary divisors/],
    [
      'divisors beside YaRN',
      { 'rope.scaling.type': 'yarn', 'rope.scaling.factor': f(4) },
      { 'rope_freqs.weight': short },
      /rope_freqs\.weight: .*no divisors beside YaRN/,
    ],
    ['a factor below 0', { 'rope.scaling.factor': f(-4) }, {}, /scaling\.factor: .*positive number, got -4/],
    [
      'an infinite factor',
      { 'rope.scale_linear': f(Number.POSITIVE_INFINITY) },
      {},
      /factor: .*got Infinity/,
    ],
    [
      'YaRN beyond all bounds',
      { 'rope.scaling.type': 'yarn', 'rope.scaling.factor': f(1e9) },
      {},
      /the stretched context .* at most/,
    ],
    ['YaRN’s ramp by a factor', { 'rope.scaling.yarn_ext_factor': f(0.5) }, {}, /yarn_ext_factor/],
    ['another scaling’s key', { 'rope.scaling.alpha': f(1000) }, {}, /rope\.scaling\.alpha/],
    ['part of a head', { 'rope.dimension_count': 4 }, {}, /rope\.dimension_count.*expected 8, got 4/],
    ['experts', { expert_count: 8 }, {}, /qwen2\.expert_count/],
    ['a window', { 'attention.sliding_window': 4096 }, {}, /attention\.sliding_window/],
    ['a scale of scores', { 'attention.scale': f(0.5) }, {}, /attention\.scale/],
    ['a scale of logits', { logit_scale: f(8) }, {}, /logit_scale/],
    ['a soft cap', { final_logit_softcapping: f(30) }, {}, /final_logit_softcapping/],
    ['a look ahead', { 'attention.causal': false }, {}, /attention\.causal/],
    ['values of another size', { 'attention.value_length': 16 }, {}, /attention\.value_length/],
    ['a tensor too many', {}, { 'blk.0.ffn_up.bias': [1] }, /ffn_up\.bias: the tensor is not part of/],
  ])('%s', async (_, keys, tensors, message) => {
    const error: unknown = await load(keys, tensors).catch((reason) => reason);
    expect(error).toBeInstanceOf(ModelError);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).not.toContain('\n');
  });

  it('keys that change nothing are read over', async () => {
    const keys = {
      ...{ expert_count: 0, 'attention.sliding_window': 0, logit_scale: f(0), 'attention.causal': true },
      ...{ vocab_size: 324, 'rope.dimension_count': 8, 'rope.scaling.finetuned': false },
    };
    expect((await load(keys)).ropeScaling).toBeUndefined();
  });
});

describe('sizes have bounds', () => {
  it.each<[string, Parameters<typeof grow>[1]]>([
    ['layers', { block_count: 4294967295 }],
    ['width', { embedding_length: 4294967288 }],
    ['positions', { context_length: 4294967295 }],
    ['heads', { 'attention.head_count': 4294967295 }],
    ['key/value heads that do not divide', { 'attention.head_count_kv': 3 }],
    ['no key/value heads', { 'attention.head_count_kv': 0 }],
    ['an odd head', { 'attention.key_length': 7 }],
    ['feed-forward width', { feed_forward_length: 4294967295 }],
  ])('%s', async (_, keys) => {
    const [key] = Object.keys(keys);
    await expect(load(keys)).rejects.toThrow(new RegExp(`qwen2\\.${key}`));
  });
});
