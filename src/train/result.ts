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
import { SERVER_RESULT, type TrainingEngine } from '../engine/training-engine.js';
import { makeFolder, writeFileAtomic } from '../files/files.js';
import { hubId } from '../hub/names.js';
import { METRICS_FILE, readMetrics } from '../metrics/writer.js';
import { adapterSumsFile, readAdapter, tokenizerNames } from '../model/adapter-files.js';
import { knownConfig } from '../model/config.js';
import type { NamedModel, Weights } from '../model/model.js';
import { loadModel, sumsFile } from '../model/weights.js';
import { CARD_FILE, type CardRun, modelCard } from './model-card.js';

const ADAPTER_FILES = ['adapter_config.json', 'adapter_model.safetensors'] as const;
const MODEL_FILE = 'model.safetensors';
const adapterNames = [...ADAPTER_FILES, adapterSumsFile];
/** Files of results, of which a new run deletes those that are there. */
export const resultNames = [
  ...adapterNames,
  SERVER_RESULT,
  MODEL_FILE,
  sumsFile,
  CARD_FILE,
  ...tokenizerNames,
];

/**
 * Writes the trained adapter with its tokenizer, or the model with its review format and probes; and a model card.
 *
 * @param output the run's folder, or a checkpoint's
 * @param run    what was trained
 * @param at     the step, and the folder of the run's metrics
 * @throws SaveError when the disk refuses; ModelError when a weight is not finite
 */
export async function saveResult(
  output: string,
  engine: TrainingEngine,
  run: CardRun,
  at: { readonly step: number; readonly metrics: string },
): Promise<void> {
  const { model, modelPath, config } = run;
  const names = [FORMAT_FILE, PROBES_FILE].filter((name) => existsSync(join(modelPath, name)));
  const files = engine.lora
    ? model.tokenizer.files?.()
    : new Map(names.map((name) => [name, readFileSync(join(modelPath, name), 'utf8')]));
  if (resolve(output) !== resolve(modelPath)) {
    makeFolder(output);
    writeFileAtomic(join(output, CARD_FILE), modelCard(run, recordsIn(at.metrics), at.step));
  }
  await engine.exportTrained(output, { baseModel: hubId(config.model, modelPath) ?? config.model, files });
}

/** The metrics so far; none before the first record. */
const recordsIn = (folder: string) => (existsSync(join(folder, METRICS_FILE)) ? readMetrics(folder) : []);

/** Whether a run has finished in this folder. @param modelPath the model that was trained; in its own folder nothing can be told */
export function hasResult(output: string, modelPath: string): boolean {
  if (ADAPTER_FILES.every((name) => existsSync(join(output, name)))) return true;
  return resolve(output) !== resolve(modelPath) && existsSync(join(output, MODEL_FILE));
}

/** Whether a run has finished, also where a server keeps what it trained. @param modelPath as for `hasResult` */
export function hasFinished(output: string, modelPath: string): boolean {
  return hasResult(output, modelPath) || existsSync(join(output, SERVER_RESULT));
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
  const names = resolve(output) === resolve(modelPath) ? adapterNames : resultNames;
  for (const name of names) rmSync(join(output, name), { force: true });
}
