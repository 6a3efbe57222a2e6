/** Gradients of matrix products. */
import type { Node, Value } from '../../graph/graph.js';
import { type MatMulOptions, matMul, reshape } from '../../graph/ops.js';
import { product } from '../../graph/shape.js';
import { type GradientRule, sumTo } from './rule.js';

function options(node: Node): Required<MatMulOptions> {
  const { transA = 0, transB = 0, alpha } = node.attributes;
  return {
    transA: transA === 1,
    transB: transB === 1,
    alpha: alpha === undefined ? 1 : (alpha as { float: number }).float,
  };
}

/** A tensor whose leading axes are one: [..., M, N] → [(...)·M, N]. */
const flat = (x: Value): Value => reshape(x, [product(x.shape.slice(0, -1)), x.shape.at(-1)!]);

/** y = α·A·B: dA = α·g·Bᵀ, dB = α·Aᵀ·g, each read through the transpositions. */
function gradients(
  a: Value,
  b: Value,
  g: Value,
  { transA, transB, alpha }: Required<MatMulOptions>,
): Value[] {
  const da = transA
    ? matMul(b, g, { transA: transB, transB: true, alpha })
    : matMul(g, b, { transB: !transB, alpha });
  // one matrix under a batch: its gradient is one product over all rows of the batch
  if (b.shape.length === 2 && a.shape.length > 2 && !transA) {
    const db = transB
      ? matMul(flat(g), flat(a), { transA: true, alpha })
      : matMul(flat(a), flat(g), { transA: true, alpha });
    return [da, db];
  }
  const db = transB
    ? matMul(g, a, { transA: true, transB: transA, alpha })
    : matMul(a, g, { transA: !transA, alpha });
  return [sumTo(da, a.shape), sumTo(db, b.shape)];
}

const product2: GradientRule = (node, [grad]) =>
  gradients(node.inputs[0]!, node.inputs[1]!, grad!, options(node));

export const linear = {
  MatMul: product2,
  FusedMatMul: product2,
  Gemm: ((node, [grad]) => {
    const [a, b, c] = node.inputs;
    return [...gradients(a!, b!, grad!, options(node)), sumTo(grad!, c!.shape)];
  }) satisfies GradientRule,
};
