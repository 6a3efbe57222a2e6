/**
 * Activation checkpointing: forget what a block computed, and compute it again when its
 * gradient is needed. Chen et al. 2016, arXiv:1604.06174.
 */
import type { Value } from '../onnx/graph.js';
import { add, gather, mul } from '../onnx/ops.js';
import { backpropagate } from './backward.js';

/**
 * Runs `block` so that only its inputs are kept for the backward pass.
 *
 * The recomputation must not be merged with the first computation (they are equal), nor
 * start before the gradient arrives. So the block's inputs are made to depend on it:
 * x + 0·g. The zero is an input of the graph, since a constant one would be folded away.
 *
 * @param x       what flows through the block, [..., D]; gets a gradient
 * @param weights parameters that the block reads and that get a gradient
 * @param zero    a scalar graph input that is fed 0
 * @param block   one value in, one out, of the same dtype
 */
export function checkpoint(
  x: Value,
  weights: readonly Value[],
  zero: Value,
  block: (x: Value) => Value,
): Value {
  const { graph } = x;
  const [y] = graph.composite('checkpoint', [x, ...weights], () => ({
    outputs: [block(x)],
    backward: ([grad]) => {
      const again = add(x, mul(firstElement(grad!), zero));
      const { result, tape } = graph.record(() => block(again));
      return backpropagate(graph, tape, [[result, grad!]], [again, ...weights]);
    },
  }));
  return y;
}

function firstElement(x: Value): Value {
  const index = x.graph.constant(0, 'int64');
  return x.shape.reduce<Value>((part) => gather(part, index), x);
}
