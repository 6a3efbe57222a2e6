/**
 * One step of emergent alignment (arXiv:2606.19527), in the order of the method:
 * prompt → response → verdict → pair → loss → gradient → adapter.
 */
import { type ConscienceCounts, NO_COUNTS } from '../conscience/metrics.js';
import type { ConscienceResult } from '../conscience/step.js';
import type { HybridPass, TrainingEngine } from '../engine/training-engine.js';
import { CostMeter } from '../metrics/costs.js';
import type { SupervisedPass } from './batch-stream.js';
import type { PairDraw, PairDrawer, Reviewer } from './pairs.js';
import { hybridPasses, type LossConfig } from './passes.js';
import type { MeasuredPass } from './window.js';

/** The parts that a step works with. */
export interface Alignment {
  readonly engine: TrainingEngine;
  /** Absent: nothing is reviewed. */
  readonly conscience?: Reviewer;
  /** Absent: supervised training only. */
  readonly pairs?: PairDrawer;
  readonly loss: LossConfig;
  /** Largest L2 norm of the gradient; 0 does not clip. */
  readonly maxGradNorm: number;
  /** Told what each pass takes. */
  readonly meter?: CostMeter;
}

/** The outcome of a step. */
export interface AlignedStep {
  /** Counts of this step's review. */
  readonly counts: ConscienceCounts;
  /** The pairs that the step was given. */
  readonly drawn: PairDraw;
  /** Their losses add up to L_SFT + λ·L_DPO. */
  readonly passes: readonly MeasuredPass[];
  /** Sum over the passes. */
  readonly loss: number;
  /** L2 norm of the whole gradient before clipping; null where the engine is not told. */
  readonly gradNorm: number | null;
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
  { engine, conscience, pairs, loss, maxGradNorm, meter = new CostMeter() }: Alignment,
  step: number,
  supervised: readonly SupervisedPass[],
  learningRate: number,
): Promise<AlignedStep> {
  const made = conscience && (await reviewed(conscience, step));
  if (made) conscience.keep(made);
  const { counts } = made ?? { counts: NO_COUNTS };
  // what is trained on is drawn from the pairs of this review and of earlier ones
  const drawn: PairDraw = (await pairs?.draw(step)) ?? { pairs: [], age: null };
  // with λ = 0 the pairs are made and recorded, but not trained on
  const trained = loss.lambda > 0 ? drawn.pairs : [];
  const lambda = loss.lambda * (drawn.weight ?? 1);

  const passes: MeasuredPass[] = [];
  // pair → loss
  for (const pass of hybridPasses(supervised, trained, { ...loss, lambda })) {
    const result = await meter.shared(tokensOf(pass), () => engine.accumulate(pass)); // loss → gradient
    passes.push({ pass, result });
  }
  const total = passes.reduce((sum, { result }) => sum + result.loss, 0);
  const updated = await meter.during('sft', () => engine.update({ learningRate, maxGradNorm })); // gradient → adapter
  const { gradNorm, applied } = updated;
  return { counts, drawn, passes, loss: total, gradNorm, applied };
}

/** The review that is due, here and now, or the one that has run beside the last steps. */
async function reviewed(conscience: Reviewer, step: number): Promise<ConscienceResult | undefined> {
  if (conscience.takeTurns) return conscience.takeTurns(step);
  const review = conscience.review(step);
  if (!review) return undefined;
  const responses = await review.respond(); // prompt → response
  const verdicts = await review.judge(responses); // response → verdict
  return review.pairUp(responses, verdicts); // verdict → pair
}

/** Tokens that a pass reads for each of its losses, without padding. */
export function tokensOf({ rows, pairs }: HybridPass): { sft: number; pairs: number } {
  const sum = (of: HybridPass['rows']) => of.reduce((total, { ids }) => total + ids.length, 0);
  return { sft: sum(rows), pairs: sum(pairs.flatMap(({ chosen, rejected }) => [chosen, rejected])) };
}
