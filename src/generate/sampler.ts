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

/** Weights of the draw in progress: a draw a row and token would leave megabytes of garbage a second. */
let scratch = new Float64Array(0);

/**
 * One token from a row of logits. Top-k is applied before top-p, as in `transformers`.
 * @param logits f32 [V]
 * @param random draws exactly one number, none when greedy
 */
export function sampleToken(logits: Float32Array, options: SamplingOptions, random: Random): number {
  const { temperature, topK, topP } = options;
  const best = argmax(logits);
  if (temperature === 0 || topK === 1) return best;
  const all = expWeights(logits, logits[best], temperature);
  if (topK === 0 && topP >= 1) return draw(all, random);
  const total = topK === 0 ? sum(all) : Number.NaN;
  let kept = likeliest(logits, logits[best], temperature, (ids) =>
    topK > 0 ? ids.length >= topK : ids.reduce((mass, id) => mass + all[id], 0) >= topP * total,
  );
  if (topK > 0) kept = kept.slice(0, topK);
  let weights = Float64Array.from(kept, (id) => all[id]);
  if (topP < 1) {
    const limit = topP * (topK > 0 ? sum(weights) : total);
    let mass = 0;
    let count = 0;
    while (count < weights.length && mass < limit) mass += weights[count++];
    weights = weights.subarray(0, Math.max(count, 1));
  }
  return kept[draw(weights, random)];
}

/** Index of the largest element; the first of several. */
export function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

/** e^((logit − largest)/temperature), in `scratch`. */
function expWeights(logits: Float32Array, largest: number, temperature: number): Float64Array {
  if (scratch.length < logits.length) scratch = new Float64Array(logits.length);
  const weights = scratch.subarray(0, logits.length);
  for (let id = 0; id < logits.length; id++) weights[id] = Math.exp((logits[id] - largest) / temperature);
  return weights;
}

/**
 * The likeliest tokens, best first, equal ones by id: at least so many that `enough` holds. Only
 * these are sorted; sorting a whole vocabulary of 50,000 takes longer than the forward pass.
 */
function likeliest(
  logits: Float32Array,
  largest: number,
  temperature: number,
  enough: (ids: readonly number[]) => boolean,
): number[] {
  for (let width = 4 * temperature; ; width *= 2) {
    const ids: number[] = [];
    for (let id = 0; id < logits.length; id++) if (!(logits[id] < largest - width)) ids.push(id);
    if (ids.length === logits.length || enough(ids))
      return ids.sort((a, b) => logits[b] - logits[a] || a - b);
  }
}

/** An index, with probability in proportion to its weight. */
function draw(weights: Float64Array, random: Random): number {
  let rest = random.next() * sum(weights);
  let last = 0;
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] === 0) continue;
    last = i;
    rest -= weights[i];
    if (rest < 0) return i;
  }
  return last;
}

function sum(weights: Float64Array): number {
  let total = 0;
  for (let i = 0; i < weights.length; i++) total += weights[i];
  return total;
}
