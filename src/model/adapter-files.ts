/**
 * LoRA adapters in PEFT's file format: adapter_config.json and adapter_model.safetensors.
 *
 * Files hold lora_A as [rank, in] and lora_B as [out, rank]; memory holds both transposed,
 * so that y = x·W + scale·x·A·B. What the configuration means is in adapter-config.ts. A
 * tokenizer and a chat template that lie in the folder belong to the adapter.
 */
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ModelError } from '../errors.js';
import { verifyChecksums, withChecksums } from '../files/checksums.js';
import { writeFolderAtomic } from '../files/files.js';
import { readJson } from '../files/json-file.js';
import { type AdapterConfig, adapterJson, isProjection, readAdapterConfig } from './adapter-config.js';
import type { ModelConfig } from './config.js';
import type { Dtype } from './floats.js';
import { loraShapes } from './lora.js';
import { projectionName } from './lora-modules.js';
import type { Tensor, Weights } from './model.js';
import { SafetensorsFile } from './safetensors.js';
import { safetensorsPieces } from './safetensors-write.js';
import { unfinished } from './unfinished-run.js';

export interface Adapter {
  readonly config: AdapterConfig;
  /** `model.layers.0.self_attn.q_proj.lora_A` [in, rank], `….lora_B` [rank, out], in the order of the layers. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Tokenizer and chat template from the adapter's folder, as text by file name; absent where there are none. */
  readonly tokenizerFiles?: ReadonlyMap<string, string>;
  /** What a person should know of it, a sentence each. */
  readonly warnings?: readonly string[];
}

const configFile = 'adapter_config.json';
const weightsFile = 'adapter_model.safetensors';
/** Checksums of an adapter's files, as they were saved. */
export const adapterSumsFile = 'adapter.sha256';
const prefix = 'base_model.model.';
/** Files that transformers' `AutoTokenizer` would take from the folder. */
export const tokenizerNames = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
];
/** Keys of the metadata of an adapter's file. */
const baseHashKey = 'base_model_sha256';

/**
 * Reads an adapter folder, written here or by peft.
 *
 * @param model the configuration of the model it goes onto; every tensor must fit it
 * @throws ModelError or DamageError when files are missing or damaged, or the adapter does not fit or cannot be
 *   represented
 */
export async function readAdapter(folder: string, model: ModelConfig): Promise<Adapter> {
  await verifyChecksums(folder, adapterSumsFile);
  const where = join(folder, configFile);
  const json = readJson(where);
  if (json === undefined) {
    const found = statSync(folder, { throwIfNoEntry: false });
    const run = unfinished(folder, "an adapter in PEFT's format");
    if (run) throw new ModelError({ where: folder, ...run });
    throw new ModelError({
      where: folder,
      what: !found
        ? 'no such adapter folder'
        : found.isDirectory()
          ? `no ${configFile}`
          : 'a file, not an adapter folder',
      expected: "an adapter in PEFT's format",
      next: 'check the path of the adapter',
    });
  }
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
      file.entries.map(({ name, shape }) => [nameInMemory(name, weights, model), shape.toReversed()]),
    );
    const found = [...shapes.keys()].map((name) => name.split('.').at(-2)!);
    const { config: read, warnings } = readAdapterConfig(json, where, model, found);
    const baseHash = file.metadata[baseHashKey];
    const config = { ...read, ...(baseHash === undefined ? {} : { baseHash }) };
    const expected = loraShapes(model, config);
    checkAdapter(shapes, expected, weights, model);
    const byName = new Map(
      [...(await file.read(() => 'transposed'))].map(([name, tensor]) => [
        nameInMemory(name, weights, model),
        tensor,
      ]),
    );
    const tokenizerFiles = tokenizerFilesIn(folder);
    return {
      config,
      tensors: new Map([...expected.keys()].map((name) => [name, byName.get(name)!])),
      ...(tokenizerFiles.size > 0 ? { tokenizerFiles } : {}),
      ...(warnings.length > 0 ? { warnings } : {}),
    };
  } finally {
    await file.close();
  }
}

/**
 * Writes an adapter folder that peft's `PeftModel.from_pretrained` loads. All or nothing, as
 * `writeFolderAtomic`.
 *
 * @param adapter as it is read; with the tokenizer's files, where it has any
 * @param options.checksums also write the SHA-256 of every file, by which `readAdapter` checks it. Default false.
 * @param options.dtype element type in the file. Default F32.
 * @throws SaveError when the disk refuses; ModelError when a factor is not finite in that type
 */
export function writeAdapter(
  folder: string,
  { config, tensors, tokenizerFiles = new Map() }: Omit<Adapter, 'tensors'> & { readonly tensors: Weights },
  { checksums = false, dtype = 'F32' }: { checksums?: boolean; dtype?: Dtype } = {},
): void {
  const named = new Map([...tensors].map(([name, tensor]) => [`${prefix}${name}.weight`, tensor]));
  const metadata: Record<string, string> = config.baseHash ? { [baseHashKey]: config.baseHash } : {};
  if (!checksums) rmSync(join(folder, adapterSumsFile), { force: true });
  writeFolderAtomic(
    folder,
    withChecksums(checksums ? adapterSumsFile : undefined, [
      [weightsFile, safetensorsPieces(named, { dtype, metadata, transposed: () => true })],
      ...tokenizerFiles,
      [configFile, `${JSON.stringify(adapterJson(config), null, 2)}\n`],
    ]),
  );
}

function tokenizerFilesIn(folder: string): Map<string, string> {
  const names = tokenizerNames.filter((name) => existsSync(join(folder, name)));
  return new Map(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

/** `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight` → `model.layers.0.self_attn.q_proj.lora_A`. */
function nameInMemory(name: string, where: string, { architecture: { projections } }: ModelConfig): string {
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
  { layers, architecture: { projections } }: ModelConfig,
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
  const places = Array.from({ length: layers }, (_, i) => projections.map((name) => projectionName(i, name)));
  const inModel = new Set(places.flat());
  for (const name of shapes.keys()) {
    if (expected.has(name)) continue;
    const who = inModel.has(name.replace(/\.lora_[AB]$/, ''))
      ? `the modules of ${configFile} have`
      : 'the model has';
    throw new ModelError({ where, what: `${who} no place for tensor '${prefix}${name}.weight'`, next });
  }
}
