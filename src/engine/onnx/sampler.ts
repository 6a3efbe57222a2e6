/** Next tokens from a distribution: greedy, temperature, top-k, nucleus. */
import type { Random } from '../../random.js';

export interface SamplingOptions {
  /** 0 is greedy. */
  readonly temperature: number;
  /** Keep the k likeliest; 0 keeps all. */
  readonly topK: number;
  /** Keep the smallest set of likeliest tokens with this mass, in (0, 1]. */
  readonly topP: number;
}

/** What a model says may come next. */
export interface NextToken {
  /** The likeliest token, the first of several. */
  readonly best: number;
  /** f32 [V]: the distribution at the temperature that is sampled with; needed unless that is 0. */
  readonly probabilities?: Float32Array;
}

/**
 * One token. Top-k is applied before top-p, as in `transformers`.
 * @param random draws exactly one number, none when greedy
 */
export function sampleToken(
  { best, probabilities }: NextToken,
  { temperature, topK, topP }: SamplingOptions,
  random: Random,
): number {
  if (temperature === 0 || topK === 1) return best;
  if (!probabilities) throw new Error('internal: a row that is sampled has no distribution');
  if (topK === 0 && topP >= 1) return draw(probabilities, random.next());
  const total = topK === 0 ? sum(probabilities) : Number.NaN;
  let kept = likeliest(probabilities, (ids) =>
    topK > 0 ? ids.length >= topK : ids.reduce((mass, id) => mass + probabilities[id], 0) >= topP * total,
  );
  if (topK > 0) kept = kept.slice(0, topK);
  let weights = Float32Array.from(kept, (id) => probabilities[id]);
  if (topP < 1) {
    const limit = topP * (topK > 0 ? sum(weights) : total);
    weights = weights.subarray(0, nucleus(weights, limit));
  }
  return kept[draw(weights, random.next() * sum(weights))];
}

/** Index of the largest element; the first of several. */
export function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

/** How many of the likeliest, best first, reach a mass; at least one. */
export function nucleus(weights: ArrayLike<number>, limit: number): number {
  let mass = 0;
  let count = 0;
  while (count < weights.length && mass < limit) mass += weights[count++];
  return Math.max(count, 1);
}

/**
 * The likeliest tokens, best first, equal ones by id: at least so many that `enough` holds. Only
 * these are sorted; sorting a whole vocabulary of 50,000 takes longer than the forward pass.
 */
export function likeliest(
  probabilities: Float32Array,
  enough: (ids: readonly number[]) => boolean,
): number[] {
  const largest = probabilities[argmax(probabilities)];
  for (let least = Math.exp(-4); ; least *= least) {
    const ids: number[] = [];
    for (let id = 0; id < probabilities.length; id++) {
      if (!(probabilities[id] < least * largest)) ids.push(id);
    }
    if (ids.length === probabilities.length || enough(ids))
      return ids.sort((a, b) => probabilities[b] - probabilities[a] || a - b);
  }
}

/** The index at which the weights before and at it exceed `mass`; the last with a weight, when none do. */
function draw(weights: Float32Array, mass: number): number {
  let rest = mass;
  let last = 0;
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] === 0) continue;
    last = i;
    rest -= weights[i];
    if (rest < 0) return i;
  }
  return last;
}

function sum(weights: Float32Array): number {
  let total = 0;
  for (let i = 0; i < weights.length; i++) total += weights[i];
  return total;
}
