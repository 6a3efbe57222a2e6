/**
 * `adapter_config.json`: what peft says of a LoRA adapter, and what of it can be computed here.
 *
 * A setting that changes what the adapter computes and is not built is refused by name: an adapter
 * read halfway would run, and be another model. Keys that only steer peft's training are let through;
 * keys that nobody knows are named.
 */
import { ModelError } from '../errors.js';
import { allProjections, type Projection } from './architectures/architecture.js';
import type { ModelConfig } from './config.js';
import { adaptedModules, type LoraConfig, targeted } from './lora-modules.js';

type Json = Readonly<Record<string, unknown>>;

/** What adapter_config.json says of an adapter. */
export interface AdapterConfig extends LoraConfig {
  /** The model it was trained on, as a path or a hub name. */
  readonly baseModel?: string;
  /** SHA-256 of that model's weight files; adapters of our own have it. */
  readonly baseHash?: string;
}

/** Larger ranks are refused: no update of a language model has them, and they take the memory of one. */
const maxRank = 4096;

/** Settings that change what the adapter computes, with the values that mean "off". */
const mustBeOff: Readonly<Record<string, readonly unknown[]>> = {
  bias: ['none'],
  use_dora: [false],
  lora_bias: [false],
  fan_in_fan_out: [false],
  use_qalora: [false],
  use_bdlora: [false],
  modules_to_save: [],
  layer_replication: [],
  trainable_token_indices: [],
  target_parameters: [],
  megatron_config: [],
  arrow_config: [],
  kasa_config: [],
  monteclora_config: [],
  alora_invocation_tokens: [],
};

/** Keys that are read here, and those that change nothing once an adapter is trained. */
const known = new Set([
  ...Object.keys(mustBeOff),
  ...['peft_type', 'r', 'lora_alpha', 'use_rslora', 'target_modules', 'exclude_modules'],
  ...['layers_to_transform', 'layers_pattern', 'rank_pattern', 'alpha_pattern', 'init_lora_weights'],
  ...['base_model_name_or_path', 'task_type', 'auto_mapping', 'revision', 'peft_version', 'inference_mode'],
  ...['lora_dropout', 'megatron_core', 'qalora_group_size', 'ensure_weight_tying', 'runtime_config'],
  ...['loftq_config', 'eva_config', 'corda_config', 'lora_ga_config', 'velora_config', 'unsloth_fixed'],
]);

/**
 * @param json  adapter_config.json
 * @param model configuration of the model that the adapter goes onto
 * @param found projections that the adapter's file has tensors of, where the configuration names none
 * @returns     modules that are whole projections as plain `targets`
 * @throws ModelError naming the key that cannot be represented
 */
export function readAdapterConfig(
  json: Json,
  where: string,
  model: ModelConfig,
  found: readonly string[],
): { config: AdapterConfig; warnings: string[] } {
  refuseUnsupported(json, where);
  const base = json.base_model_name_or_path;
  const lora = withPatterns(json, where, found);
  const [head] = outside.filter((name) => targeted(lora, [name])[0]);
  if (head !== undefined)
    throw refusal(where, 'target_modules', model.architecture.projections.join(', '), head.split('.').at(-1));
  const warnings = Object.entries(json)
    .filter(([key, value]) => !known.has(key) && !isOff(value))
    .map(([key, value]) => `${where}: the key '${key}' (${shown(value)}) is unknown and not honoured`);
  return {
    config: {
      ...simplest(lora, model, where),
      ...(typeof base === 'string' && base !== '' ? { baseModel: base } : {}),
    },
    warnings,
  };
}

/** Linear layers and embeddings that are no projection; those of peft's adapters that have them are refused. */
const outside = ['lm_head', 'model.embed_tokens'];

/** The settings of an adapter as peft's file has them. */
export function adapterJson(config: AdapterConfig): Json {
  const { rank, alpha, rslora, targets, baseModel } = config;
  const plain = typeof targets !== 'string' && targets.every((name) => isProjection(name));
  return {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: baseModel ?? null,
    r: rank,
    lora_alpha: alpha,
    use_rslora: rslora,
    target_modules: plain ? allProjections.filter((projection) => targets.includes(projection)) : targets,
    ...(config.exclude === undefined ? {} : { exclude_modules: config.exclude }),
    lora_dropout: 0,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    modules_to_save: null,
    layers_to_transform: config.layers ?? null,
    layers_pattern: config.layersPattern ?? null,
    rank_pattern: config.rankPattern ?? {},
    alpha_pattern: config.alphaPattern ?? {},
    use_dora: false,
  };
}

function refuseUnsupported(json: Json, where: string): void {
  if (json.peft_type !== 'LORA') throw refusal(where, 'peft_type', "'LORA'", json.peft_type);
  for (const [key, off] of Object.entries(mustBeOff)) {
    const value = json[key] ?? null;
    const empty = typeof value === 'object' && (value === null || Object.keys(value).length === 0);
    if (!empty && !off.includes(value))
      throw refusal(where, key, off.length ? JSON.stringify(off[0]) : 'none', value);
  }
  // These take part of the base weights into the adapter, which then no longer fits the base.
  const init = json.init_lora_weights;
  if (typeof init === 'string' && /^(pissa|olora|corda|lora_ga)/i.test(init)) {
    throw refusal(where, 'init_lora_weights', 'an adapter on the unchanged base', init);
  }
}

function withPatterns(json: Json, where: string, found: readonly string[]): LoraConfig {
  const { r: rank, lora_alpha: alpha, use_rslora: rslora } = json;
  const positiveInteger = (value: unknown): value is number =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= 1;
  const positive = (value: unknown): value is number =>
    typeof value === 'number' && value > 0 && Number.isFinite(Math.fround(value));
  const rankOf = (key: string, value: unknown): number => {
    if (!positiveInteger(value)) throw refusal(where, key, 'a positive integer', value);
    if (value > maxRank) throw refusal(where, key, `a rank of at most ${maxRank}`, value);
    return value;
  };
  const alphaOf = (key: string, value: unknown): number => {
    if (!positive(value)) throw refusal(where, key, 'a positive number', value);
    return value;
  };
  const patterns = (key: string, check: (key: string, value: unknown) => number) => {
    const value = json[key] ?? {};
    if (typeof value !== 'object' || Array.isArray(value))
      throw refusal(where, key, 'patterns and numbers', value);
    const entries = Object.entries(value).map(([name, x]) => [name, check(`${key}['${name}']`, x)] as const);
    return entries.length > 0 ? Object.fromEntries(entries) : undefined;
  };
  const names = (key: string): readonly string[] | string | undefined => {
    const value = json[key] ?? undefined;
    if (value === undefined || value === '' || typeof value === 'string') return value || undefined;
    if (Array.isArray(value) && value.every((item) => typeof item === 'string'))
      return value.length > 0 ? value : undefined;
    throw refusal(where, key, 'a list of names, or a pattern', value);
  };
  const layers = layersOf(json, where);
  const layersPattern = names('layers_pattern');
  const targets = names('target_modules') ?? found;
  if (typeof targets === 'string' && layers !== undefined) {
    throw refusal(where, 'layers_to_transform', 'none beside a pattern in target_modules', layers);
  }
  const rankPattern = patterns('rank_pattern', rankOf);
  const alphaPattern = patterns('alpha_pattern', alphaOf);
  const exclude = names('exclude_modules');
  return {
    rank: rankOf('r', rank),
    alpha: alphaOf('lora_alpha', alpha),
    rslora: rslora === true,
    targets,
    ...(layers === undefined ? {} : { layers }),
    ...(layers === undefined || layersPattern === undefined ? {} : { layersPattern: [layersPattern].flat() }),
    ...(exclude === undefined ? {} : { exclude }),
    ...(rankPattern ? { rankPattern } : {}),
    ...(alphaPattern ? { alphaPattern } : {}),
  };
}

function layersOf(json: Json, where: string): readonly number[] | undefined {
  const value = json.layers_to_transform ?? [];
  const layers: unknown[] = [value].flat();
  if (layers.every((layer): layer is number => Number.isSafeInteger(layer) && (layer as number) >= 0))
    return layers.length > 0 ? layers : undefined;
  throw refusal(where, 'layers_to_transform', 'layers, counted from 0', value);
}

/** Where an adapter sits on the same projections of every layer, just these: as it would be configured here. */
function simplest(lora: LoraConfig, model: ModelConfig, where: string): LoraConfig {
  const modules = [...adaptedModules(model, lora).values()];
  if (modules.length === 0) {
    const got = shown(lora.targets) + (lora.layers ? ` in layers ${lora.layers.join(', ')}` : '');
    const next = 'check that the adapter was made for this model';
    throw new ModelError({ where, what: 'the adapter sits on no module of the model', got, next });
  }
  const { rank, alpha, rslora } = lora;
  const targets = model.architecture.projections.filter((name) =>
    modules.some(({ projection }) => projection === name),
  );
  const whole = { rank, alpha, rslora, targets };
  const plain = adaptedModules(model, whole);
  const equal =
    plain.size === modules.length &&
    modules.every(
      ({ name, rank, scale }) => plain.get(name)?.rank === rank && plain.get(name)!.scale === scale,
    );
  if (equal) return whole;
  // names of modules that the model does not have choose nothing, in peft as well
  const named = (name: string) => isProjection(name.split('.').at(-1)!);
  return typeof lora.targets === 'string' ? lora : { ...lora, targets: lora.targets.filter(named) };
}

export function isProjection(name: string): name is Projection {
  return (allProjections as readonly string[]).includes(name);
}

function isOff(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === null || value === undefined || value === false || value === '';
}

const shown = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
};

function refusal(where: string, key: string, expected: string, got: unknown): ModelError {
  return new ModelError({
    where,
    what: `${key} is not supported`,
    expected,
    got: shown(got),
    next: 'train the adapter without it',
  });
}
