/**
 * How far the policy's next-token distributions are from the reference's, without keeping logits.
 *
 * As in `token-logps.ts`, only hidden states that predict a target enter the vocabulary product, in
 * chunks, and each chunk forms its gradient at once.
 */
import type { Value } from '../../graph/graph.js';
import { concat, gather, log, mul, reduceMax, reduceSum, reshape, softmax, sub } from '../../graph/ops.js';
import type { Dim } from '../../graph/shape.js';
import { softCapSlope } from '../activation.js';
import { logitsOf, type OutputHead } from '../output-head.js';
import { hiddenGradient, type Targets } from './token-logps.js';

/**
 * KL(π‖π_ref) of the predictions at the targets' places, full vocabulary.
 * ∂KL/∂logit = p∘(log p − log p_ref − KL).
 *
 * @param hidden    of the policy, [N, D]; receives the gradient
 * @param reference of the frozen model, [N, D]; constants
 * @param head      of both, frozen
 * @returns         nats, [K, C]
 */
export function tokenKl(
  hidden: Value,
  reference: Value,
  head: OutputHead,
  { predictAt, inverse }: Targets,
): Value {
  const { graph } = hidden;
  const { cap } = head;
  const [K, C] = predictAt.shape as [number, Dim];
  const D = hidden.shape[1] as number;
  const [kl] = graph.composite('token_kl', [hidden], () => {
    const chunks = Array.from({ length: K }, (_, k) => {
      const at = gather(predictAt, graph.constant(k, 'int64'));
      const [own, other] = [hidden, reference].map((states) => {
        const logits = logitsOf(gather(states, at), head);
        const p = softmax(logits);
        // log p = logit − log Σ exp, and log Σ exp = max − log(max p)
        const logSumExp = sub(reduceMax(logits, [-1], true), log(reduceMax(p, [-1], true)));
        return { logits, p, logp: sub(logits, logSumExp) };
      });
      const ratio = sub(own.logp, other.logp);
      const value = reduceSum(mul(own.p, ratio), [-1], true);
      const line = reshape(value, [1, C]);
      const perLogit = mul(own.p, sub(ratio, value));
      const perProduct = cap === undefined ? perLogit : mul(perLogit, softCapSlope(own.logits, cap));
      return { value: line, direction: head.mixed(perProduct) };
    });
    const values = chunks.map(({ value }) => value);
    return {
      outputs: [values.length === 1 ? values[0] : concat(values, 0)],
      backward: ([grad]) => [
        hiddenGradient(
          chunks.map(({ direction }, k) =>
            mul(direction, reshape(gather(grad!, graph.constant(k, 'int64')), [C, 1])),
          ),
          inverse!,
          D,
        ),
      ],
    };
  });
  return kl;
}
