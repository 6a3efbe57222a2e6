/**
 * LoRA adapters in PEFT's file format: adapter_config.json and adapter_model.safetensors.
 *
 * Files hold lora_A as [rank, in] and lora_B as [out, rank]; memory holds both transposed,
 * so that y = x·W + scale·x·A·B. What peft can do and we cannot is refused by name: an
 * adapter read halfway would run, and be another model.
 */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ModelError } from '../errors.js';
import { writeFolderAtomic } from '../files.js';
import type { ModelConfig } from './config.js';
import { readJson } from './hf-config.js';
import { type LoraConfig, loraShapes, type Projection, projections } from './lora.js';
import { SafetensorsFile } from './safetensors.js';
import { safetensorsPieces } from './safetensors-write.js';
import type { Tensor, Weights } from './weights.js';

type Json = Readonly<Record<string, unknown>>;

/** What adapter_config.json says of an adapter. */
export interface AdapterConfig extends LoraConfig {
  /** The model it was trained on, as a path or a hub name. */
  readonly baseModel?: string;
}

export interface Adapter {
  readonly config: AdapterConfig;
  /** `model.layers.0.self_attn.q_proj.lora_A` [in, rank], `….lora_B` [rank, out], in the order of the layers. */
  readonly tensors: ReadonlyMap<string, Tensor>;
}

const configFile = 'adapter_config.json';
const weightsFile = 'adapter_model.safetensors';
const prefix = 'base_model.model.';

/**
 * Reads an adapter folder, written here or by peft.
 *
 * @param model the configuration of the model it goes onto; every tensor must fit it
 * @throws ModelError when files are missing or damaged, or the adapter does not fit or cannot be represented
 */
export async function readAdapter(folder: string, model: ModelConfig): Promise<Adapter> {
  const where = join(folder, configFile);
  const json = readJson(where);
  if (json === undefined) {
    const found = statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false;
    throw new ModelError({
      where: folder,
      what: found ? `no ${configFile}` : 'no such adapter folder',
      expected: "an adapter in PEFT's format",
      next: 'check the path of the adapter',
    });
  }
  refuseUnsupported(json, where);
  const weights = join(folder, weightsFile);
  if (!existsSync(weights) && existsSync(join(folder, 'adapter_model.bin'))) {
    throw new ModelError({
      where: folder,
      what: `no ${weightsFile}`,
      got: 'only adapter_model.bin, which is not read (it can run code)',
      next: 'save the adapter again with peft (save_pretrained)',
    });
  }
  const file = await SafetensorsFile.open(weights);
  try {
    const shapes = new Map(
      file.entries.map(({ name, shape }) => [nameInMemory(name, weights), shape.toReversed()]),
    );
    const config = adapterConfig(json, where, shapes.keys());
    const expected = loraShapes(model, config);
    checkAdapter(shapes, expected, weights);
    const read = await file.read(() => 'transposed');
    const byName = new Map([...read].map(([name, tensor]) => [nameInMemory(name, weights), tensor]));
    return { config, tensors: new Map([...expected.keys()].map((name) => [name, byName.get(name)!])) };
  } finally {
    await file.close();
  }
}

/**
 * Writes an adapter folder that peft's `PeftModel.from_pretrained` loads. All or nothing, as
 * `writeFolderAtomic`.
 *
 * @param tensors as in `Adapter`
 * @throws SaveError when the disk refuses
 */
export function writeAdapter(
  folder: string,
  { config, tensors }: { config: AdapterConfig; tensors: Weights },
): void {
  const named = new Map([...tensors].map(([name, tensor]) => [`${prefix}${name}.weight`, tensor]));
  writeFolderAtomic(folder, [
    [weightsFile, safetensorsPieces(named, { transposed: () => true })],
    [configFile, `${JSON.stringify(adapterJson(config), null, 2)}\n`],
  ]);
}

function adapterJson({ rank, alpha, rslora, targets, baseModel }: AdapterConfig): Json {
  return {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: baseModel ?? null,
    r: rank,
    lora_alpha: alpha,
    use_rslora: rslora,
    target_modules: projections.filter((projection) => targets.includes(projection)),
    lora_dropout: 0,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    modules_to_save: null,
    layers_to_transform: null,
    layers_pattern: null,
    rank_pattern: {},
    alpha_pattern: {},
    use_dora: false,
  };
}

/**
 * Settings that change what the adapter computes, with the values that mean "off".
 * Those that only steer peft's training (dropout, initialisation by name) are left alone.
 */
const mustBeOff: Readonly<Record<string, readonly unknown[]>> = {
  bias: ['none'],
  use_dora: [false],
  lora_bias: [false],
  fan_in_fan_out: [false],
  use_qalora: [false],
  use_bdlora: [false],
  rank_pattern: [],
  alpha_pattern: [],
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
  const targets = json.target_modules;
  if (!Array.isArray(targets)) return; // a pattern, e.g. 'all-linear': the tensors say what it matched
  for (const target of targets) {
    if (!isProjection(String(target).split('.').at(-1)!))
      throw refusal(where, 'target_modules', projections.join(', '), target);
  }
}

function adapterConfig(json: Json, where: string, names: Iterable<string>): AdapterConfig {
  const { r: rank, lora_alpha: alpha, use_rslora: rslora, base_model_name_or_path: base } = json;
  if (typeof rank !== 'number' || !Number.isSafeInteger(rank) || rank < 1)
    throw refusal(where, 'r', 'a positive integer', rank);
  if (typeof alpha !== 'number' || !(alpha > 0))
    throw refusal(where, 'lora_alpha', 'a positive number', alpha);
  const found = new Set([...names].map((name) => name.split('.').at(-2)));
  return {
    rank,
    alpha,
    rslora: rslora === true,
    targets: projections.filter((projection) => found.has(projection)),
    ...(typeof base === 'string' && base !== '' ? { baseModel: base } : {}),
  };
}

/** `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight` → `model.layers.0.self_attn.q_proj.lora_A`. */
function nameInMemory(name: string, where: string): string {
  const match = /^base_model\.model\.(model\.layers\.\d+\.(?:self_attn|mlp)\.(\w+)\.lora_[AB])\.weight$/.exec(
    name,
  );
  if (match !== null && isProjection(match[2])) return match[1];
  throw new ModelError({
    where,
    what: `tensor '${name}' cannot be represented`,
    expected: `LoRA factors of ${projections.join(', ')}`,
    next: 'train the adapter on these projections only',
  });
}

function checkAdapter(
  shapes: ReadonlyMap<string, readonly number[]>,
  expected: ReadonlyMap<string, readonly number[]>,
  where: string,
): void {
  const next = 'check that the adapter was made for this model';
  if (shapes.size === 0)
    throw new ModelError({ where, what: 'the adapter has no tensors', next: 'save it again' });
  for (const [name, shape] of expected) {
    const got = shapes.get(name);
    if (got === undefined)
      throw new ModelError({ where, what: `tensor '${prefix}${name}.weight' is missing`, next });
    if (got.join() === shape.join()) continue;
    throw new ModelError({
      where,
      what: `tensor '${prefix}${name}.weight' does not fit the model`,
      expected: `[${shape.toReversed()}]`,
      got: `[${got.toReversed()}]`,
      next,
    });
  }
  for (const name of shapes.keys()) {
    if (!expected.has(name))
      throw new ModelError({
        where,
        what: `the model has no place for tensor '${prefix}${name}.weight'`,
        next,
      });
  }
}

function isProjection(name: string): name is Projection {
  return (projections as readonly string[]).includes(name);
}

function refusal(where: string, key: string, expected: string, got: unknown): ModelError {
  return new ModelError({
    where,
    what: `${key} is not supported`,
    expected,
    got: got === undefined ? 'nothing' : JSON.stringify(got),
    next: 'train the adapter without it',
  });
}
