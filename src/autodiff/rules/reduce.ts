/** Gradients of reductions and softmax. */

import { ShapeError } from '../../errors.js';
import type { Node, Value } from '../../graph/graph.js';
import { div, expand, mul, reduceSum, reshape, scalar, sub } from '../../graph/ops.js';
import type { Dim } from '../../graph/shape.js';
import { product } from '../../graph/shape.js';
import type { GradientRule } from './rule.js';

/** The shape of a reduction's input with the reduced axes kept as 1, and the reduced sizes. */
function reducedAxes(node: Node): { kept: Dim[]; sizes: Dim[] } {
  const [x, axes] = node.inputs as [Value, Value];
  const list = x.graph.constants.find((constant) => constant.value === axes)!.data;
  const reduced = new Set(Array.from(list as BigInt64Array, Number));
  return {
    kept: x.shape.map((dim, axis) => (reduced.has(axis) ? 1 : dim)),
    sizes: x.shape.filter((_, axis) => reduced.has(axis)),
  };
}

const spread = (node: Node, grad: Value): Value =>
  expand(reshape(grad, reducedAxes(node).kept), node.inputs[0]!.shape);

export const reduce = {
  ReduceSum: ((node, [grad]) => [spread(node, grad!), null]) satisfies GradientRule,
  ReduceMean: ((node, [grad]) => {
    const count = product(reducedAxes(node).sizes);
    if (typeof count !== 'number') {
      throw new ShapeError({
        where: node.name,
        what: `the gradient of a mean over ${count} elements needs a known size`,
      });
    }
    return [div(spread(node, grad!), scalar(grad!, count)), null];
  }) satisfies GradientRule,
  // y = softmax(x): dx = y∘(g − Σ g∘y)
  Softmax: (({ outputs: [y] }, [grad]) => {
    const dot = reduceSum(mul(grad!, y), [-1], true);
    return [mul(y, sub(grad!, dot))];
  }) satisfies GradientRule,
};
