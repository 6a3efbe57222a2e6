/**
 * What is wrong with a model folder, one clear line each: where, what, expected, got, what to do.
 */
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ModelError } from '../../src/errors.js';
import { qwen3 } from '../../src/model/architectures/qwen.js';
import { loadModel, saveModel } from '../../src/model/weights.js';
import { fixtures, randomWeights, temporaryFolder, tinyLlama, writeSafetensors } from './model-folder.js';

const tokenizerFolder = join(fixtures, 'tokenizers/smollm2');

/** A whole model, to be damaged. */
function healthy(): string {
  const folder = temporaryFolder();
  saveModel(folder, {
    config: tinyLlama,
    weights: randomWeights(tinyLlama),
    tokenizerFilesFrom: tokenizerFolder,
  });
  return folder;
}

async function errorOf(load: Promise<unknown>): Promise<ModelError> {
  const error = await load.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(ModelError);
  expect((error as ModelError).message).not.toContain('\n');
  return error as ModelError;
}

const weightsOf = (folder: string): string => join(folder, 'model.safetensors');
const f32 = (begin: number, end: number, shape: number[] = [(end - begin) / 4], dtype = 'F32'): unknown => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

describe('safetensors files', () => {
  const cases: { what: string; damage: (path: string, folder: string) => void; says: RegExp }[] = [
    {
      what: 'missing',
      damage: (path) => rmSync(path),
      says: /: no model\.safetensors\. Fetch the model's weights$/,
    },
    {
      what: 'only a pickle',
      damage: (path, folder) => {
        rmSync(path);
        writeFileSync(join(folder, 'pytorch_model.bin'), '');
      },
      says: /got only pytorch_model\.bin.*\. Convert it with transformers/,
    },
    {
      what: 'empty',
      damage: (path) => writeFileSync(path, ''),
      says: /too short for a safetensors file; expected at least 8 bytes, got 0\. The file is damaged/,
    },
    {
      what: 'truncated',
      damage: (path) => truncateSync(path, 20000),
      says: /model\.safetensors: truncated inside tensor '.*'; expected \d+ bytes, got 20000\. .*fetch it again$/,
    },
    {
      what: 'truncated in the header',
      damage: (path) => truncateSync(path, 100),
      says: /the header is longer than the file; expected at most 92 bytes, got \d+/,
    },
    {
      what: 'a header length of garbage',
      damage: (path) => writeSafetensors(path, {}, 0, 2n ** 63n),
      says: /the header is longer than the file; expected at most 2 bytes, got 9223372036854776000/,
    },
    {
      what: 'bad JSON',
      damage: (path) => writeSafetensors(path, '{"a":', 0),
      says: /the header is not JSON/,
    },
    { what: 'a JSON list', damage: (path) => writeSafetensors(path, [], 0), says: /not a JSON object/ },
    {
      what: 'an entry without offsets',
      damage: (path) => writeSafetensors(path, { a: { dtype: 'F32', shape: [1] } }, 4),
      says: /entry for 'a' lacks dtype, shape or data_offsets/,
    },
    {
      what: 'a negative offset',
      damage: (path) => writeSafetensors(path, { a: f32(-4, 0, [1]) }, 4),
      says: /entry for 'a' lacks/,
    },
    {
      what: 'offsets beyond the end',
      damage: (path) => writeSafetensors(path, { a: f32(0, 4), b: f32(4, 400) }, 8),
      says: /truncated inside tensor 'b'; expected \d+ bytes, got \d+/,
    },
    {
      what: 'overlapping tensors',
      damage: (path) => writeSafetensors(path, { a: f32(0, 8), b: f32(4, 12) }, 12),
      says: /tensor 'b' overlaps the one before it, got bytes 4 to 12 of the data/,
    },
    {
      what: 'a hole',
      damage: (path) => writeSafetensors(path, { a: f32(0, 4), b: f32(8, 12) }, 12),
      says: /there is a hole before tensor 'b'/,
    },
    {
      what: 'bytes behind the last tensor',
      damage: (path) => writeSafetensors(path, { a: f32(0, 4) }, 12),
      says: /continues after its last tensor/,
    },
    {
      what: 'a tensor that ends before it begins',
      damage: (path) => writeSafetensors(path, { a: f32(4, 0, [1]) }, 0),
      says: /tensor 'a' ends before it begins/,
    },
    {
      what: 'a size that contradicts the shape',
      damage: (path) => writeSafetensors(path, { a: f32(0, 8, [3]) }, 8),
      says: /tensor 'a' has the wrong size; expected 12 bytes for F32 \[3\], got 8/,
    },
  ];
  it.each(cases)('$what', async ({ damage, says }) => {
    const folder = healthy();
    damage(weightsOf(folder), folder);
    const { message } = await errorOf(loadModel(folder));
    expect(message).toMatch(says);
    expect(message.startsWith(folder)).toBe(true);
  });

  type Header = Record<string, { dtype: string; shape: number[] }>;

  /** Rewrites the header of a healthy file, its data left as it is. */
  const reheader = (path: string, change: (header: Header) => void): void => {
    const bytes = readFileSync(path);
    const end = 8 + Number(bytes.readBigUInt64LE(0));
    const header: Header = JSON.parse(bytes.toString('utf8', 8, end));
    change(header);
    writeSafetensors(path, header, bytes.length - end);
  };
  const q = 'model.layers.1.self_attn.q_proj.weight';

  it.each([
    {
      what: 'wrong element type',
      change: (h: Header) => Object.assign(h[q], { dtype: 'I32' }),
      says: /tensor 'model\.layers\.1\.self_attn\.q_proj\.weight' has an element type that cannot be read; expected F32, F16, BF16, got I32\. Use the unquantised weights/,
    },
    {
      what: 'eight-bit weights',
      change: (h: Header) => Object.assign(h[q], { dtype: 'I8', shape: [12, 48] }),
      says: /q_proj\.weight' has an element type that cannot be read; expected F32, F16, BF16, got I8/,
    },
    {
      what: 'missing tensor',
      change: (h: Header) => {
        h['model.layers.1.self_attn.q_prox.weight'] = h[q];
        delete h[q];
      },
      says: /tensor 'model\.layers\.1\.self_attn\.q_proj\.weight' is missing; expected all 20 tensors of a llama model with 2 layers/,
    },
    {
      what: 'wrong shape',
      change: (h: Header) => Object.assign(h[q], { shape: [24, 6] }),
      says: /q_proj\.weight' does not fit config\.json; expected \[12,12\], got \[24,6\]\. Check that config\.json and the weights/,
    },
  ])('$what', async ({ change, says }) => {
    const folder = healthy();
    reheader(weightsOf(folder), change);
    expect((await errorOf(loadModel(folder))).message).toMatch(says);
  });

  it('a tensor that the architecture does not have', async () => {
    const folder = healthy();
    const config = { ...tinyLlama, architecture: qwen3 };
    saveModel(folder, { config, weights: randomWeights(config), tokenizerFilesFrom: tokenizerFolder });
    const json = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
    writeFileSync(
      join(folder, 'config.json'),
      JSON.stringify({ ...json, architectures: ['LlamaForCausalLM'] }),
    );
    const { message } = await errorOf(loadModel(folder));
    expect(message).toMatch(
      /tensor 'model\.layers\.0\.self_attn\.q_norm\.weight' is not part of a llama model/,
    );
  });
});

describe('shards', () => {
  const index = 'model.safetensors.index.json';
  it.each([
    { what: 'broken index', content: '{', says: /index\.json: is not JSON/ },
    { what: 'no map', content: '{}', says: /weight_map is missing or empty/ },
    {
      what: 'missing shard',
      content: '{"weight_map":{"a":"x.safetensors"}}',
      says: /x\.safetensors: no such file/,
    },
    {
      what: 'a path out of the folder',
      content: '{"weight_map":{"a":"../x.safetensors"}}',
      says: /weight_map names no safetensors file for 'a', got "\.\.\/x\.safetensors"/,
    },
    {
      what: 'a tensor that its shard does not hold',
      content: '{"weight_map":{"model.embed_tokens.weight":"other.safetensors"}}',
      says: /tensor 'model\.embed_tokens\.weight' is missing/,
    },
  ])('$what', async ({ content, says }) => {
    const folder = healthy();
    rmSync(weightsOf(folder));
    writeSafetensors(join(folder, 'other.safetensors'), {}, 0);
    writeFileSync(join(folder, index), content);
    expect((await errorOf(loadModel(folder))).message).toMatch(says);
  });
});

describe('config.json', () => {
  it.each<{ change: Record<string, unknown>; says: RegExp }>([
    {
      change: { architectures: ['FalconForCausalLM'] },
      says: /not supported; expected LlamaForCausalLM, Qwen2ForCausalLM, .*, got FalconForCausalLM\. Choose a model of one of these: Llama, /,
    },
    {
      change: { architectures: ['Gemma3ForConditionalGeneration'] },
      says: /not supported; .* Gemma 3 \(text\)/,
    },
    {
      // transformers reads it and computes nothing of it
      change: { architectures: ['Gemma3ForCausalLM'], hidden_act: undefined, attn_logit_softcapping: 2 },
      says: /attn_logit_softcapping .* got 2/,
    },
    {
      change: {
        architectures: ['Gemma3ForCausalLM'],
        rope_parameters: { sliding_attention: { rope_type: 'linear', factor: 2 } },
      },
      says: /rope_parameters: sliding_attention .* expected 'default', got "linear"/,
    },
    {
      change: { architectures: ['Gemma2ForCausalLM'], layer_types: ['sliding_attention'] },
      says: /layer_types .* 2 times sliding_attention or full_attention/,
    },
    {
      change: { architectures: ['MistralForCausalLM'], sliding_window: 1 },
      says: /sliding_window .* at least 2, got 1/,
    },
    {
      change: { architectures: ['MistralForCausalLM'], layer_types: ['full_attention', 'full_attention'] },
      says: /layer_types/,
    },
    {
      change: { architectures: ['Phi3ForCausalLM'], partial_rotary_factor: 0.75 },
      says: /partial_rotary_factor .* an even part of the 4 of a head, got 0\.75/,
    },
    { change: { architectures: ['Olmo2ForCausalLM'], clip_qkv: 8 }, says: /clip_qkv .* got 8/ },
    {
      change: { architectures: ['GraniteForCausalLM'], residual_multiplier: 0 },
      says: /residual_multiplier .* a positive number, got 0/,
    },
    { change: { architectures: undefined, model_type: 'gpt2' }, says: /got gpt2/ },
    {
      change: { rope_scaling: { rope_type: 'mrope', factor: 4 } },
      says: /rope_scaling: rope_type is not supported; expected 'default', 'linear', .* or 'llama3', got "mrope"/,
    },
    {
      change: { rope_parameters: { rope_type: 'llama3', rope_theta: 1e4 } },
      says: /rope_parameters: factor .* got nothing/,
    },
    { change: { hidden_act: 'gelu' }, says: /hidden_act is not supported; expected silu, got "gelu"/ },
    { change: { attention_bias: true }, says: /attention_bias is not supported; expected false, got true/ },
    { change: { mlp_bias: true }, says: /mlp_bias/ },
    { change: { hidden_size: undefined }, says: /hidden_size .* a positive integer, got nothing/ },
    { change: { num_hidden_layers: 2.5 }, says: /num_hidden_layers .* got 2\.5/ },
    { change: { num_key_value_heads: 2 }, says: /a divisor of 3 heads, got 2/ },
    { change: { head_dim: 5 }, says: /head_dim .* an even number, got 5/ },
    { change: { partial_rotary_factor: 0.5 }, says: /partial_rotary_factor/ },
    {
      change: { rope_scaling: { type: 'linear' } },
      says: /rope_scaling: factor .* a positive number, got nothing/,
    },
    {
      change: { rope_scaling: { factor: 4 } },
      says: /rope_type .* a kind of scaling beside factor, got nothing/,
    },
    { change: { rope_scaling: { type: 'yarn', factor: 0 } }, says: /factor .* a positive number, got 0/ },
    { change: { rope_scaling: { type: 'linear', factor: '4' } }, says: /factor .* got "4"/ },
    { change: { rope_scaling: { type: 'dynamic', factor: 0.5 } }, says: /factor .* at least 1, got 0\.5/ },
    { change: { rope_scaling: { type: 'yarn', factor: 4, beta_fast: -1 } }, says: /beta_fast .* got -1/ },
    {
      change: { rope_scaling: { type: 'yarn', factor: 4, truncate: 'no' } },
      says: /truncate .* true or false/,
    },
    {
      change: { rope_scaling: { type: 'su', short_factor: [1, 1], long_factor: [1] } },
      says: /long_factor .* 2 positive numbers, .* got "1 values"/,
    },
    {
      change: { rope_scaling: { type: 'longrope', short_factor: [1, 0], long_factor: [1, 2] } },
      says: /short_factor/,
    },
    { change: { rope_scaling: 'linear' }, says: /rope_scaling .* expected an object, got "linear"/ },
    { change: { rope_scaling: { rope_type: 'default', mrope_section: [1, 1] } }, says: /mrope_section/ },
    {
      change: { rope_parameters: { full_attention: { rope_type: 'default' } } },
      says: /rope_parameters: full_attention is not supported/,
    },
    {
      change: {
        rope_parameters: { rope_type: 'default', rope_theta: 1e6 },
        rope_scaling: { type: 'linear', factor: 2 },
      },
      says: /rope_scaling and rope_parameters say different things.*Delete the one/,
    },
    { change: { layer_types: ['chunked_attention'] }, says: /layer_types .* got "chunked_attention"/ },
    { change: { logits_scaling: 8 }, says: /logits_scaling .* expected 1, got 8/ },
    { change: { attn_logit_softcapping: 50 }, says: /attn_logit_softcapping/ },
    { change: { num_local_experts: 8 }, says: /num_local_experts/ },
    { change: { use_bidirectional_attention: true }, says: /use_bidirectional_attention/ },
    { change: { tie_word_embeddings: 1 }, says: /tie_word_embeddings .* true or false, got 1/ },
    { change: { architectures: ['constructor'] }, says: /not supported; .* got constructor/ },
    { change: { architectures: ['__proto__'] }, says: /not supported; .* got __proto__/ },
    { change: { num_hidden_layers: 4294967295 }, says: /num_hidden_layers .* at most \d+, got 4294967295/ },
    { change: { hidden_size: 4294967295 }, says: /hidden_size .* at most/ },
    { change: { vocab_size: 4294967295 }, says: /vocab_size .* at most/ },
    { change: { num_attention_heads: 4294967295 }, says: /num_attention_heads .* at most/ },
    { change: { intermediate_size: 4294967295 }, says: /intermediate_size .* at most/ },
    { change: { max_position_embeddings: 4294967295 }, says: /max_position_embeddings .* at most/ },
    {
      change: { rope_scaling: { type: 'dynamic', factor: 1e9 } },
      says: /the stretched context is not supported; expected at most \d+, got 64000000000/,
    },
    {
      change: { use_sliding_window: true, sliding_window: 32 },
      says: /sliding_window .* at least 64 positions, got 32/,
    },
    { change: { layer_types: ['sliding_attention'], sliding_window: 8 }, says: /sliding_window .* got 8/ },
    { change: { quantization_config: { bits: 4 } }, says: /the weights are quantised/ },
    {
      change: { vocab_size: 100 },
      says: /the tokenizer has more tokens than the model; expected at most 100 \(vocab_size\), got 420/,
    },
  ])('$change', async ({ change, says }) => {
    const folder = healthy();
    const path = join(folder, 'config.json');
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...change }));
    expect((await errorOf(loadModel(folder))).message).toMatch(says);
  });

  it('is missing, or the folder is', async () => {
    const folder = healthy();
    rmSync(join(folder, 'config.json'));
    expect((await errorOf(loadModel(folder))).message).toBe(
      `${folder}: no config.json; expected a model in Hugging Face format. Check that this is a model folder, or give a .gguf file`,
    );
    expect((await errorOf(loadModel(join(folder, 'nowhere')))).message).toMatch(
      /nowhere: no such model folder\. Check/,
    );
  });

  it('is broken', async () => {
    const folder = healthy();
    writeFileSync(join(folder, 'config.json'), '[]');
    expect((await errorOf(loadModel(folder))).message).toMatch(/config\.json: is not a JSON object/);
  });
});

it('saving weights that do not fit the configuration is refused, and writes nothing', async () => {
  const folder = join(temporaryFolder(), 'model');
  const weights = randomWeights(tinyLlama);
  weights.delete('model.norm.weight');
  const save = async (): Promise<void> =>
    saveModel(folder, { config: tinyLlama, weights, tokenizerFilesFrom: tokenizerFolder });
  expect((await errorOf(save())).message).toMatch(/tensor 'model\.norm\.weight' is missing/);
  expect((await errorOf(loadModel(folder))).message).toMatch(/no such model folder/);
});
