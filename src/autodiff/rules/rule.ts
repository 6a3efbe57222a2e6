/** What a gradient rule is. Rules live in `rules/`, one file per family of operators. */
import type { Node, Value } from '../../graph/graph.js';
import { reduceSum, reshape } from '../../graph/ops.js';
import type { Shape } from '../../graph/shape.js';

/**
 * The gradients of a node's inputs, given those of its outputs.
 *
 * @param node  the forward node; its inputs and outputs may be used
 * @param grads one per output; null where none arrived (rules are called when at least one did)
 * @returns     one per input; null for an input without gradient
 */
export type GradientRule = (node: Node, grads: readonly (Value | null)[]) => (Value | null)[];

/**
 * Undoes broadcasting: sums `grad` over the axes along which `shape` was repeated.
 * d(a+b)/da for a of shape [1] under b of shape [N] is the sum over N.
 */
export function sumTo(grad: Value, shape: Shape): Value {
  const offset = grad.shape.length - shape.length;
  const axes = grad.shape
    .map((_, axis) => axis)
    .filter((axis) => axis < offset || (shape[axis - offset] === 1 && grad.shape[axis] !== 1));
  const summed = axes.length === 0 ? grad : reduceSum(grad, axes, true);
  return reshape(summed, shape);
}
