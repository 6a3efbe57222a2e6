/** Next tokens from logits: greedy, temperature, top-k, nucleus. */
import type { Random } from '../random.js';

export interface SamplingOptions {
  /** 0 is greedy. */
  readonly temperature: number;
  /** Keep the k likeliest; 0 keeps all. */
  readonly topK: number;
  /** Keep the smallest set of likeliest tokens with this mass, in (0, 1]. */
  readonly topP: number;
}

/**
 * One token from a row of logits. Top-k is applied before top-p, as in `transformers`.
 * @param logits f32 [V]
 * @param random draws exactly one number, none when greedy
 */
export function sampleToken(logits: Float32Array, options: SamplingOptions, random: Random): number {
  const { temperature, topK, topP } = options;
  if (temperature === 0 || topK === 1) return argmax(logits);
  const largest = logits[argmax(logits)];
  const weight = (id: number) => Math.exp((logits[id] - largest) / temperature);
  if (topK === 0 && topP >= 1) {
    const weights = Float64Array.from(logits, (_, id) => weight(id));
    return draw(weights, random, (i) => i);
  }
  let kept = Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a] || a - b);
  if (topK > 0) kept = kept.slice(0, topK);
  let weights = Float64Array.from(kept, weight);
  if (topP < 1) {
    const limit = topP * weights.reduce((sum, w) => sum + w, 0);
    let mass = 0;
    let count = 0;
    while (count < weights.length && mass < limit) mass += weights[count++];
    weights = weights.subarray(0, Math.max(count, 1));
  }
  return draw(weights, random, (i) => kept[i]);
}

/** Index of the largest element; the first of several. */
export function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

function draw(weights: Float64Array, random: Random, idOf: (index: number) => number): number {
  let rest = random.next() * weights.reduce((sum, weight) => sum + weight, 0);
  let last = 0;
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] === 0) continue;
    last = i;
    rest -= weights[i];
    if (rest < 0) return idOf(i);
  }
  return idOf(last);
}
