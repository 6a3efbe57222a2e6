/**
 * Low-rank adapters: their parameters, and the adapted projection as graph nodes.
 * Hu et al. 2021, arXiv:2106.09685; rsLoRA: Kalajdzievski 2023, arXiv:2312.03732.
 */
import type { Value } from '../onnx/graph.js';
import { add, gemm, matMul } from '../onnx/ops.js';
import { Random } from '../random.js';
import type { ModelConfig } from './config.js';
import { adaptedModules, type LoraConfig, loraFactors, type Projection } from './lora-modules.js';
import type { Tensor, Weights } from './weights.js';

/** [in, out] of each projection. */
export function projectionShape(config: ModelConfig, projection: Projection): [number, number] {
  const { width, heads, kvHeads, headSize, ffn } = config;
  switch (projection) {
    case 'q_proj':
      return [width, heads * headSize];
    case 'k_proj':
    case 'v_proj':
      return [width, kvHeads * headSize];
    case 'o_proj':
      return [heads * headSize, width];
    case 'gate_proj':
    case 'up_proj':
      return [width, ffn];
    case 'down_proj':
      return [ffn, width];
  }
}

/** Names and shapes of an adapter's tensors: `….lora_A` [in, rank] and `….lora_B` [rank, out]. */
export function loraShapes(config: ModelConfig, lora: LoraConfig): Map<string, [number, number]> {
  const shapes = new Map<string, [number, number]>();
  for (const { name, projection, rank } of adaptedModules(config, lora).values()) {
    const [inner, outer] = projectionShape(config, projection);
    shapes.set(`${name}.lora_A`, [inner, rank]);
    shapes.set(`${name}.lora_B`, [rank, outer]);
  }
  return shapes;
}

/**
 * A new adapter: A uniform in ±1/√in (Kaiming with a = √5, as PEFT does), B zero, so that
 * the adapted model starts equal to the base.
 */
export function initLora(config: ModelConfig, lora: LoraConfig, seed: number): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const [name, shape] of loraShapes(config, lora)) {
    const data = new Float32Array(shape[0] * shape[1]);
    if (name.endsWith('lora_A')) {
      const random = new Random(seed, 'lora', name);
      const bound = 1 / Math.sqrt(shape[0]);
      for (let i = 0; i < data.length; i++) data[i] = (2 * random.next() - 1) * bound;
    }
    tensors.set(name, { shape, data });
  }
  return tensors;
}

/** The weights with scale·A·B added in: a model without an adapter that computes the same. */
export function mergeLora(weights: Weights, adapter: Weights, lora: LoraConfig): Map<string, Tensor> {
  const merged = new Map(weights);
  const targets = [...adapter.keys()].flatMap((name) => /^(.*)\.lora_A$/.exec(name)?.[1] ?? []);
  const factors = loraFactors(lora, targets);
  for (const [at, target] of targets.entries()) {
    const { rank, scale } = factors[at];
    const a = adapter.get(`${target}.lora_A`)!;
    const b = adapter.get(`${target}.lora_B`)!;
    const { shape, data } = weights.get(`${target}.weight`)!;
    const sum = data.slice();
    const [inner, outer] = shape;
    for (let i = 0; i < inner; i++) {
      for (let r = 0; r < rank; r++) {
        const factor = scale * a.data[i * rank + r];
        for (let j = 0; j < outer; j++) sum[i * outer + j] += factor * b.data[r * outer + j];
      }
    }
    merged.set(`${target}.weight`, { shape, data: sum });
  }
  return merged;
}

/** What a projection needs: its matrix, and where it is adapted the two factors. */
export interface ProjectionWeights {
  readonly weight: Value;
  readonly bias?: Value;
  readonly lora?: { readonly a: Value; readonly b: Value; readonly scale: number };
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
