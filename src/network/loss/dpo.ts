/**
 * Direct preference optimisation.
 * Rafailov et al. 2023, arXiv:2305.18290.
 */
import type { Value } from '../../graph/graph.js';
import { requireSameShape } from '../../graph/graph.js';
import { mul, neg, softplus, sub } from '../../graph/ops.js';

/** Summed log-probabilities of a chosen and a rejected response, nats, each [P]. */
export interface PairLogps {
  readonly chosen: Value;
  readonly rejected: Value;
}

/**
 * DPO loss per pair: −log σ(β·h), h = log(π/π_ref)(chosen) − log(π/π_ref)(rejected). Eq. 7.
 *
 * Emitted as Softplus(−βh): Log(Sigmoid(x)) underflows.
 *
 * @param policy    receives the gradient
 * @param reference from the frozen model; constants
 * @param beta      scalar > 0; larger keeps the policy nearer the reference
 * @returns         dimensionless, [P]; the caller reduces
 * @throws ShapeError when the four [P] differ
 */
export function dpoLoss(policy: PairLogps, reference: PairLogps, beta: Value): Value {
  for (const other of [policy.rejected, reference.chosen, reference.rejected]) {
    requireSameShape(policy.chosen, other, 'DPO loss');
  }
  const h = sub(sub(policy.chosen, reference.chosen), sub(policy.rejected, reference.rejected));
  return softplus(neg(mul(beta, h)));
}
