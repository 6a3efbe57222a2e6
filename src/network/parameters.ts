/** The parameters of a model as inputs of its graph, and the layers that are made of one parameter each. */
import type { Graph, Value } from '../graph/graph.js';
import { add, div, mul, reduceMean, scalar, simplifiedLayerNormalization, sqrt } from '../graph/ops.js';
import type { Projection } from '../model/architectures/architecture.js';
import type { ModelConfig } from '../model/config.js';
import { projectionShape } from '../model/lora.js';
import {
  type AdaptedModule,
  adaptedModules,
  type LoraConfig,
  projectionName,
} from '../model/lora-modules.js';
import { project } from './projection.js';

export class Parameters {
  /** Parameters by name, in the order of first use. */
  readonly inputs = new Map<string, Value>();
  private readonly adapted: ReadonlyMap<string, AdaptedModule>;

  /** @param lora its factors become inputs `….lora_A` and `….lora_B` */
  constructor(
    readonly graph: Graph,
    private readonly config: ModelConfig,
    lora: LoraConfig | undefined,
  ) {
    this.adapted = lora ? adaptedModules(config, lora) : new Map();
  }

  /** The input that holds a parameter; made when it is first asked for. */
  get(name: string, shape: readonly number[]): Value {
    const known = this.inputs.get(name);
    if (known) return known;
    const value = this.graph.input(name, this.graph.float, shape);
    this.inputs.set(name, value);
    return value;
  }

  /** A projection of a layer, with its bias and its adapter: [N, in] → [N, out]. */
  linear(layer: number, projection: Projection, x: Value): Value {
    const { config } = this;
    const name = projectionName(layer, projection);
    const [inner, outer] = projectionShape(config, projection);
    const adapted = this.adapted.get(name);
    const weight = this.get(`${name}.weight`, [inner, outer]);
    const biased = config.architecture.biases.includes(projection);
    return project(x, {
      weight,
      ...(biased ? { bias: this.get(`${name}.bias`, [outer]) } : {}),
      ...(adapted
        ? {
            lora: {
              a: this.get(`${name}.lora_A`, [inner, adapted.rank]),
              b: this.get(`${name}.lora_B`, [adapted.rank, outer]),
              scale: adapted.scale,
            },
          }
        : {}),
    });
  }

  /** RMSNorm over the last axis, by the weight of that name. */
  norm(name: string, x: Value): Value {
    const weight = this.get(name, [x.shape.at(-1) as number]);
    const { normOffset } = this.config.architecture;
    const scale = normOffset === 0 ? weight : add(weight, scalar(weight, normOffset));
    return rmsNorm(x, scale, this.config.rmsEps);
  }
}

/** x / √(mean x² + ε) · scale. Zhang and Sennrich 2019, arXiv:1910.07467. */
export function rmsNorm(x: Value, scale: Value, epsilon: number): Value {
  if (x.graph.fused) return simplifiedLayerNormalization(x, scale, epsilon)[0];
  const mean = reduceMean(mul(x, x), [-1], true);
  return mul(div(x, sqrt(add(mean, scalar(x, epsilon)))), scale);
}
