/** Operators of products of 8-bit integers. They are used inside composites, which have gradients of their own. */
import type { Value } from './graph.js';
import { productShape } from './ops.js';

/**
 * round(x / scale) + zero, kept within 0 and 255; ties go to even.
 *
 * @param x     [M, K]
 * @param scale [M]: one for each row
 * @param zero  uint8 [M]
 * @returns     uint8 [M, K]
 */
export const quantizeRows = (x: Value, scale: Value, zero: Value): Value =>
  x.graph.node('QuantizeLinear', [x, scale, zero], [{ dtype: 'uint8', shape: x.shape }], { axis: 0 })[0];

/**
 * (A − zero)·B, times a factor for each column. Summed in int32. Contributed, float32.
 *
 * On processors without instructions for it (x86 before VNNI) sums of two products saturate at 16 bits:
 * see `requireExactSums`.
 *
 * @param a     uint8 [M, K]
 * @param b     int8 [K, N]
 * @param scale [N], or a scalar
 * @param zero  uint8 scalar
 */
export function matMulIntegerToFloat(a: Value, b: Value, scale: Value, zero: Value): Value {
  const one = a.graph.constant(1, 'float32');
  return a.graph.node(
    'MatMulIntegerToFloat',
    [a, b, one, scale, zero],
    [{ dtype: 'float32', shape: productShape(a, b, false, false) }],
    {},
    'com.microsoft',
  )[0];
}
