/** Operators of graphs that nothing is trained through. */
import { ShapeError } from '../errors.js';
import type { Value } from './graph.js';

/** Index of the largest element of the last axis, the first of several: int64 [..., 1]. */
export const argMax = (x: Value): Value =>
  x.graph.node('ArgMax', [x], [{ dtype: 'int64', shape: [...x.shape.slice(0, -1), 1] }], {
    axis: -1,
    keepdims: 1,
  })[0];

/**
 * (q − zeros)·scales, row by row. A block a row, which takes half the time of blocks along an axis.
 *
 * @param q      uint8 or uint4 [blocks, size]
 * @param scales [blocks]
 * @param zeros  of q's dtype, [blocks]
 */
export const dequantizeRows = (q: Value, scales: Value, zeros: Value): Value =>
  q.graph.node('DequantizeLinear', [q, scales, zeros], [{ dtype: scales.dtype, shape: q.shape }], {
    axis: 0,
  })[0];

/**
 * RMSNorm of a sum: x + added, and the sum's norm times `scale`. For inference: it has no gradient. Contributed, float32.
 *
 * @param x and `added`: [N, D]
 */
export function normOfSum(
  x: Value,
  added: Value,
  scale: Value,
  epsilon: number,
): { normed: Value; sum: Value } {
  const { dtype, shape } = x;
  const [normed, , , sum] = x.graph.node(
    'SkipSimplifiedLayerNormalization',
    [x, added, scale],
    [
      { dtype, shape },
      { dtype, shape: [], unnamed: true },
      { dtype, shape: [], unnamed: true },
      { dtype, shape },
    ],
    { epsilon: { float: epsilon } },
    'com.microsoft',
  );
  return { normed, sum };
}

/** A matrix W [K, N] in blocks along K; a weight is scale·(q − 2^(bits−1)). */
export interface BlockMatrix {
  readonly bits: 4 | 8;
  readonly blockSize: 16 | 32;
  /** uint8 [N, K/blockSize, blockSize·bits/8] */
  readonly q: Value;
  /** [N, K/blockSize] */
  readonly scales: Value;
  /** [N], added to the product. */
  readonly bias?: Value;
}

/**
 * x·W (+ bias) with W in blocks and x rounded to 8 bits, block by block, on its way. For inference: it
 * has no gradient. Contributed, float32; W must be a constant, or it is unpacked at every run.
 *
 * @param x [..., K]
 */
export function matMulNBits(x: Value, { bits, blockSize, q, scales, bias }: BlockMatrix): Value {
  const K = x.shape.at(-1) as number;
  const [N, blocks] = q.shape as readonly number[];
  if (blocks * blockSize !== K) {
    throw new ShapeError({
      where: `MatMulNBits of ${x.name} and ${q.name}`,
      what: `inner sizes ${K} and ${blocks * blockSize} differ`,
    });
  }
  return x.graph.node(
    'MatMulNBits',
    bias ? [x, q, scales, null, null, bias] : [x, q, scales],
    [{ dtype: x.dtype, shape: [...x.shape.slice(0, -1), N] }],
    { K, N, bits, block_size: blockSize, accuracy_level: 4 },
    'com.microsoft',
  )[0];
}
