/**
 * One step of emergent alignment (arXiv:2606.19527), in the order of the method:
 * prompt → response → verdict → pair → loss → gradient → adapter.
 */
import { NO_COUNTS } from '../conscience/metrics.js';
import type { TrainingEngine } from '../engine/training-engine.js';
import type { SupervisedPass } from './batch-stream.js';
import type { PairDraw, PairDrawer } from './pairs.js';
import { hybridPasses, type LossConfig } from './passes.js';
import type { MeasuredPass } from './window.js';

/** What a step works with. */
export interface Alignment {
  readonly engine: TrainingEngine;
  /** Absent: supervised training only. */
  readonly pairs?: PairDrawer;
  readonly loss: LossConfig;
  /** Largest L2 norm of the gradient; 0 does not clip. */
  readonly maxGradNorm: number;
}

/** What a step did. */
export interface AlignedStep {
  readonly drawn: PairDraw;
  /** Their losses add up to L_SFT + λ·L_DPO. */
  readonly passes: readonly MeasuredPass[];
  readonly loss: number;
  /** L2 norm of the whole gradient before clipping. */
  readonly gradNorm: number;
  /** False where loss or gradNorm is not finite: the parameters are as they were. */
  readonly applied: boolean;
}

/**
 * Makes one optimiser step and changes the trained parameters.
 *
 * @param step         optimiser steps already made; decides whether the conscience reviews now
 * @param supervised   passes of this step, accumulated into one gradient
 * @param learningRate of this step
 */
export async function align(
  { engine, pairs, loss, maxGradNorm }: Alignment,
  step: number,
  supervised: readonly SupervisedPass[],
  learningRate: number,
): Promise<AlignedStep> {
  // prompt → response → verdict → pair: runConscience, through the replay buffer
  const drawn = pairs ? await pairs.draw(step) : { pairs: [], age: null, counts: NO_COUNTS };
  // with λ = 0 the pairs are made and recorded, but not trained on
  const trained = loss.lambda > 0 ? drawn.pairs : [];
  const lambda = loss.lambda * (drawn.weight ?? 1);

  // pair → loss → gradient
  const passes: MeasuredPass[] = [];
  for (const pass of hybridPasses(supervised, trained, { ...loss, lambda })) {
    passes.push({ pass, result: await engine.accumulate(pass) });
  }
  const total = passes.reduce((sum, { result }) => sum + result.loss, 0);

  // gradient → adapter
  const { gradNorm, applied } = await engine.update({ learningRate, maxGradNorm });
  return { drawn, passes, loss: total, gradNorm, applied };
}
