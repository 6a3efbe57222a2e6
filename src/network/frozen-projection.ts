/**
 * Linear layers whose matrices are frozen and not float32, with adapters on top of them.
 *
 * How a matrix is multiplied with, forwards and backwards, is its own affair: as integers
 * (int8-projection.ts) or from a model file's blocks (stored-projection.ts).
 */
import type { Value } from '../graph/graph.js';
import { concat, gemm, matMul, split } from '../graph/ops.js';

/** The matrices of layers that read the same input. */
export interface FrozenMatrices {
  /** x·Wᵢ (+ biasᵢ) of each layer, [N, outᵢ]. */
  times(x: Value): readonly Value[];
  /** Σ dYᵢ·Wᵢᵀ, [N, in]; a gradient that did not arrive is null, and one did. */
  back(grads: readonly (Value | null)[]): Value;
}

/** A low-rank adapter of a layer. Hu et al. 2021, arXiv:2106.09685. */
export interface LowRank {
  /** [in, rank] */
  readonly a: Value;
  /** [rank, out] */
  readonly b: Value;
  readonly scale: number;
}

/**
 * x·W (+ bias) (+ scale·x·A·B) of each layer; gradients go to x and to the factors.
 *
 * One entry on the tape: the products with all factors are one, and so are those of the gradients.
 *
 * @param x     [N, in]
 * @param loras of each layer; undefined where it is not adapted
 * @returns     [N, out] each
 */
export function projectFrozen(
  x: Value,
  matrices: FrozenMatrices,
  loras: readonly (LowRank | undefined)[],
): readonly Value[] {
  const adapters = loras.filter((lora) => lora !== undefined);
  const inputs = [x, ...adapters.flatMap(({ a, b }) => [a, b])];
  return x.graph.composite('frozen', inputs, () => {
    const lows = adapters.length > 0 ? products(x, adapters) : [];
    const lowOf = new Map(adapters.map((lora, i) => [lora, lows[i]]));
    const bases = matrices.times(x);
    const outputs = bases.map((base, i) => {
      const lora = loras[i];
      return lora ? gemm(lowOf.get(lora)!, lora.b, base, { alpha: lora.scale }) : base;
    });
    const backward = (grads: readonly (Value | null)[]): (Value | null)[] => {
      const dx = matrices.back(grads);
      const trained = loras.flatMap((lora, i) => (lora && grads[i] ? [{ lora, g: grads[i] }] : []));
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
    };
    return { outputs, backward };
  });
}

/** x·A for each A [in, rank], as one product. */
const products = (x: Value, adapters: readonly LowRank[]): Value[] =>
  parts(
    matMul(
      x,
      joined(
        adapters.map(({ a }) => a),
        1,
      ),
    ),
    adapters.map(({ a }) => a.shape[1] as number),
  );

/** Values side by side along an axis. */
export const joined = (values: readonly Value[], axis: number): Value =>
  values.length === 1 ? values[0] : concat(values, axis);

/** Columns [N, Σ sizes] apart. */
export const parts = (x: Value, sizes: readonly number[]): Value[] =>
  sizes.length === 1 ? [x] : split(x, 1, sizes);
