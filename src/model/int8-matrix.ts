/**
 * A linear layer's matrix as int8, for products of integers in training.
 *
 * Blocks of inputs are turned by a Hadamard matrix before they are rounded, so that single large weights
 * or activations do not decide the scale of all. The scale is one for each output.
 */
import type { Tensor } from './model.js';

/** Rᵀ·W ≈ values∘scales. */
export interface Int8Matrix {
  /** [in, out] */
  readonly values: Int8Array;
  /** [out] */
  readonly scales: Float32Array;
}

/** Inputs that are turned together: the largest power of two that divides them, at most 64. */
export function rotationSize(inputs: number): number {
  let size = 1;
  while (size < 64 && inputs % (2 * size) === 0) size *= 2;
  return size;
}

/** The Hadamard matrix of a power of two, orthonormal and symmetric; row-major. Sylvester 1867. */
export function hadamard(size: number): Float64Array {
  const matrix = new Float64Array(size * size);
  for (let i = 0; i < size; i++)
    for (let j = 0; j < size; j++) matrix[i * size + j] = (oddBits(i & j) ? -1 : 1) / Math.sqrt(size);
  return matrix;
}

function oddBits(bits: number): boolean {
  let odd = false;
  for (let left = bits; left > 0; left &= left - 1) odd = !odd;
  return odd;
}

/** @param matrix [in, out] */
export function int8Matrix({ shape: [inputs, outputs], data }: Tensor): Int8Matrix {
  const turned = rotateRows(data, inputs, outputs);
  const scales = new Float32Array(outputs);
  for (let k = 0, at = 0; k < inputs; k++)
    for (let n = 0; n < outputs; n++, at++) scales[n] = Math.max(scales[n], Math.abs(turned[at]));
  for (let n = 0; n < outputs; n++) scales[n] /= 127;
  const values = new Int8Array(inputs * outputs);
  for (let k = 0, at = 0; k < inputs; k++)
    for (let n = 0; n < outputs; n++, at++)
      values[at] = scales[n] === 0 ? 0 : Math.round(turned[at] / scales[n]);
  return { values, scales };
}

/** The matrix that products with an int8 one multiply with, [in, out]. */
export function dequantised({ values, scales }: Int8Matrix): Float32Array {
  const outputs = scales.length;
  const turned = Float32Array.from(values, (value, at) => value * scales[at % outputs]);
  return rotateRows(turned, values.length / outputs, outputs);
}

/** R·W for symmetric R: fast Walsh–Hadamard transform of each block of rows. */
function rotateRows(matrix: Float32Array, inputs: number, outputs: number): Float32Array {
  const size = rotationSize(inputs);
  const turned = matrix.slice();
  for (let half = 1; half < size; half *= 2) {
    for (let k = 0; k < inputs; k++) {
      if (k & half) continue;
      for (let n = 0, a = k * outputs, b = (k + half) * outputs; n < outputs; n++, a++, b++) {
        const [x, y] = [turned[a], turned[b]];
        turned[a] = x + y;
        turned[b] = x - y;
      }
    }
  }
  const factor = 1 / Math.sqrt(size);
  for (let at = 0; at < turned.length; at++) turned[at] *= factor;
  return turned;
}
