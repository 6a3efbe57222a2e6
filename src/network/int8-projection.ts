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
  gemm,
  matMul,
  mul,
  reduceMax,
  reshape,
  scalar,
  split,
  transpose,
} from '../graph/ops.js';
import { product } from '../graph/shape.js';
import { hadamard, rotationSize } from '../model/int8-matrix.js';

/** A linear layer. */
export interface Int8Projection {
  /** int8 or uint8 [in, out] */
  readonly values: Value;
  /** [out] */
  readonly scales: Value;
  readonly bias?: Value;
  readonly lora?: { readonly a: Value; readonly b: Value; readonly scale: number };
}

/**
 * x·W (+ scale·x·A·B) (+ bias) of layers that read the same input; gradients go to x and to the factors.
 *
 * One entry on the tape: the gradients of all outputs are multiplied with all matrices at once.
 *
 * @param x [N, in]
 * @returns [N, out] each
 */
export function projectInt8(x: Value, layers: readonly Int8Projection[]): readonly Value[] {
  const adapters = layers.flatMap(({ lora }) => (lora ? [lora] : []));
  const inputs = [x, ...adapters.flatMap(({ a, b }) => [a, b])];
  const outputs = x.graph.composite('int8', inputs, () => {
    const turned = rotated(x);
    const scales = rowScales([turned]);
    const rows = quantized(turned, scales);
    const lows =
      adapters.length > 0
        ? products(
            x,
            adapters.map(({ a }) => a),
          )
        : [];
    const lowOf = new Map(adapters.map((lora, i) => [lora, lows[i]]));
    const ys = layers.map(({ values, scales: columns, lora }) => {
      const base = mul(matMulIntegerToFloat(rows, values, columns, middle(x)), scales);
      return lora ? gemm(lowOf.get(lora)!, lora.b, base, { alpha: lora.scale }) : base;
    });
    return {
      outputs: ys,
      backward: (grads) => {
        const arrived = layers.flatMap((layer, i) => (grads[i] ? [{ ...layer, g: grads[i] }] : []));
        const dx = inputGradient(arrived);
        const trained = arrived.flatMap(({ lora, g }) => (lora ? [{ lora, g }] : []));
        if (trained.length === 0) return [dx, ...adapters.flatMap(() => [null, null])];
        const lowGrads = trained.map(({ lora, g }) => matMul(g, lora.b, { transB: true, alpha: lora.scale }));
        const low = joined(lowGrads, 1);
        const a = joined(
          trained.map(({ lora }) => lora.a),
          1,
        );
        const ranks = trained.map(({ lora }) => lora.a.shape[1] as number);
        const das = parts(matMul(x, low, { transA: true }), ranks);
        const factors = adapters.flatMap((lora) => {
          const at = trained.findIndex((one) => one.lora === lora);
          if (at < 0) return [null, null];
          return [das[at], matMul(lowOf.get(lora)!, trained[at].g, { transA: true, alpha: lora.scale })];
        });
        return [gemm(low, a, dx, { transB: true }), ...factors];
      },
    };
  });
  return outputs.map((y, i) => (layers[i].bias ? add(y, layers[i].bias) : y));
}

/** Σ (dYᵢ∘sᵢ)·qᵢᵀ·Rᵀ as one product; R is symmetric. */
function inputGradient(layers: readonly (Int8Projection & { readonly g: Value })[]): Value {
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

/** x·A for each A [in, rank], as one product. */
const products = (x: Value, factors: readonly Value[]): Value[] =>
  parts(
    matMul(x, joined(factors, 1)),
    factors.map(({ shape }) => shape[1] as number),
  );

const joined = (values: readonly Value[], axis: number): Value =>
  values.length === 1 ? values[0] : concat(values, axis);
const parts = (x: Value, sizes: readonly number[]): Value[] =>
  sizes.length === 1 ? [x] : split(x, 1, sizes);

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
