/**
 * A linear layer as graph nodes, with or without a low-rank adapter.
 * Hu et al. 2021, arXiv:2106.09685.
 */
import type { Value } from '../graph/graph.js';
import { add, gemm, matMul } from '../graph/ops.js';
import type { LowRank } from './frozen-projection.js';

/** What a projection needs: its matrix, and where it is adapted the two factors. */
export interface ProjectionWeights {
  readonly weight: Value;
  readonly bias?: Value;
  readonly lora?: LowRank;
}

/**
 * x·W (+ bias) (+ scale·x·A·B).
 * @param x [N, in]
 * @returns [N, out]
 */
export function project(x: Value, { weight, bias, lora }: ProjectionWeights): Value {
  const y = lora ? adapted(x, weight, lora) : matMul(x, weight);
  return bias ? add(y, bias) : y;
}

/**
 * One entry on the tape, so that the products are summed inside `Gemm` (β = 1) instead of
 * by passes of their own, and the frozen matrix gets a gradient only where it is asked for.
 */
function adapted(x: Value, weight: Value, { a, b, scale }: NonNullable<ProjectionWeights['lora']>): Value {
  const [y] = x.graph.composite('lora', [x, weight, a, b], () => {
    const low = matMul(x, a);
    return {
      outputs: [gemm(low, b, matMul(x, weight), { alpha: scale })],
      backward: ([g]) => {
        const lowGrad = matMul(g!, b, { transB: true, alpha: scale });
        return [
          gemm(lowGrad, a, matMul(g!, weight, { transB: true }), { transB: true }),
          matMul(x, g!, { transA: true }),
          matMul(x, lowGrad, { transA: true }),
          matMul(low, g!, { transA: true, alpha: scale }),
        ];
      },
    };
  });
  return y;
}
