/**
 * The result of a finished run in its output folder: an adapter, or after full training a model.
 *
 * Its presence tells a finished run from one that stopped: resuming a finished run would train again
 * what is trained.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { FORMAT_FILE } from '../conscience/plain-format.js';
import { PROBES_FILE } from '../conscience/probes.js';
import type { TrainingEngine } from '../engine/training-engine.js';
import { type Adapter, adapterSumsFile, readAdapter, tokenizerNames } from '../model/adapter-files.js';
import { knownConfig } from '../model/config.js';
import type { NamedModel, Weights } from '../model/model.js';
import { loadModel, sumsFile } from '../model/weights.js';

const ADAPTER_FILES = ['adapter_config.json', 'adapter_model.safetensors'] as const;
const MODEL_FILE = 'model.safetensors';

/**
 * Writes the trained adapter, or the model with its review format and probes.
 *
 * @param baseModel name of the model that was trained
 * @param modelPath its folder
 * @param start     adapter that training began with: its tokenizer goes with the new one
 * @throws SaveError when the disk refuses; ModelError when a weight is not finite
 */
export async function saveResult(
  output: string,
  engine: TrainingEngine,
  baseModel: string,
  modelPath: string,
  start?: Adapter,
): Promise<void> {
  const names = [FORMAT_FILE, PROBES_FILE].filter((name) => existsSync(join(modelPath, name)));
  const files = engine.lora
    ? start?.tokenizerFiles
    : new Map(names.map((name) => [name, readFileSync(join(modelPath, name), 'utf8')]));
  await engine.exportTrained(output, { baseModel, files });
}

/** Whether a run has finished in this folder. @param modelPath the model that was trained; in its own folder nothing can be told */
export function hasResult(output: string, modelPath: string): boolean {
  if (ADAPTER_FILES.every((name) => existsSync(join(output, name)))) return true;
  return resolve(output) !== resolve(modelPath) && existsSync(join(output, MODEL_FILE));
}

/** Reads the trained tensors of a finished run. @throws ModelError when they cannot be read */
export async function readResult(output: string, model: NamedModel, lora: boolean): Promise<Weights> {
  return lora
    ? (await readAdapter(output, knownConfig(model.config, model.path))).tensors
    : (await loadModel(output)).weights;
}

/**
 * Deletes the result of a finished run, but never the model that is being trained. A tokenizer that stayed
 * would count as the next adapter's.
 */
export function removeResult(output: string, modelPath: string): void {
  const model = resolve(output) === resolve(modelPath) ? [] : [MODEL_FILE, sumsFile, ...tokenizerNames];
  for (const name of [...ADAPTER_FILES, adapterSumsFile, ...model])
    rmSync(join(output, name), { force: true });
}
