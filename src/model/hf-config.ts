/**
 * Hugging Face's config.json: reading it into a ModelConfig, and writing it.
 *
 * What the graph cannot compute (another activation, sliding windows, other rope scalings)
 * is refused here by name, since a model loaded without it would run and be wrong.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ModelError } from '../errors.js';
import type { Architecture, ModelConfig, RopeScaling } from './config.js';
import type { Dtype } from './floats.js';
import { unfinished } from './unfinished-run.js';

type Json = Readonly<Record<string, unknown>>;

interface Family {
  readonly architecture: Architecture;
  readonly modelType: string;
  /** What transformers assumes where config.json is silent. */
  readonly defaults: { maxPositions: number; kvHeads?: number; headSize?: number };
}

const families: Readonly<Record<string, Family>> = {
  LlamaForCausalLM: { architecture: 'llama', modelType: 'llama', defaults: { maxPositions: 2048 } },
  Qwen2ForCausalLM: {
    architecture: 'qwen2',
    modelType: 'qwen2',
    defaults: { maxPositions: 32768, kvHeads: 32 },
  },
  Qwen3ForCausalLM: {
    architecture: 'qwen3',
    modelType: 'qwen3',
    defaults: { maxPositions: 32768, kvHeads: 32, headSize: 128 },
  },
};

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
 */
export function parseConfig(json: Json, where: string, moreEosIds: readonly number[] = []): ModelConfig {
  const { architecture, defaults } = family(json, where);
  const count = (key: string, fallback?: number): number => {
    const value = json[key] ?? fallback;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
    throw wrong(where, key, 'a positive integer', value);
  };
  const heads = count('num_attention_heads');
  const width = count('hidden_size');
  const kvHeads = count('num_key_value_heads', defaults.kvHeads ?? heads);
  const headSize = count('head_dim', defaults.headSize ?? width / heads);
  if (heads % kvHeads !== 0)
    throw wrong(where, 'num_key_value_heads', `a divisor of ${heads} heads`, kvHeads);
  if (headSize % 2 !== 0) throw wrong(where, 'head_dim', 'an even number', headSize);
  const maxPositions = count('max_position_embeddings', defaults.maxPositions);
  refuseUnsupported(json, architecture, where, maxPositions);

  const rope = ropeOf(json, where, maxPositions);
  const config: ModelConfig = {
    architecture,
    vocabSize: count('vocab_size'),
    width,
    layers: count('num_hidden_layers'),
    heads,
    kvHeads,
    headSize,
    ffn: count('intermediate_size'),
    rmsEps: positive(json, 'rms_norm_eps', where, 1e-6),
    ropeTheta: rope.theta,
    maxPositions,
    tied: json.tie_word_embeddings === true,
    attentionBias: architecture === 'qwen2',
    qkNorm: architecture === 'qwen3',
    eosTokenIds: [...new Set([...tokenIds(json.eos_token_id), ...moreEosIds])],
  };
  if (rope.scaling !== undefined) config.ropeScaling = rope.scaling;
  return config;
}

/**
 * The content of config.json for a model, as every version of transformers since 4.45 reads it.
 *
 * @param dtype element type of the weights beside it
 */
export function configJson(config: ModelConfig, dtype: Dtype = 'F32'): Record<string, unknown> {
  const [name, { modelType }] = Object.entries(families).find(
    ([, f]) => f.architecture === config.architecture,
  )!;
  const { ropeScaling: rope } = config;
  return {
    architectures: [name],
    model_type: modelType,
    vocab_size: config.vocabSize,
    hidden_size: config.width,
    intermediate_size: config.ffn,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headSize,
    hidden_act: 'silu',
    max_position_embeddings: config.maxPositions,
    rms_norm_eps: config.rmsEps,
    rope_theta: config.ropeTheta,
    rope_scaling:
      rope === undefined
        ? null
        : {
            rope_type: rope.kind,
            factor: rope.factor,
            low_freq_factor: rope.lowFreqFactor,
            high_freq_factor: rope.highFreqFactor,
            original_max_position_embeddings: rope.originalMaxPositions,
          },
    tie_word_embeddings: config.tied,
    ...(config.architecture === 'qwen2' ? {} : { attention_bias: config.attentionBias }),
    eos_token_id: eosJson(config),
    torch_dtype: { F32: 'float32', F16: 'float16', BF16: 'bfloat16' }[dtype],
  };
}

/** End tokens as Hugging Face writes them: one number, a list, or null. */
export function eosJson({ eosTokenIds }: ModelConfig): number | readonly number[] | null {
  return eosTokenIds.length > 1 ? eosTokenIds : (eosTokenIds[0] ?? null);
}

/** A JSON object from a file; undefined when there is no such file. */
export function readJson(path: string): Json | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new ModelError({ where: path, what: `cannot be read (${message})` }, { cause: error });
  }
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Json;
  } catch (error) {
    const what = `is not JSON (${(error as Error).message})`;
    throw new ModelError({ where: path, what, next: 'fetch the file again' }, { cause: error });
  }
  throw new ModelError({ where: path, what: 'is not a JSON object', next: 'fetch the file again' });
}

function family(json: Json, where: string): Family {
  const { architectures, model_type: modelType } = json;
  const named: unknown = Array.isArray(architectures) ? architectures[0] : undefined;
  const found =
    typeof named === 'string'
      ? families[named]
      : Object.values(families).find((f) => f.modelType === modelType);
  if (found !== undefined) return found;
  throw new ModelError({
    where,
    what: 'this architecture is not supported',
    expected: Object.keys(families).join(', '),
    got: String(named ?? modelType ?? 'none'),
    next: 'choose a Llama, Qwen2, Qwen2.5 or Qwen3 model',
  });
}

/** Refuses what would change the computation and is not built. */
function refuseUnsupported(
  json: Json,
  architecture: Architecture,
  where: string,
  maxPositions: number,
): void {
  const { hidden_act: activation = 'silu', layer_types: layerTypes, sliding_window: sliding } = json;
  if (activation !== 'silu' && activation !== 'swish') throw wrong(where, 'hidden_act', 'silu', activation);
  for (const key of ['attention_bias', 'mlp_bias']) {
    if (json[key] === true && architecture !== 'qwen2') throw wrong(where, key, 'false', true);
  }
  const slides = Array.isArray(layerTypes)
    ? layerTypes.some((type) => type !== 'full_attention')
    : json.use_sliding_window === true;
  if (slides && !(typeof sliding === 'number' && sliding >= maxPositions)) {
    throw wrong(where, 'sliding_window', `null, or at least ${maxPositions} positions`, sliding);
  }
  if (json.quantization_config !== undefined && json.quantization_config !== null) {
    throw new ModelError({
      where,
      what: 'the weights are quantised (quantization_config)',
      expected: 'F32, F16 or BF16 weights',
      next: 'use the unquantised weights of this model, or a GGUF file',
    });
  }
}

/** Rotary settings from `rope_parameters` (transformers 5) or `rope_theta` and `rope_scaling` (before). */
function ropeOf(json: Json, where: string, maxPositions: number): { theta: number; scaling?: RopeScaling } {
  const key = isObject(json.rope_parameters) ? 'rope_parameters' : 'rope_scaling';
  const parameters = isObject(json[key]) ? json[key] : {};
  const place = `${where}: ${key}`;
  const theta = positive({ rope_theta: json.rope_theta, ...parameters }, 'rope_theta', where, 10000);
  const partial = parameters.partial_rotary_factor ?? json.partial_rotary_factor ?? 1;
  if (partial !== 1) throw wrong(where, 'partial_rotary_factor', '1', partial);

  const kind = parameters.rope_type ?? parameters.type ?? 'default';
  if (kind === 'default') return { theta };
  if (kind !== 'llama3') throw wrong(place, 'rope_type', "'default' or 'llama3'", kind);
  const scaling: RopeScaling = {
    kind,
    factor: positive(parameters, 'factor', place),
    lowFreqFactor: positive(parameters, 'low_freq_factor', place),
    highFreqFactor: positive(parameters, 'high_freq_factor', place),
    originalMaxPositions: positive(parameters, 'original_max_position_embeddings', place, maxPositions),
  };
  if (scaling.highFreqFactor <= scaling.lowFreqFactor) {
    throw wrong(
      place,
      'high_freq_factor',
      `more than low_freq_factor ${scaling.lowFreqFactor}`,
      scaling.highFreqFactor,
    );
  }
  return { theta, scaling };
}

function positive(json: Json, key: string, where: string, fallback?: number): number {
  const value = json[key] ?? fallback;
  if (typeof value === 'number' && value > 0) return value;
  throw wrong(where, key, 'a positive number', value);
}

function tokenIds(value: unknown): number[] {
  return [value].flat().filter((id): id is number => Number.isSafeInteger(id));
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrong(where: string, key: string, expected: string, got: unknown): ModelError {
  return new ModelError({
    where,
    what: `${key} is not supported`,
    expected,
    got: got === undefined ? 'nothing' : JSON.stringify(got),
  });
}
