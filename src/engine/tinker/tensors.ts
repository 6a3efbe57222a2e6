/**
 * Trained tensors between memory and a server: safetensors with the names of PEFT's adapters or of Hugging Face's
 * models, in which linear matrices lie the other way round.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeFileAtomic } from '../../files/files.js';
import { isLinear } from '../../model/layout.js';
import type { Weights } from '../../model/model.js';
import { SafetensorsFile } from '../../model/safetensors.js';
import { safetensorsPieces } from '../../model/safetensors-write.js';
import type { RemoteModel } from './remote-model.js';

const ADAPTED = /^base_model\.model\.(.*\.lora_[AB])\.weight$/;

/** A copy of a model's trained tensors: an adapter's, or all. */
export async function fetchWeights(model: RemoteModel): Promise<Weights> {
  return inScratch(async (path) => {
    await model.fetchTensors('weights', path);
    return readWeights(path);
  });
}

/** Puts tensors in the place of a model's. */
export async function putWeights(model: RemoteModel, weights: Weights, lora: boolean): Promise<void> {
  await inScratch(async (path) => {
    writeFileAtomic(path, weightsFile(weights, lora));
    await model.putTensors('weights', path);
  });
}

/** Makes the trained tensors of one model those of another. */
export async function copyWeights(from: RemoteModel, to: RemoteModel): Promise<void> {
  await inScratch(async (path) => {
    await from.fetchTensors('weights', path);
    await to.putTensors('weights', path);
  });
}

/** Tensors in memory from a file that a server has sent. */
async function readWeights(path: string): Promise<Weights> {
  const file = await SafetensorsFile.open(path);
  try {
    const turned = ({ name, shape }: { name: string; shape: readonly number[] }) =>
      shape.length === 2 && (ADAPTED.test(name) || isLinear(name));
    const tensors = await file.read((entry) => (turned(entry) ? 'transposed' : 'as-is'));
    return new Map([...tensors].map(([name, tensor]) => [ADAPTED.exec(name)?.[1] ?? name, tensor]));
  } finally {
    await file.close();
  }
}

/** The bytes that a server takes. */
function weightsFile(weights: Weights, lora: boolean): Iterable<Uint8Array> {
  if (!lora) {
    const matrices = (name: string) => isLinear(name) && weights.get(name)!.shape.length === 2;
    return safetensorsPieces(weights, { transposed: matrices });
  }
  const named = new Map([...weights].map(([name, tensor]) => [`base_model.model.${name}.weight`, tensor]));
  return safetensorsPieces(named, { transposed: () => true });
}

/** Runs with the path of a file that may be made and is gone afterwards. */
export async function inScratch<T>(work: (path: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'ealign-tensors-'));
  try {
    return await work(join(folder, 'tensors.safetensors'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
