/**
 * One step of emergent alignment (arXiv:2606.19527), in the order of the method:
 * prompt → response → verdict → pair → loss → gradient → adapter.
 */
import { NO_COUNTS } from '../conscience/metrics.js';
import type { Batch } from '../data/batches.js';
import { type Engine, type HybridBatch, type StepResult, zeroGradients } from '../engine/engine.js';
import type { TokenRow } from '../values/rows.js';
import { type AdamW, clipFactor, gradientNorm } from './optimizer.js';
import type { PairDraw, PairDrawer } from './pairs.js';
import { hybridPasses, type LossConfig } from './passes.js';

/** What a step works with. */
export interface Alignment {
  readonly engine: Engine;
  /** Training rows; batches name them by index. */
  readonly rows: readonly TokenRow[];
  /** Absent: supervised training only. */
  readonly pairs?: PairDrawer;
  readonly loss: LossConfig;
  readonly optimizer: AdamW;
  /** 0 switches clipping off. */
  readonly maxGradNorm: number;
}

/** What a step did. */
export interface AlignedStep {
  readonly drawn: PairDraw;
  /** One per pass; the losses add up to L_SFT + λ·L_DPO. */
  readonly passes: readonly { readonly batch: HybridBatch; readonly result: StepResult }[];
  readonly loss: number;
  /** L2 norm of the whole gradient before clipping. */
  readonly gradNorm: number;
}

/**
 * Makes one optimiser step and changes the trained parameters.
 *
 * @param step         optimiser steps already made; decides whether the conscience reviews now
 * @param batches      supervised batches of this step, accumulated into one gradient
 * @param learningRate of this step
 * @returns            where loss or gradNorm is not finite the parameters are left as they were
 */
export async function align(
  { engine, rows, pairs, loss, optimizer, maxGradNorm }: Alignment,
  step: number,
  batches: readonly Batch[],
  learningRate: number,
): Promise<AlignedStep> {
  // prompt → response → verdict → pair: runConscience, through the replay buffer
  const drawn = pairs ? await pairs.draw(step) : { pairs: [], age: null, counts: NO_COUNTS };
  // with λ = 0 the pairs are made and recorded, but not trained on
  const trained = loss.lambda > 0 ? drawn.pairs : [];
  const lambda = loss.lambda * (drawn.weight ?? 1);

  // pair → loss → gradient: one graph run a batch
  const gradients = zeroGradients(engine.trainable);
  const passes = [];
  for (const batch of hybridPasses(batches, rows, trained, { ...loss, lambda })) {
    passes.push({ batch, result: await engine.step(batch, gradients) });
  }
  const total = passes.reduce((sum, { result }) => sum + result.loss, 0);
  const gradNorm = gradientNorm(gradients);

  // gradient → adapter
  if (Number.isFinite(total) && Number.isFinite(gradNorm)) {
    optimizer.update(gradients, learningRate, clipFactor(gradNorm, maxGradNorm));
  }
  return { drawn, passes, loss: total, gradNorm };
}
