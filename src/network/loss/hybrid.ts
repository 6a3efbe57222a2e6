/**
 * The loss of the conscience: L = L_SFT + λ·L_DPO, on different rows.
 * Kolář 2026, arXiv:2606.19527. For comparison, the pairs may instead be learned by heart, or
 * only hold the policy to the reference.
 *
 * Both streams run through the model in one batch. Weights say which targets belong to the
 * supervised loss, membership matrices which belong to which response of which pair.
 */
import type { Graph, Value } from '../../graph/graph.js';
import { add, matMul, mul, neg, reduceSum, reshape } from '../../graph/ops.js';
import { type Dim, product } from '../../graph/shape.js';
import type { PairLoss } from '../../values/pair-loss.js';
import { dpoLoss, type PairLogps } from './dpo.js';
import { sftLoss } from './sft.js';

/** Values that the loss is made of; all but `loss` are for metrics. */
export interface HybridLoss {
  readonly loss: Value;
  readonly sft: Value;
  /** Loss of the pairs: DPO, or the loss used instead. */
  readonly dpo: Value;
  /** Summed log-probabilities under the policy, nats, [P]. */
  readonly pairs: PairLogps;
}

/**
 * Inputs made, with P pairs (at least one; a pair of weight 0 counts nothing):
 * `sft_weights` [K, C], `chosen_of` and `rejected_of` [P, K·C] (1 where the target belongs to
 * that response), `reference_chosen`, `reference_rejected`, `pair_weights` [P], `lambda`, `beta`.
 *
 * @param logps nats, [K, C]
 * @param kl    KL(π‖π_ref) at each target, nats, [K, C]; needed where `pairLoss` is `kl`
 */
export function hybridLoss(
  graph: Graph,
  logps: Value,
  P: Dim,
  pairLoss: PairLoss = 'dpo',
  kl?: Value,
): HybridLoss {
  const { float } = graph;
  const R = product(logps.shape);
  const flat = reshape(logps, [R, 1]);
  const members = {
    chosen: graph.input('chosen_of', float, [P, R]),
    rejected: graph.input('rejected_of', float, [P, R]),
  };
  const sumOver = (of: Value, values: Value) => reshape(matMul(of, values), [P]);
  const policy = { chosen: sumOver(members.chosen, flat), rejected: sumOver(members.rejected, flat) };
  const reference = {
    chosen: graph.input('reference_chosen', float, [P]),
    rejected: graph.input('reference_rejected', float, [P]),
  };
  const beta = graph.input('beta', float, []);
  const losses: Record<PairLoss, () => Value> = {
    dpo: () => dpoLoss(policy, reference, beta),
    sft: () => neg(policy.chosen),
    kl: () => {
      const apart = reshape(kl!, [R, 1]);
      return add(sumOver(members.chosen, apart), sumOver(members.rejected, apart));
    },
  };
  const sft = sftLoss(logps, graph.input('sft_weights', float, logps.shape));
  const dpo = reduceSum(mul(losses[pairLoss](), graph.input('pair_weights', float, [P])), [0]);
  const loss = add(sft, mul(graph.input('lambda', float, []), dpo));
  return { loss, sft, dpo, pairs: policy };
}
