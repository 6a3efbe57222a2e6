/**
 * AdamW. Kingma and Ba 2014, arXiv:1412.6980; decoupled decay: Loshchilov and Hutter 2017,
 * arXiv:1711.05101.
 */
import type { Tensor, Weights } from '../model/model.js';

/** Arrays by parameter name, shaped like the parameters. */
export type Gradients = ReadonlyMap<string, Float32Array>;

/** AdamW's constants; the learning rate comes with each update. */
export interface AdamWConfig {
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
}

/** PyTorch's constants, without decay. */
export const defaultAdamW: AdamWConfig = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0 };

/** Updates parameters in place, and holds their moments. */
export class AdamW {
  /** Updates made so far. */
  steps = 0;
  private readonly mean: Map<string, Float32Array>;
  private readonly square: Map<string, Float32Array>;

  constructor(
    private readonly parameters: Weights,
    private readonly config: AdamWConfig,
  ) {
    const zeros = () =>
      new Map([...parameters].map(([name, { data }]) => [name, new Float32Array(data.length)]));
    this.mean = zeros();
    this.square = zeros();
  }

  /**
   * Makes one update. Vectors (norms, biases) are not decayed, as in `transformers`.
   *
   * @param gradients one per parameter
   * @param scale     factor on the gradients, e.g. of clipping
   */
  update(gradients: Gradients, learningRate: number, scale = 1): void {
    const { beta1, beta2, eps, weightDecay } = this.config;
    this.steps += 1;
    const bias1 = 1 - beta1 ** this.steps;
    const bias2 = Math.sqrt(1 - beta2 ** this.steps);
    const size = learningRate / bias1;
    for (const [name, { data, shape }] of this.parameters) {
      const grad = gradients.get(name)!;
      const m = this.mean.get(name)!;
      const v = this.square.get(name)!;
      const keep = shape.length > 1 ? 1 - learningRate * weightDecay : 1;
      for (let i = 0; i < data.length; i++) {
        const g = scale * grad[i];
        m[i] = beta1 * m[i] + (1 - beta1) * g;
        v[i] = beta2 * v[i] + (1 - beta2) * g * g;
        data[i] = keep * data[i] - (size * m[i]) / (Math.sqrt(v[i]) / bias2 + eps);
      }
    }
  }

  /** The moments as tensors `mean.NAME` and `square.NAME`, for a checkpoint. */
  tensors(): Map<string, Tensor> {
    const all = new Map<string, Tensor>();
    for (const [name, { shape }] of this.parameters) {
      all.set(`mean.${name}`, { shape, data: this.mean.get(name)! });
      all.set(`square.${name}`, { shape, data: this.square.get(name)! });
    }
    return all;
  }
}

/** L2 norm over all gradients, summed in float64. */
export function gradientNorm(gradients: Gradients): number {
  let sum = 0;
  for (const grad of gradients.values()) for (let i = 0; i < grad.length; i++) sum += grad[i] * grad[i];
  return Math.sqrt(sum);
}

/** The factor that brings a gradient’s norm down to `max`, at most 1; a `max` of 0 does not clip. */
export function clipFactor(norm: number, max: number): number {
  return max > 0 && norm > max ? max / norm : 1;
}
