/**
 * Model folders: those that transformers wrote, read by spot values, and our own, there and back.
 * Expected values: test/fixtures/model/make_models.py.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { llama } from '../../src/model/architectures/llama.js';
import { qwen2, qwen3 } from '../../src/model/architectures/qwen.js';
import { narrow, widen } from '../../src/model/floats.js';
import { parseConfig, readConfig } from '../../src/model/hf-config.js';
import { isLinear, transpose } from '../../src/model/layout.js';
import type { Tensor } from '../../src/model/model.js';
import { SafetensorsFile } from '../../src/model/safetensors.js';
import { safetensorsPieces } from '../../src/model/safetensors-write.js';
import { loadModel, saveModel } from '../../src/model/weights.js';
import { Random } from '../../src/random.js';
import { copyOf, fixtures, randomWeights, temporaryFolder, tinyLlama } from './model-folder.js';

type Spots = Record<string, { shape: number[]; at: number[]; values: number[] }>;

const tokenizerFolder = join(fixtures, 'tokenizers/smollm2');

/** A transformers fixture with a tokenizer that fits its 48 embeddings. */
function withTokenizer(fixture: string): string {
  const folder = copyOf(`models/${fixture}`);
  const vocab = Object.fromEntries([...'abcdefghij'].map((letter, id) => [letter, id]));
  const tokenizer = { model: { type: 'BPE', vocab, merges: [] }, added_tokens: [] };
  const rest = { decoder: null, post_processor: null, pre_tokenizer: null, normalizer: null };
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify({ ...tokenizer, ...rest }));
  writeFileSync(join(folder, 'tokenizer_config.json'), '{"eos_token":"j"}');
  return folder;
}

describe('folders that transformers wrote', () => {
  it.each([
    { fixture: 'llama-sharded', eos: [5, 6, 9] },
    { fixture: 'qwen2-bf16', eos: [7, 9] },
    { fixture: 'qwen3-f16', eos: [7, 9] },
  ])('$fixture has the values of PyTorch', async ({ fixture, eos }) => {
    const folder = withTokenizer(fixture);
    const expected: Spots = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'));
    const { weights, config } = await loadModel(folder);
    expect(new Set(weights.keys())).toEqual(new Set(Object.keys(expected)));
    for (const [name, { shape, at, values }] of Object.entries(expected)) {
      const { shape: got, data } = weights.get(name)!;
      expect(got, name).toEqual(isLinear(name) ? shape.toReversed() : shape);
      const fileOrder = isLinear(name) ? transpose(data, got[0], got[1]) : data;
      expect(
        at.map((i) => fileOrder[i]),
        name,
      ).toEqual(values);
    }
    expect(config.eosTokenIds).toEqual(eos);
  });

  it('reads the three configurations', () => {
    const common = { vocabSize: 48, width: 16, layers: 2, heads: 4, kvHeads: 2, ffn: 24, maxPositions: 64 };
    expect(readConfig(join(fixtures, 'models/llama-sharded'))).toEqual({
      ...common,
      architecture: llama,
      headSize: 4,
      rmsEps: 1e-6,
      ropeTheta: 500000,
      ropeScaling: {
        kind: 'llama3',
        factor: 8,
        lowFreqFactor: 1,
        highFreqFactor: 4,
        originalMaxPositions: 32,
      },
      tied: false,
      eosTokenIds: [5, 6],
    });
    const qwen = { ...common, ropeTheta: 10000, eosTokenIds: [7] };
    expect(readConfig(join(fixtures, 'models/qwen2-bf16'))).toEqual({
      ...qwen,
      ...{ architecture: qwen2, headSize: 4, rmsEps: 1e-6, tied: true },
    });
    expect(readConfig(join(fixtures, 'models/qwen3-f16'))).toEqual({
      ...qwen,
      ...{
        architecture: qwen3,
        headSize: 8,
        rmsEps: 1e-5,
        tied: false,
      },
    });
  });

  it('hashes the shards as one file', async () => {
    const folder = withTokenizer('llama-sharded');
    const shards = readdirSync(folder)
      .filter((name) => name.endsWith('.safetensors'))
      .sort();
    expect(shards.length).toBe(7);
    const whole = Buffer.concat(shards.map((name) => readFileSync(join(folder, name))));
    const progress: number[][] = [];
    const model = await loadModel(folder, { onProgress: (...report) => progress.push(report) });
    expect(model.hash).toBe(createHash('sha256').update(whole).digest('hex'));
    expect(progress.at(-1)).toEqual([whole.length, whole.length]);
  });

  it('reads over what changes nothing', () => {
    const json = JSON.parse(readFileSync(join(fixtures, 'models/qwen2-bf16/config.json'), 'utf8'));
    const plain = parseConfig(json, 'config.json');
    for (const more of [
      { rope_scaling: null, rope_parameters: { ...json.rope_parameters, finetuned: true } },
      { rope_scaling: {} },
      { rope_scaling: { ...json.rope_parameters, type: 'default' } },
      { layer_types: null, use_sliding_window: true, max_window_layers: 2, sliding_window: 8 },
      { attention_bias: false, logits_scaling: null, num_experts: 0, mlp_bias: false },
      { num_key_value_heads: 2, head_dim: null, tie_word_embeddings: true },
    ]) {
      expect(parseConfig({ ...json, ...more }, 'config.json'), JSON.stringify(more)).toEqual(plain);
    }
    expect(parseConfig({ ...json, num_key_value_heads: null }, 'config.json').kvHeads).toBe(4);
  });

  it('reads rope settings as older versions wrote them', () => {
    const json = JSON.parse(readFileSync(join(fixtures, 'models/llama-sharded/config.json'), 'utf8'));
    const { rope_theta, ...rope_scaling } = json.rope_parameters;
    const older = { ...json, rope_parameters: undefined, rope_theta, rope_scaling };
    expect(parseConfig(older, 'config.json')).toEqual(parseConfig(json, 'config.json'));
  });
});

describe('folders written here', () => {
  const llama3 = {
    ropeTheta: 5e5,
    ropeScaling: {
      kind: 'llama3' as const,
      factor: 32,
      lowFreqFactor: 1,
      highFreqFactor: 4,
      originalMaxPositions: 16,
    },
  };
  it.each([
    { ...tinyLlama },
    { ...tinyLlama, ...llama3, tied: false, eosTokenIds: [2, 0] },
    { ...tinyLlama, architecture: qwen2 },
    { ...tinyLlama, architecture: qwen3, headSize: 6 },
  ])('come back equal: $architecture.name, tied $tied', async (config) => {
    const folder = join(temporaryFolder(), 'new', 'model');
    const weights = randomWeights(config);
    saveModel(folder, { config, weights, tokenizerFilesFrom: tokenizerFolder });
    const model = await loadModel(folder);
    expect(model.config).toEqual(config);
    expect(model.weights).toEqual(weights);
    const file = readFileSync(join(folder, 'model.safetensors'));
    expect(model.hash).toBe(createHash('sha256').update(file).digest('hex'));
    const text = 'A robot may not injure 👍';
    expect(model.tokenizer.decode(model.tokenizer.encode(text))).toBe(text);
  });

  it('takes the tokenizer from a loaded model, and leaves other files alone', async () => {
    const folder = temporaryFolder();
    saveModel(folder, {
      config: tinyLlama,
      weights: randomWeights(tinyLlama),
      tokenizerFilesFrom: tokenizerFolder,
    });
    writeFileSync(join(folder, 'notes.txt'), 'mine');
    const { tokenizer } = await loadModel(folder);
    saveModel(folder, {
      config: tinyLlama,
      weights: randomWeights(tinyLlama, 1),
      tokenizerFilesFrom: tokenizer,
    });
    const again = await loadModel(folder);
    expect(again.weights).toEqual(randomWeights(tinyLlama, 1));
    expect(again.tokenizer.eosIds).toEqual(tokenizer.eosIds);
    expect(readFileSync(join(folder, 'notes.txt'), 'utf8')).toBe('mine');
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it.each(['F16', 'BF16'] as const)('keep 16-bit values in %s', async (dtype) => {
    const folder = temporaryFolder();
    const weights = randomWeights(tinyLlama);
    saveModel(folder, { config: tinyLlama, weights, tokenizerFilesFrom: tokenizerFolder, dtype });
    const read = (await loadModel(folder)).weights;
    for (const [name, { data }] of weights) {
      const rounded = new Float32Array(data.length);
      widen(dtype, narrow(dtype, data), rounded);
      expect(read.get(name)!.data, name).toEqual(rounded);
    }
  });

  it('reads a tensor of many chunks right, in every type and layout', async () => {
    // 8 MiB chunks: 1100 rows of 4001 floats are more than two of them, in rows that do not divide one.
    const random = new Random(0, 'chunks');
    const shape = [1100, 4001];
    const data = new Float32Array(shape[0] * shape[1]).map(() => Math.fround((random.uint32() % 256) / 8));
    const matrix: ReadonlyMap<string, Tensor> = new Map([['m', { shape, data }]]);
    const path = join(temporaryFolder(), 'm.safetensors');
    for (const dtype of ['F32', 'F16', 'BF16'] as const) {
      for (const flip of [false, true]) {
        writeFileSync(path, Buffer.concat([...safetensorsPieces(matrix, { dtype, transposed: () => flip })]));
        const read = await (await SafetensorsFile.open(path)).read(() => (flip ? 'transposed' : 'as-is'));
        const got = read.get('m')!;
        expect(got.shape).toEqual(shape);
        // Not toEqual: comparing millions of elements one by one takes seconds.
        expect(
          Buffer.compare(Buffer.from(got.data.buffer), Buffer.from(data.buffer)),
          `${dtype} ${flip}`,
        ).toBe(0);
      }
    }
  });
});

describe('the output matrix where config.json says tie_word_embeddings: true', () => {
  const weights = randomWeights(tinyLlama);
  const { shape, data } = weights.get('model.embed_tokens.weight')!;
  const [vocab, width] = shape;
  const equal = { shape: [width, vocab], data: transpose(data, vocab, width) };
  const other = { shape: [width, vocab], data: equal.data.map((x) => x + 1) };
  const untied = { ...tinyLlama, tied: false };

  /** A folder with weights of any names, and config.json as it is given. */
  const written = (tensors: ReadonlyMap<string, Tensor>, tied: unknown, dtype?: 'F32' | 'BF16'): string => {
    const folder = temporaryFolder();
    saveModel(folder, { config: tinyLlama, weights, tokenizerFilesFrom: tokenizerFolder });
    const pieces = [...safetensorsPieces(tensors, { dtype, transposed: isLinear })];
    writeFileSync(join(folder, 'model.safetensors'), Buffer.concat(pieces));
    const path = join(folder, 'config.json');
    const json = { ...JSON.parse(readFileSync(path, 'utf8')), tie_word_embeddings: tied };
    writeFileSync(path, JSON.stringify(json));
    return folder;
  };
  const withHead = (head: Tensor) => new Map(weights).set('lm_head.weight', head);

  it('is the embedding where lm_head is missing or equal, as older versions saved it', async () => {
    for (const tensors of [weights, withHead(equal)]) {
      const model = await loadModel(written(tensors, true));
      expect(model.config.tied).toBe(true);
      expect(model.weights).toEqual(weights);
    }
  });

  it('is the file’s own lm_head where that differs, and saved again says so', async () => {
    const model = await loadModel(written(withHead(other), true));
    expect(model.config.tied).toBe(false);
    expect(model.weights.get('lm_head.weight')).toEqual(other);
    const folder = join(temporaryFolder(), 'saved');
    saveModel(folder, { ...model, tokenizerFilesFrom: tokenizerFolder });
    expect(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')).tie_word_embeddings).toBe(false);
    expect((await loadModel(folder)).weights).toEqual(model.weights);
  });

  it('is the same over shards', async () => {
    const folder = written(weights, true);
    rmSync(join(folder, 'model.safetensors'));
    const map: Record<string, string> = {};
    const shard = (file: string, tensors: ReadonlyMap<string, Tensor>) => {
      const pieces = [...safetensorsPieces(tensors, { transposed: isLinear })];
      writeFileSync(join(folder, file), Buffer.concat(pieces));
      for (const name of tensors.keys()) map[name] = file;
    };
    shard('a.safetensors', new Map([['lm_head.weight', other]]));
    shard('b.safetensors', weights);
    writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }));
    const model = await loadModel(folder);
    expect(model.config.tied).toBe(false);
    expect(model.weights.get('lm_head.weight')).toEqual(other);
  });

  it('is both where lm_head alone is in the file', async () => {
    const alone = withHead(equal);
    alone.delete('model.embed_tokens.weight');
    const model = await loadModel(written(alone, true));
    expect(model.config.tied).toBe(true);
    expect(Object.fromEntries(model.weights)).toEqual(Object.fromEntries(weights));
  });

  it('is compared in the numbers that the file holds', async () => {
    const model = await loadModel(written(withHead(equal), true, 'BF16'));
    expect(model.config.tied).toBe(true);
  });

  it('is not made up where config.json does not tie, or says nothing', async () => {
    for (const tied of [false, null, undefined]) {
      await expect(loadModel(written(weights, tied))).rejects.toThrow(
        /tensor 'lm_head\.weight' is missing.*Set tie_word_embeddings: true/,
      );
    }
    await expect(loadModel(written(weights, 'yes'))).rejects.toThrow(/tie_word_embeddings .* true or false/);
    expect((await loadModel(written(withHead(equal), false))).config).toMatchObject(untied);
  });
});

describe('16-bit floats', () => {
  it('round to nearest, ties to even', () => {
    const half = (x: number): number => narrow('F16', Float32Array.of(x))[0];
    expect(half(1)).toBe(0x3c00);
    expect(half(-2)).toBe(0xc000);
    expect(half(1 + 2 ** -11)).toBe(0x3c00); // halfway to 1 + 2⁻¹⁰: even is below
    expect(half(1 + 3 * 2 ** -11)).toBe(0x3c02); // halfway: even is above
    expect(half(65504)).toBe(0x7bff);
    expect(half(65520)).toBe(0x7c00); // halfway to 2¹⁶: infinite
    expect(half(2 ** -24)).toBe(1);
    expect(half(2 ** -25)).toBe(0);
    expect(half(2 ** -25 * 1.01)).toBe(1);
    expect(half(Number.NEGATIVE_INFINITY)).toBe(0xfc00);
    expect(half(-0)).toBe(0x8000);
    const bfloat = (x: number): number => narrow('BF16', Float32Array.of(x))[0];
    expect(bfloat(1 + 2 ** -8)).toBe(0x3f80);
    expect(bfloat(1 + 3 * 2 ** -8)).toBe(0x3f82);
    expect(bfloat(3.4e38)).toBe(0x7f80);
  });

  it.each(['F16', 'BF16'] as const)('every %s survives the way through float32', (dtype) => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const wide = new Float32Array(all.length);
    widen(dtype, all, wide);
    const back = narrow(dtype, wide);
    for (let i = 0; i < all.length; i++) {
      if (Number.isNaN(wide[i])) expect(back[i] & 0x7fff).toBeGreaterThan(dtype === 'F16' ? 0x7c00 : 0x7f80);
      else expect(back[i]).toBe(i);
    }
  });
});
