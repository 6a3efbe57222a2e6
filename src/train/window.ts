/** Metrics between two records: sums over steps, so that each record is a mean of all of them. */
import { addCounts, type ConscienceCounts, NO_COUNTS } from '../conscience/metrics.js';
import type { HybridPass, StepResult } from '../engine/training-engine.js';
import type { Metrics } from '../metrics/names.js';

/** Plain JSON, so that a checkpoint in the middle of a window loses nothing. */
export interface WindowState {
  readonly steps: number;
  readonly loss: number;
  readonly sft: number;
  readonly dpoSteps: number;
  readonly dpo: number;
  readonly anchor: number;
  /** Steps with an anchor. */
  readonly anchorSteps: number;
  readonly targets: number;
  readonly correct: number;
  readonly entropy: number;
  readonly pairs: number;
  readonly rewardsChosen: number;
  readonly rewardsRejected: number;
  readonly preferred: number;
  readonly logpsChosen: number;
  readonly logpsRejected: number;
  readonly ages: number;
  readonly ageSteps: number;
  readonly counts: ConscienceCounts;
}

export const EMPTY_WINDOW: WindowState = {
  steps: 0,
  loss: 0,
  sft: 0,
  dpoSteps: 0,
  dpo: 0,
  anchor: 0,
  anchorSteps: 0,
  targets: 0,
  correct: 0,
  entropy: 0,
  pairs: 0,
  rewardsChosen: 0,
  rewardsRejected: 0,
  preferred: 0,
  logpsChosen: 0,
  logpsRejected: 0,
  ages: 0,
  ageSteps: 0,
  counts: NO_COUNTS,
};

/** A pass, and what it measured. */
export interface MeasuredPass {
  readonly pass: HybridPass;
  readonly result: StepResult;
}

/** The window after one more step. @param passes each with its result, in order */
export function addStep(
  window: WindowState,
  passes: readonly MeasuredPass[],
  counts: ConscienceCounts,
  age: number | null,
): WindowState {
  const sums = { ...window } as { -readonly [K in keyof WindowState]: WindowState[K] };
  sums.steps += 1;
  sums.counts = addCounts(window.counts, counts);
  if (age !== null) {
    sums.ages += age;
    sums.ageSteps += 1;
  }
  let [paired, anchored] = [false, false];
  for (const { pass, result } of passes) {
    sums.loss += result.loss;
    sums.sft += result.sft;
    sums.dpo += result.dpo;
    sums.anchor += result.anchor;
    anchored ||= pass.anchor?.kl !== undefined || pass.anchor?.features !== undefined;
    const { correct, entropy } = result.targets;
    for (let i = 0; i < correct.length; i++) {
      sums.targets += 1;
      sums.correct += correct[i];
      sums.entropy += entropy[i];
    }
    for (const [p, { reference }] of pass.pairs.entries()) {
      paired = true;
      const chosen = pass.beta * (result.logps.chosen[p] - reference.chosen);
      const rejected = pass.beta * (result.logps.rejected[p] - reference.rejected);
      sums.pairs += 1;
      sums.rewardsChosen += chosen;
      sums.rewardsRejected += rejected;
      sums.preferred += chosen > rejected ? 1 : 0;
      sums.logpsChosen += result.logps.chosen[p];
      sums.logpsRejected += result.logps.rejected[p];
    }
  }
  if (paired) sums.dpoSteps += 1;
  if (anchored) sums.anchorSteps += 1;
  return sums;
}

/** The record of a window, without what the conscience counted. A mean over nothing is null. */
export function windowMetrics(w: WindowState): Metrics {
  const mean = (sum: number, count: number) => (count === 0 ? null : sum / count);
  return {
    loss: mean(w.loss, w.steps),
    'loss/sft': mean(w.sft, w.steps),
    'loss/dpo': mean(w.dpo, w.dpoSteps),
    'loss/anchor': mean(w.anchor, w.anchorSteps),
    mean_token_accuracy: mean(w.correct, w.targets),
    entropy: mean(w.entropy, w.targets),
    'rewards/chosen': mean(w.rewardsChosen, w.pairs),
    'rewards/rejected': mean(w.rewardsRejected, w.pairs),
    'rewards/margins': mean(w.rewardsChosen - w.rewardsRejected, w.pairs),
    'rewards/accuracies': mean(w.preferred, w.pairs),
    'logps/chosen': mean(w.logpsChosen, w.pairs),
    'logps/rejected': mean(w.logpsRejected, w.pairs),
    'conscience/pair_age': mean(w.ages, w.ageSteps),
  };
}
