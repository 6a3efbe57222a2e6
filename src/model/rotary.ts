/**
 * Rotary position embedding: its tables, and the rotation as graph nodes.
 * Su et al. 2021, arXiv:2104.09864; half-pairs (i, i + H/2) as in Hugging Face's models.
 */
import type { Value } from '../onnx/graph.js';
import { add, concat, gather, mul, reshape, rotaryEmbedding, slice, sub } from '../onnx/ops.js';
import type { ModelConfig } from './config.js';

/** cos and sin of position × frequency, each row-major [positions, headSize / 2]. */
export interface RotaryTables {
  readonly cos: Float64Array;
  readonly sin: Float64Array;
}

/** @param positions number of positions from 0 that the tables cover */
export function rotaryTables(config: ModelConfig, positions: number): RotaryTables {
  const frequencies = rotaryFrequencies(config);
  const half = frequencies.length;
  const cos = new Float64Array(positions * half);
  const sin = new Float64Array(positions * half);
  for (let t = 0; t < positions; t++) {
    for (const [i, frequency] of frequencies.entries()) {
      cos[t * half + i] = Math.cos(t * frequency);
      sin[t * half + i] = Math.sin(t * frequency);
    }
  }
  return { cos, sin };
}

/** Radians per position of each half-pair; Llama 3 slows the low frequencies down. */
function rotaryFrequencies({ headSize, ropeTheta, ropeScaling }: ModelConfig): number[] {
  // float32, as the reference computes them: at position 8,000 the rounding shows
  const plain = Array.from({ length: headSize / 2 }, (_, i) =>
    Math.fround(1 / Math.fround(ropeTheta ** ((2 * i) / headSize))),
  );
  if (!ropeScaling) return plain;
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = ropeScaling;
  return plain.map((frequency) => {
    const turns = (originalMaxPositions * frequency) / (2 * Math.PI);
    if (turns > highFreqFactor) return frequency;
    if (turns < lowFreqFactor) return frequency / factor;
    const smooth = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
    return ((1 - smooth) * frequency) / factor + smooth * frequency;
  });
}

/**
 * Rotates each head by its position.
 * @param x         [B, T, heads·headSize]
 * @param positions int64 [B, T]
 * @param cos       [P, headSize/2], as is `sin`
 */
export function rotate(x: Value, positions: Value, cos: Value, sin: Value): Value {
  if (x.graph.fused) return rotaryEmbedding(x, positions, cos, sin);
  const [B, T, D] = x.shape;
  const half = cos.shape[1] as number;
  const heads = (D as number) / (2 * half);
  const [c, s] = [cos, sin].map((table) => reshape(gather(table, positions), [B, T, 1, half]));
  const split = reshape(x, [B, T, heads, 2 * half]);
  const first = slice(split, 3, 0, half);
  const second = slice(split, 3, half, 2 * half);
  const turned = concat([sub(mul(first, c), mul(second, s)), add(mul(second, c), mul(first, s))], 3);
  return reshape(turned, x.shape);
}
