/**
 * What a finished run leaves in its output folder: an adapter, or after full training a model.
 *
 * Its presence is what tells a finished run from one that stopped: resuming the first would train
 * again what is trained.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { FORMAT_FILE } from '../conscience/plain-format.js';
import { PROBES_FILE } from '../conscience/probes.js';
import type { Engine } from '../engine/engine.js';
import {
  type Adapter,
  adapterSumsFile,
  readAdapter,
  tokenizerNames,
  writeAdapter,
} from '../model/adapter-files.js';
import type { Model, Weights } from '../model/model.js';
import { loadModel, saveModel, sumsFile } from '../model/weights.js';
import type { TrainConfig } from './config/schema.js';

const ADAPTER_FILES = ['adapter_config.json', 'adapter_model.safetensors'] as const;
const MODEL_FILE = 'model.safetensors';

/**
 * Writes the trained adapter, or the model with its review format and probes.
 *
 * @param start adapter that training began with: its tokenizer goes with the new one
 * @throws SaveError
 */
export function saveResult(
  output: string,
  config: TrainConfig,
  engine: Engine,
  model: Model,
  modelPath: string,
  start?: Adapter,
): void {
  const { lora, trainable: tensors } = engine;
  if (lora) {
    const base = { baseModel: config.model, ...(model.hash ? { baseHash: model.hash } : {}) };
    writeAdapter(output, { ...start, tensors, config: { ...lora, ...base } }, { checksums: true });
    return;
  }
  const names = [FORMAT_FILE, PROBES_FILE].filter((name) => existsSync(join(modelPath, name)));
  saveModel(output, {
    ...{ config: model.config, weights: tensors, tokenizerFilesFrom: model.tokenizer },
    checksums: true,
    files: names.map((name) => [name, readFileSync(join(modelPath, name))] as const),
  });
}

/** Whether a run has finished in this folder. @param modelPath what was trained; in its own folder nothing can be told */
export function hasResult(output: string, modelPath: string): boolean {
  if (ADAPTER_FILES.every((name) => existsSync(join(output, name)))) return true;
  return resolve(output) !== resolve(modelPath) && existsSync(join(output, MODEL_FILE));
}

/** The trained tensors of a finished run. @throws ModelError when they cannot be read */
export async function readResult(output: string, model: Model, lora: boolean): Promise<Weights> {
  return lora ? (await readAdapter(output, model.config)).tensors : (await loadModel(output)).weights;
}

/**
 * Deletes what a finished run left, but never the model that is being trained. A tokenizer that stayed
 * would count as the next adapter's.
 */
export function removeResult(output: string, modelPath: string): void {
  const model = resolve(output) === resolve(modelPath) ? [] : [MODEL_FILE, sumsFile, ...tokenizerNames];
  for (const name of [...ADAPTER_FILES, adapterSumsFile, ...model])
    rmSync(join(output, name), { force: true });
}
