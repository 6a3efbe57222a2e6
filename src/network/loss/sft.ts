/** Supervised fine-tuning: the negative log-likelihood of the targets. */
import type { Value } from '../../graph/graph.js';
import { mul, neg, reduceSum } from '../../graph/ops.js';

/**
 * −Σ w·log p. With w = 1/(number of targets) this is the mean per token, as in TRL's SFTTrainer.
 *
 * @param logps   nats, [K, C]
 * @param weights [K, C]; 0 for what is not a target of this loss
 * @returns       nats, a scalar
 */
export function sftLoss(logps: Value, weights: Value): Value {
  return neg(reduceSum(mul(logps, weights), [0, 1]));
}
