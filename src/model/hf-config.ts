/**
 * Hugging Face's config.json: reading it into a ModelConfig, and writing it.
 *
 * The architecture's row says which keys it has and what it assumes where they are missing. What
 * its graph cannot compute is refused here by name, since a model loaded without it would run and
 * be wrong. The rotary embedding is in hf-rope.ts.
 */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ModelError } from '../errors.js';
import { type Json, positive, readCount, readJson, wrong } from '../files/json-file.js';
import type { Architecture } from './architectures/architecture.js';
import { architectures } from './architectures/index.js';
import { checkSizes, type ModelConfig } from './config.js';
import type { Dtype } from './floats.js';
import { readRope, ropeJson } from './hf-rope.js';
import { unfinished } from './unfinished-run.js';

/**
 * Reads config.json of a model folder.
 *
 * End tokens are those of config.json and generation_config.json; the tokenizer adds its own
 * (see tokenizer.ts), and `loadModel` puts the union here.
 *
 * @throws ModelError when the folder or file is missing, or describes a model that cannot be built
 */
export function readConfig(folder: string): ModelConfig {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new ModelError({
      where: folder,
      what: 'no such model folder',
      next: "check the path, or fetch the model with 'ealign pull'",
    });
  }
  const where = join(folder, 'config.json');
  const json = readJson(where);
  if (json === undefined) {
    const expected = 'a model in Hugging Face format';
    const run = unfinished(folder, expected);
    if (run) throw new ModelError({ where: folder, ...run });
    if (existsSync(join(folder, 'adapter_config.json'))) {
      const what = 'an adapter, not a model';
      throw new ModelError({
        where: folder,
        what,
        expected,
        next: 'give its base as the model, and this as --adapter',
      });
    }
    throw new ModelError({
      where: folder,
      what: 'no config.json',
      expected,
      next: 'check that this is a model folder, or give a .gguf file',
    });
  }
  const generation = readJson(join(folder, 'generation_config.json'));
  return parseConfig(json, where, tokenIds(generation?.eos_token_id));
}

/**
 * A ModelConfig from the content of config.json.
 *
 * @param where the file, for messages
 * @param moreEosIds end tokens known from elsewhere
 * @param known the architectures that it may be of
 */
export function parseConfig(
  json: Json,
  where: string,
  moreEosIds: readonly number[] = [],
  known: readonly Architecture[] = architectures,
): ModelConfig {
  const architecture = architectureOf(json, where, known);
  const { defaults, read, plainRope } = architecture.huggingFace;
  const count = (key: string, otherwise?: number): number => readCount(json, key, where, otherwise);
  const heads = count('num_attention_heads');
  const width = count('hidden_size');
  const sizes = {
    vocabSize: count('vocab_size'),
    width,
    layers: count('num_hidden_layers'),
    heads,
    // null says as many, missing says the default
    kvHeads: count(
      'num_key_value_heads',
      json.num_key_value_heads === null ? heads : (defaults.kvHeads ?? heads),
    ),
    headSize: json.head_dim == null ? (defaults.headSize ?? width / heads) : count('head_dim'),
    ffn: count('intermediate_size'),
    maxPositions: count('max_position_embeddings', defaults.maxPositions),
  };
  checkSizes(sizes, where, sizeKeys);
  const rope = readRope(plainRope?.(json, where) ?? json, where, sizes, architecture);
  const { maxPositions } = rope;
  checkSizes({ ...sizes, maxPositions }, where, { ...sizeKeys, maxPositions: 'the stretched context' });
  refuseUnsupported(json, architecture, where, sizes.layers, maxPositions);
  const { tie_word_embeddings: tied = null } = json;
  if (tied !== null && typeof tied !== 'boolean') {
    throw wrong(where, 'tie_word_embeddings', 'true or false', tied);
  }
  return {
    architecture,
    ...sizes,
    maxPositions,
    rmsEps: positive(json, 'rms_norm_eps', where, defaults.rmsEps),
    ropeTheta: rope.theta,
    ...(rope.scaling && { ropeScaling: rope.scaling }),
    ...(rope.rotarySize === undefined ? {} : { rotarySize: rope.rotarySize }),
    ...read?.({ ...sizes, maxPositions, json, where }),
    tied: tied ?? defaults.tied,
    eosTokenIds: [...new Set([...tokenIds(json.eos_token_id), ...moreEosIds])],
  };
}

/** What config.json calls each size. */
const sizeKeys = {
  vocabSize: 'vocab_size',
  width: 'hidden_size',
  layers: 'num_hidden_layers',
  heads: 'num_attention_heads',
  kvHeads: 'num_key_value_heads',
  headSize: 'head_dim',
  ffn: 'intermediate_size',
  maxPositions: 'max_position_embeddings',
} as const;

/**
 * The content of config.json for a model, as every version of transformers since 4.45 reads it.
 *
 * @param dtype element type of the weights beside it
 */
export function configJson(config: ModelConfig, dtype: Dtype = 'F32'): Record<string, unknown> {
  const { className, modelType, activationKey, write } = config.architecture.huggingFace;
  return {
    architectures: [className],
    model_type: modelType,
    vocab_size: config.vocabSize,
    hidden_size: config.width,
    intermediate_size: config.ffn,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headSize,
    [activationKey]: activationNames[config.architecture.activation][0],
    rms_norm_eps: config.rmsEps,
    ...ropeJson(config),
    tie_word_embeddings: config.tied,
    ...write?.(config, config),
    eos_token_id: eosJson(config),
    torch_dtype: { F32: 'float32', F16: 'float16', BF16: 'bfloat16' }[dtype],
  };
}

/**
 * The text of config.json. Soft caps are written with a decimal point: transformers 5 expects floats there,
 * and refuses whole numbers.
 */
export function configText(config: ModelConfig, dtype?: Dtype): string {
  const text = JSON.stringify(configJson(config, dtype), null, 2);
  return `${text.replaceAll(/("\w+_softcapping": \d+)(,?)$/gm, '$1.0$2')}\n`;
}

/** What transformers calls each activation; the first name is written. */
const activationNames: Readonly<Record<Architecture['activation'], readonly [string, ...string[]]>> = {
  silu: ['silu', 'swish'],
  gelu_tanh: ['gelu_pytorch_tanh', 'gelu_new'],
};

/** End tokens as Hugging Face writes them: one number, a list, or null. */
export function eosJson({ eosTokenIds }: ModelConfig): number | readonly number[] | null {
  return eosTokenIds.length > 1 ? eosTokenIds : (eosTokenIds[0] ?? null);
}

function architectureOf(json: Json, where: string, known: readonly Architecture[]): Architecture {
  const { architectures: names, model_type: modelType } = json;
  const named: unknown = Array.isArray(names) ? names[0] : undefined;
  const found = known.find(({ huggingFace }) =>
    typeof named === 'string' ? huggingFace.className === named : huggingFace.modelType === modelType,
  );
  if (found !== undefined) return found;
  throw new ModelError({
    where,
    what: 'this architecture is not supported',
    expected: known.map(({ huggingFace }) => huggingFace.className).join(', '),
    got: String(named ?? modelType ?? 'none'),
    next: `choose a model of one of these: ${known.map(({ title }) => title).join(', ')}`,
  });
}

/** Keys of other architectures that change the computation, and the values that change nothing. */
const neutral: Readonly<Record<string, readonly unknown[]>> = {
  mlp_bias: [false],
  attn_logit_softcapping: [0],
  final_logit_softcapping: [0],
  logits_scaling: [1],
  logit_scale: [1],
  logits_scale: [1],
  embedding_multiplier: [1],
  residual_multiplier: [1],
  attention_multiplier: [],
  query_pre_attn_scalar: [],
  scale_emb: [1],
  scale_depth: [],
  clip_qkv: [],
  qk_norm: [false],
  use_qk_norm: [false],
  use_bidirectional_attention: [false],
  attention_chunk_size: [],
  no_rope_layers: [[]],
  per_layer_config: [],
  num_experts: [0, 1],
  num_local_experts: [0, 1],
};

/** Refuses what would change the computation and is not built. */
function refuseUnsupported(
  json: Json,
  architecture: Architecture,
  where: string,
  layers: number,
  maxPositions: number,
): void {
  const { activationKey, neutral: own, keys } = architecture.huggingFace;
  const names = activationNames[architecture.activation];
  const activation = json[activationKey] ?? names[0];
  if (!names.some((name) => name === activation)) throw wrong(where, activationKey, names[0], activation);
  for (const [key, values] of Object.entries({ ...neutral, ...own })) {
    if (keys.includes(key)) continue;
    const value = json[key] ?? null;
    if (value === null || values.some((each) => JSON.stringify(each) === JSON.stringify(value))) continue;
    throw wrong(where, key, values.map((each) => JSON.stringify(each)).join(' or ') || 'null', value);
  }
  if (!keys.includes('sliding_window')) refuseWindows(json, where, layers, maxPositions);
  for (const key of ['quantization_config', 'compression_config', 'quantization']) {
    if (json[key] === undefined || json[key] === null) continue;
    throw new ModelError({
      where,
      what: `the weights are quantised (${key})`,
      expected: 'F32, F16 or BF16 weights',
      next: 'use the unquantised weights of this model, or a GGUF file',
    });
  }
}

/** Refuses layers that do not see the whole sequence, unless no sequence is longer than what they see. */
function refuseWindows(json: Json, where: string, layers: number, maxPositions: number): void {
  const { layer_types: types, sliding_window: window, max_window_layers: full } = json;
  const wide = typeof window === 'number' && window >= maxPositions;
  if (types !== undefined && types !== null) {
    const other = [types].flat().find((type) => type !== 'full_attention' && type !== 'sliding_attention');
    if (other !== undefined) {
      throw wrong(where, 'layer_types', "'full_attention' or 'sliding_attention'", other);
    }
  }
  const slides = Array.isArray(types)
    ? types.includes('sliding_attention')
    : json.use_sliding_window === true && !(typeof full === 'number' && full >= layers);
  if (slides && !wide) {
    throw wrong(where, 'sliding_window', `null, or at least ${maxPositions} positions`, window);
  }
}

/** End tokens, as a number, a list or nothing. */
export function tokenIds(value: unknown): number[] {
  return [value].flat().filter((id): id is number => Number.isSafeInteger(id));
}
