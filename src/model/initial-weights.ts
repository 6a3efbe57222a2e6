/** Weights of a model that has learned nothing. */
import { Random } from '../random.js';
import type { ModelConfig } from './config.js';
import { weightShapes } from './layout.js';
import type { Tensor } from './model.js';

/** Normal weights, σ = 0.02, those that write to the residual stream smaller by √(2·layers), as in GPT-2. */
export function initialWeights(
  config: ModelConfig,
  seed: number,
  random = new Random(seed, 'initial weights'),
): Map<string, Tensor> {
  const weights = new Map<string, Tensor>();
  for (const [name, dims] of weightShapes(config)) {
    const size = dims.reduce((product, dim) => product * dim, 1);
    const data = new Float32Array(size);
    const scale = /(o_proj|down_proj)/.test(name) ? 0.02 / Math.sqrt(2 * config.layers) : 0.02;
    // a norm that changes no scale, a bias that adds nothing
    const flat = name.endsWith('.bias') ? 0 : 1 - config.architecture.normOffset;
    for (let i = 0; i < size; i++) data[i] = dims.length === 1 ? flat : scale * random.normal();
    weights.set(name, { shape: dims, data });
  }
  return weights;
}
