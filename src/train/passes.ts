/** One optimiser step's rows as passes of the engine: supervised rows and pairs in one batch. */

import { type Batch, packRows } from '../data/batches.js';
import type { HybridBatch, WeightSet } from '../engine/engine.js';
import type { PairLoss } from '../values/pair-loss.js';
import type { TokenRow } from '../values/rows.js';
import type { TrainingPair } from './pairs.js';

/** Weights of the losses. */
export interface LossConfig {
  readonly lambda: number;
  readonly beta: number;
  /** What is learned from pairs. Default `dpo`. */
  readonly pairs?: PairLoss;
  /** Factor on KL(π‖π_ref) at the supervised targets, mean per token. Default 0. */
  readonly kl?: number;
  /** Factor on the squared distance of the residual streams. Default 0. */
  readonly features?: number;
  /** The frozen copy that `kl` and `features` hold to. Default `base`. */
  readonly reference?: WeightSet;
}

/**
 * @param passes supervised batches of one step, as the stream gave them
 * @param rows   the rows that `batch.source` counts
 * @returns      as many passes; their losses add up to the means over all targets and all pairs
 */
export function hybridPasses(
  passes: readonly Batch[],
  rows: readonly TokenRow[],
  pairs: readonly TrainingPair[],
  { lambda, beta, pairs: pairLoss = 'dpo', kl = 0, features = 0, reference: to = 'base' }: LossConfig,
): HybridBatch[] {
  const targets = passes.reduce((sum, { target }) => sum + target.length, 0);
  return passes.map((pass, p) => {
    const own = pairs.filter((_, i) => i % passes.length === p);
    const batch = own.length === 0 ? pass : withPairs(pass, rows, own);
    const supervised = pass.source.length;
    const anchored = kl > 0 || features > 0 || (pairLoss === 'kl' && own.length > 0);
    const perTarget = (weight: number) =>
      Float32Array.from(batch.row, (row) => (row < supervised ? weight : 0));
    return {
      batch,
      sftWeights: perTarget(1 / targets),
      pairs: own.map((pair, i) => ({
        chosen: supervised + 2 * i,
        rejected: supervised + 2 * i + 1,
        reference: pair.reference,
        weight: 1 / pairs.length / unitsOf(pair, pairLoss),
      })),
      lambda,
      beta,
      pairLoss: own.length === 0 ? 'dpo' : pairLoss,
      ...(anchored
        ? {
            anchor: {
              to,
              ...(kl > 0 ? { klWeights: perTarget(kl / targets) } : {}),
              // the mean over passes
              ...(features > 0 ? { features: features / passes.length } : {}),
            },
          }
        : {}),
    };
  });
}

/** What the loss of a pair is the mean over: pairs, or tokens of the responses that it looks at. */
function unitsOf({ chosen, rejected }: TrainingPair, loss: PairLoss): number {
  const tokens = ({ lossMask }: TokenRow) =>
    Math.max(
      1,
      lossMask.reduce((sum, on) => sum + on, 0),
    );
  if (loss === 'dpo') return 1;
  return loss === 'sft' ? tokens(chosen) : tokens(chosen) + tokens(rejected);
}

/**
 * The batch with the responses of pairs behind its rows. All are packed anew: a long response would
 * otherwise lengthen the line of every short row.
 */
function withPairs(pass: Batch, rows: readonly TokenRow[], pairs: readonly TrainingPair[]): Batch {
  const responses = pairs.flatMap(({ chosen, rejected }) => [chosen, rejected]);
  const T = Math.max(pass.T, ...responses.map(({ ids }) => ids.length));
  return packRows([...Array.from(pass.source, (i) => rows[i]), ...responses], { T });
}
