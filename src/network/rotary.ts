/**
 * Rotary position embedding: its tables, and the rotation as graph nodes.
 * Su et al. 2021, arXiv:2104.09864; half-pairs (i, i + R/2) of the R dimensions that rotate, as in Hugging Face's models.
 */
import type { Value } from '../graph/graph.js';
import { add, concat, gather, mul, reshape, rotaryEmbedding, slice, sub } from '../graph/ops.js';
import { type RopeConfig, ropeAttentionFactor, ropeFrequencies } from '../model/rope-scaling.js';

/** cos and sin of position × frequency, times the attention factor; row-major [positions, rotarySize / 2]. */
export interface RotaryTables {
  readonly cos: Float64Array;
  readonly sin: Float64Array;
}

/**
 * @param positions number of positions from `first` that the tables cover
 * @param length    tokens of the sequence, where the scaling depends on it
 */
export function rotaryTables(
  config: RopeConfig,
  positions: number,
  length = positions,
  first = 0,
): RotaryTables {
  const frequencies = ropeFrequencies(config, length);
  const scale = ropeAttentionFactor(config);
  const half = frequencies.length;
  const cos = new Float64Array(positions * half);
  const sin = new Float64Array(positions * half);
  for (let t = 0; t < positions; t++) {
    for (const [i, frequency] of frequencies.entries()) {
      const angle = (first + t) * frequency;
      cos[t * half + i] = scale * Math.cos(angle);
      sin[t * half + i] = scale * Math.sin(angle);
    }
  }
  return { cos, sin };
}

/**
 * Rotates the first R dimensions of each head by its position.
 * @param x        [B, T, heads·headSize]
 * @param places   int64 [B, T]; tables [P, R/2]
 */
export function rotate(
  x: Value,
  { positions, cos, sin }: Readonly<Record<'positions' | 'cos' | 'sin', Value>>,
  headSize: number,
): Value {
  const [B, T, D] = x.shape;
  const half = cos.shape[1] as number;
  const heads = (D as number) / headSize;
  const partial = 2 * half < headSize;
  if (x.graph.fused) return rotaryEmbedding(x, positions, cos, sin, partial ? heads : undefined);
  const [c, s] = [cos, sin].map((table) => reshape(gather(table, positions), [B, T, 1, half]));
  const split = reshape(x, [B, T, heads, headSize]);
  const first = slice(split, 3, 0, half);
  const second = slice(split, 3, half, 2 * half);
  const turned = [sub(mul(first, c), mul(second, s)), add(mul(second, c), mul(first, s))];
  const kept = partial ? [slice(split, 3, 2 * half, headSize)] : [];
  return reshape(concat([...turned, ...kept], 3), x.shape);
}
