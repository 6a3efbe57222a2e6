/** The rows and pairs of one optimiser step as passes of the engine. */

import type { LossTerms } from '../defences/defence.js';
import type { HybridPass, WeightedPair, WeightSet } from '../engine/training-engine.js';
import type { PairLoss } from '../values/pair-loss.js';
import type { TokenRow } from '../values/rows.js';
import type { SupervisedPass } from './batch-stream.js';

/** A pair with its reference, not yet weighted against the others of its step. */
export type TrainingPair = Omit<WeightedPair, 'weight'>;

/** Weights of the losses, with the terms of defences. */
export interface LossConfig extends Omit<LossTerms, 'steering'> {
  readonly lambda: number;
  readonly beta: number;
  /** The frozen copy that `kl` and `features` hold to. Default `base`. */
  readonly reference?: WeightSet;
}

/**
 * Divides a step's pairs among its supervised passes, and weights everything.
 *
 * @param passes supervised rows of one step, as the stream gave them
 * @returns      as many passes; their losses add up to the means over all targets and all pairs
 */
export function hybridPasses(
  passes: readonly SupervisedPass[],
  pairs: readonly TrainingPair[],
  { lambda, beta, pairs: pairLoss = 'dpo', kl = 0, features = 0, reference: to = 'base' }: LossConfig,
): HybridPass[] {
  const targets = passes.reduce((sum, { rows }) => sum + rows.reduce((n, row) => n + targetsOf(row), 0), 0);
  return passes.map((pass, p) => {
    const own = pairs.filter((_, i) => i % passes.length === p);
    const anchored = kl > 0 || features > 0 || (pairLoss === 'kl' && own.length > 0);
    return {
      ...pass,
      sftWeight: 1 / targets,
      pairs: own.map((pair) => ({ ...pair, weight: 1 / pairs.length / unitsOf(pair, pairLoss) })),
      lambda,
      beta,
      pairLoss: own.length === 0 ? 'dpo' : pairLoss,
      ...(anchored
        ? {
            anchor: {
              to,
              ...(kl > 0 ? { kl: kl / targets } : {}),
              // the mean over passes
              ...(features > 0 ? { features: features / passes.length } : {}),
            },
          }
        : {}),
    };
  });
}

/** Tokens of a row that are predicted; its first one never is. */
function targetsOf({ lossMask }: TokenRow): number {
  let count = 0;
  for (let t = 1; t < lossMask.length; t++) if (lossMask[t] !== 0) count++;
  return count;
}

/** The units that a pair's loss is the mean over: pairs, or tokens of the responses that it reads. */
function unitsOf({ chosen, rejected }: TrainingPair, loss: PairLoss): number {
  const tokens = ({ lossMask }: TokenRow) =>
    Math.max(
      1,
      lossMask.reduce((sum, on) => sum + on, 0),
    );
  if (loss === 'dpo') return 1;
  return loss === 'sft' ? tokens(chosen) : tokens(chosen) + tokens(rejected);
}
