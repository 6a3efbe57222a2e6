/**
 * Low-rank adapters: their parameters, and merging them into the weights.
 * Hu et al. 2021, arXiv:2106.09685; rsLoRA: Kalajdzievski 2023, arXiv:2312.03732.
 */
import { Random } from '../random.js';
import type { Projection } from './architectures/architecture.js';
import type { ModelConfig } from './config.js';
import { adaptedModules, type LoraConfig, loraFactors, loraTargets } from './lora-modules.js';
import type { Tensor, Weights } from './model.js';

/** [in, out] of each projection. */
export function projectionShape(config: ModelConfig, projection: Projection): [number, number] {
  const { width, heads, kvHeads, headSize, ffn } = config;
  switch (projection) {
    case 'q_proj':
      return [width, heads * headSize];
    case 'k_proj':
    case 'v_proj':
      return [width, kvHeads * headSize];
    case 'qkv_proj':
      return [width, (heads + 2 * kvHeads) * headSize];
    case 'o_proj':
      return [heads * headSize, width];
    case 'gate_proj':
    case 'up_proj':
      return [width, ffn];
    case 'gate_up_proj':
      return [width, 2 * ffn];
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
  const targets = loraTargets(adapter.keys());
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
