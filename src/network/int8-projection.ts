/**
 * Linear layers whose frozen matrix is int8: products of integers, forwards and backwards.
 *
 * x·W = (x·R)·(Rᵀ·W), where R turns blocks of inputs by a Hadamard matrix: what lay in a few large
 * channels then lies in all of them, and one scale fits a row. Rᵀ·W is rounded once, with a scale s for each output
 * (model/int8-matrix.ts); rows of x·R are rounded as they come, and so are rows of the gradient in dX = (dY∘s)·qᵀ·Rᵀ.
 * Dettmers et al. 2022, arXiv:2208.07339 (products); Ashkboos et al. 2024, arXiv:2404.00456 (rotation).
 */

import type { Value } from '../graph/graph.js';
import { matMulIntegerToFloat, quantizeRows } from '../graph/int8-ops.js';
import {
  abs,
  add,
  concat,
  expand,
  matMul,
  mul,
  reduceMax,
  reshape,
  scalar,
  transpose,
} from '../graph/ops.js';
import { product } from '../graph/shape.js';
import { hadamard, rotationSize } from '../model/int8-matrix.js';
import { type FrozenMatrices, joined, type LowRank, projectFrozen } from './frozen-projection.js';

/** A linear layer's matrix: Rᵀ·W ≈ values∘scales. */
export interface Int8Matrix {
  /** int8 or uint8 [in, out] */
  readonly values: Value;
  /** [out] */
  readonly scales: Value;
}

/** A linear layer. */
export interface Int8Projection extends Int8Matrix {
  readonly bias?: Value;
  readonly lora?: LowRank;
}

/**
 * x·W (+ scale·x·A·B) (+ bias) of layers that read the same input; gradients go to x and to the factors.
 *
 * @param x [N, in]
 * @returns [N, out] each
 */
export function projectInt8(x: Value, layers: readonly Int8Projection[]): readonly Value[] {
  const ys = projectFrozen(
    x,
    int8Matrices(layers),
    layers.map(({ lora }) => lora),
  );
  return ys.map((y, i) => (layers[i].bias ? add(y, layers[i].bias) : y));
}

/** How matrices of layers that read the same input are multiplied with. */
export function int8Matrices(layers: readonly Int8Matrix[]): FrozenMatrices {
  return {
    times: (x) => {
      const turned = rotated(x);
      const scales = rowScales([turned]);
      const rows = quantized(turned, scales);
      return layers.map(({ values, scales: columns }) =>
        mul(matMulIntegerToFloat(rows, values, columns, middle(x)), scales),
      );
    },
    back: (grads) =>
      inputGradient(layers.flatMap((layer, i) => (grads[i] ? [{ ...layer, g: grads[i] }] : []))),
  };
}

/** Σ (dYᵢ∘sᵢ)·qᵢᵀ·Rᵀ as one product; R is symmetric. */
function inputGradient(layers: readonly (Int8Matrix & { readonly g: Value })[]): Value {
  const scaled = layers.map(({ g, scales }) => mul(g, scales));
  const scales = rowScales(scaled);
  const rows = joined(
    scaled.map((one) => quantized(one, scales)),
    1,
  );
  const matrix = joined(
    layers.map(({ values }) => transpose(values, [1, 0])),
    0,
  );
  return rotated(mul(matMulIntegerToFloat(rows, matrix, scalar(scales, 1), middle(scales)), scales));
}

/** x·R, [M, K]. */
function rotated(x: Value): Value {
  const [M, K] = x.shape;
  const size = rotationSize(K as number);
  if (size === 1) return x;
  const matrix = x.graph.constant([...hadamard(size)], x.dtype, [size, size]);
  const blocks = reshape(x, [product([M, (K as number) / size]), size]);
  return reshape(matMul(blocks, matrix), x.shape);
}

/** What a step of 8 bits is worth in each row of all of these: [M, 1]. */
function rowScales(values: readonly Value[]): Value {
  const largest = values.map((x) => reduceMax(abs(x), [-1], true));
  const most = largest.length === 1 ? largest[0] : reduceMax(concat(largest, 1), [-1], true);
  // rows of zeros stay zeros
  return add(mul(most, scalar(most, 1 / 127)), scalar(most, 1e-30));
}

/** x / scales + 128 as uint8. */
function quantized(x: Value, scales: Value): Value {
  const [M] = x.shape;
  return quantizeRows(x, reshape(scales, [M]), expand(reshape(middle(x), [1]), [M]));
}

const middle = ({ graph }: Value): Value => graph.constant(128, 'uint8');
