/** Operators of products of 8-bit integers. They are used inside composites, which have gradients of their own. */
import type { Value } from './graph.js';
import { productShape } from './ops.js';

/** Integers of 8 bits: `int8`, or the same plus 128 as `uint8`. */
export type Integers = 'int8' | 'uint8';

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
 * With int8, on processors without instructions for it (x86 before VNNI), sums of two products saturate at
 * 16 bits: see `integersHere`.
 *
 * @param a     uint8 [M, K]
 * @param b     int8 or uint8 [K, N]
 * @param scale [N], or a scalar
 * @param zero  uint8 scalar
 */
export function matMulIntegerToFloat(a: Value, b: Value, scale: Value, zero: Value): Value {
  const one = a.graph.constant(1, 'float32');
  return a.graph.node(
    'MatMulIntegerToFloat',
    b.dtype === 'uint8' ? [a, b, one, scale, zero, a.graph.constant(128, 'uint8')] : [a, b, one, scale, zero],
    [{ dtype: 'float32', shape: productShape(a, b, false, false) }],
    {},
    'com.microsoft',
  )[0];
}
