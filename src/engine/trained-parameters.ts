/**
 * Trained parameters in arrays of this process, with all that a step of theirs needs: the gradient so
 * far and AdamW's moments. Engines that compute elsewhere hold these elsewhere.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ShapeError, TrainingError } from '../errors.js';
import { writeFileAtomic } from '../files/files.js';
import type { Tensor, Weights } from '../model/model.js';
import { SafetensorsFile } from '../model/safetensors.js';
import { safetensorsPieces } from '../model/safetensors-write.js';
import { AdamW, type AdamWConfig, clipFactor, defaultAdamW, type Gradients, gradientNorm } from './adamw.js';
import type { UpdateOptions, UpdateResult } from './training-engine.js';

const TRAINED = 'trainable.safetensors';
const MOMENTS = 'optimizer.safetensors';
const FROZEN = 'frozen.safetensors';

export class TrainedParameters {
  private sums?: Map<string, Float32Array>;
  /** Summed loss of the passes that the gradient came from. */
  private loss = 0;
  private optimizer?: AdamW;

  /** @param tensors whose arrays are written into */
  constructor(
    readonly tensors: Weights,
    private readonly config: AdamWConfig = defaultAdamW,
  ) {}

  /** The gradient so far, zeros before the first pass. */
  get gradients(): Gradients {
    this.sums ??= new Map([...this.tensors].map(([name, { data }]) => [name, new Float32Array(data.length)]));
    return this.sums;
  }

  /** Adds a pass's gradient. @param gradientOf by parameter name, of the parameter's size */
  accumulate(loss: number, gradientOf: (name: string) => Float32Array): void {
    this.loss += loss;
    for (const [name, sum] of this.gradients) {
      const gradient = gradientOf(name);
      for (let i = 0; i < sum.length; i++) sum[i] += gradient[i];
    }
  }

  /** See `TrainingEngine`. */
  update({ learningRate, maxGradNorm }: UpdateOptions): UpdateResult {
    const { gradients, loss } = this;
    const gradNorm = gradientNorm(gradients);
    const applied = Number.isFinite(loss) && Number.isFinite(gradNorm);
    if (applied) this.moments.update(gradients, learningRate, clipFactor(gradNorm, maxGradNorm));
    this.forget();
    return { gradNorm, applied };
  }

  /** Takes other values: training continues from them, with new moments and no gradient. @throws ShapeError */
  replace(weights: Weights): void {
    requireFit(this.tensors, weights);
    for (const [name, { data }] of this.tensors) data.set(weights.get(name)!.data);
    this.optimizer = undefined;
    this.forget();
  }

  /** See `TrainingEngine`. @param frozen the frozen copy, where it has been renewed */
  save(folder: string, frozen?: Weights): void {
    const write = (name: string, tensors: Weights) =>
      writeFileAtomic(join(folder, name), safetensorsPieces(tensors));
    write(TRAINED, this.tensors);
    write(MOMENTS, this.moments.tensors());
    if (frozen) write(FROZEN, frozen);
  }

  /** See `TrainingEngine`. @returns the frozen copy, where it had been renewed */
  async load(folder: string, updates: number): Promise<Weights | undefined> {
    this.forget();
    restore(this.tensors, await readTensors(join(folder, TRAINED)), folder);
    restore(this.moments.tensors(), await readTensors(join(folder, MOMENTS)), folder);
    this.moments.steps = updates;
    const frozen = join(folder, FROZEN);
    return existsSync(frozen) ? readTensors(frozen) : undefined;
  }

  private get moments(): AdamW {
    this.optimizer ??= new AdamW(this.tensors, this.config);
    return this.optimizer;
  }

  private forget(): void {
    this.sums = undefined;
    this.loss = 0;
  }
}

/** Reads all that `save` wrote, and keeps none of it. @throws ModelError when a file is missing or damaged */
export async function requireSaved(folder: string): Promise<void> {
  const names = [TRAINED, MOMENTS, ...(existsSync(join(folder, FROZEN)) ? [FROZEN] : [])];
  for (const name of names) await readTensors(join(folder, name));
}

/** A copy of tensors that later training does not touch. */
export function copyTensors(tensors: Weights): Map<string, Tensor> {
  return new Map([...tensors].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));
}

/** @throws ShapeError naming the first tensor whose size is another, or that is missing */
export function requireFit(tensors: Weights, given: Weights): void {
  const misfit = findMisfit(tensors, given);
  if (misfit) throw new ShapeError({ ...misfit, next: 'give weights of the model that is trained' });
}

/** Copies saved values into tensors of the same names and sizes. */
function restore(into: Weights, saved: Weights, folder: string): void {
  const misfit = findMisfit(into, saved);
  if (misfit) {
    const what = `the checkpoint does not fit: ${misfit.what}`;
    const next = 'resume with the configuration of the run';
    throw new TrainingError({ where: folder, ...misfit, what, next });
  }
  for (const [name, { data }] of into) data.set(saved.get(name)!.data);
}

function findMisfit(tensors: Weights, given: Weights): { what: string; expected: string } | undefined {
  for (const [name, { data }] of tensors) {
    const { length } = given.get(name)?.data ?? {};
    if (length === data.length) continue;
    return { what: `${name} has ${length ?? 'no'} elements`, expected: String(data.length) };
  }
  return undefined;
}

async function readTensors(path: string): Promise<Map<string, Tensor>> {
  const file = await SafetensorsFile.open(path);
  try {
    return await file.read(() => 'as-is');
  } finally {
    await file.close();
  }
}
