/** A model that has gone further the way that training takes it. */
import type { Tensor, Weights } from './model.js';

/**
 * What sets the trained weights apart from the frozen ones, times `factor`.
 *
 * @param trained an adapter, or all weights
 * @param frozen  where all weights are trained; absent: an adapter, whose product A·B is scaled
 */
export function amplify(trained: Weights, factor: number, frozen?: Weights): Map<string, Tensor> {
  return new Map(
    [...trained].map(([name, { shape, data }]) => {
      const from = frozen?.get(name)?.data;
      if (from) return [name, { shape, data: data.map((x, i) => from[i] + factor * (x - from[i])) }];
      return [name, { shape, data: name.endsWith('.lora_B') ? data.map((x) => factor * x) : data.slice() }];
    }),
  );
}
