/** The parameters of a model as inputs of its graph, and the layers that are made of one parameter each. */
import type { DType, Graph, Value } from '../graph/graph.js';
import type { Integers } from '../graph/int8-ops.js';
import {
  add,
  div,
  gather,
  mul,
  reduceMean,
  scalar,
  simplifiedLayerNormalization,
  sqrt,
} from '../graph/ops.js';
import type { Dim } from '../graph/shape.js';
import type { Projection } from '../model/architectures/architecture.js';
import type { ModelConfig } from '../model/config.js';
import { projectionShape } from '../model/lora.js';
import {
  type AdaptedModule,
  adaptedModules,
  type LoraConfig,
  projectionName,
} from '../model/lora-modules.js';
import type { LowRank } from './frozen-projection.js';
import { projectInt8 } from './int8-projection.js';
import { floatHead, type OutputHead } from './output-head.js';
import { project } from './projection.js';

/** Names of the inputs that hold a layer's matrix in 8 bits, [in, out], and the scales of its outputs. */
export const int8Input = (layer: string): string => `${layer}.int8`;
export const scalesInput = (layer: string): string => `${layer}.scales`;

/** What a decoder computes with: its layers of one parameter each, wherever their numbers lie. */
export interface DecoderParameters {
  /** Parameters that are inputs of the graph, by name, in the order of first use. */
  readonly inputs: ReadonlyMap<string, Value>;
  /** Projections of a layer that read the same, with their biases and adapters: [N, in] → [N, out] each. */
  linears(layer: number, projections: readonly Projection[], x: Value): readonly Value[];
  /** A projection of a layer, with its bias and its adapter: [N, in] → [N, out]. */
  linear(layer: number, projection: Projection, x: Value): Value;
  /** RMSNorm over the last axis, by the weight of that name. */
  norm(name: string, x: Value): Value;
  /** Embeddings of the tokens that a graph reads, [count, width]. @param ids makes the input that holds them, int64 [count] */
  embedded(count: Dim, ids: () => Value): Value;
  /** What turns hidden states into logits. */
  readonly head: OutputHead;
}

/**
 * The factors of an adapter as inputs of a graph.
 *
 * @param get   the input of a name and shape
 * @param shape of the matrix that is adapted, [in, out]
 */
export function loraInputs(
  get: (name: string, shape: readonly number[]) => Value,
  name: string,
  [inner, outer]: readonly [number, number],
  { rank, scale }: AdaptedModule,
): LowRank {
  return { a: get(`${name}.lora_A`, [inner, rank]), b: get(`${name}.lora_B`, [rank, outer]), scale };
}

export class Parameters implements DecoderParameters {
  /** Parameters by name, in the order of first use. */
  readonly inputs = new Map<string, Value>();
  private readonly adapted: ReadonlyMap<string, AdaptedModule>;

  /**
   * @param lora its factors become inputs `….lora_A` and `….lora_B`
   * @param int8 what the matrices of projections are, which are then inputs `….int8` and `….scales`
   */
  constructor(
    readonly graph: Graph,
    private readonly config: ModelConfig,
    lora: LoraConfig | undefined,
    private readonly int8?: Integers,
  ) {
    this.adapted = lora ? adaptedModules(config, lora) : new Map();
  }

  /** The input that holds a parameter; made when it is first asked for. */
  get(name: string, shape: readonly number[], dtype: DType = this.graph.float): Value {
    const known = this.inputs.get(name);
    if (known) return known;
    const value = this.graph.input(name, dtype, shape);
    this.inputs.set(name, value);
    return value;
  }

  linears(layer: number, projections: readonly Projection[], x: Value): readonly Value[] {
    if (!this.int8) return projections.map((projection) => this.linear(layer, projection, x));
    const layers = projections.map((projection) => {
      const { name, inner, outer, ...added } = this.around(layer, projection);
      const values = this.get(int8Input(name), [inner, outer], this.int8);
      return { values, scales: this.get(scalesInput(name), [outer]), ...added };
    });
    return projectInt8(x, layers);
  }

  linear(layer: number, projection: Projection, x: Value): Value {
    if (this.int8) return this.linears(layer, [projection], x)[0];
    const { name, inner, outer, ...added } = this.around(layer, projection);
    return project(x, { weight: this.get(`${name}.weight`, [inner, outer]), ...added });
  }

  /** What a projection has beside its matrix. */
  private around(layer: number, projection: Projection) {
    const { config } = this;
    const name = projectionName(layer, projection);
    const [inner, outer] = projectionShape(config, projection);
    const adapted = this.adapted.get(name);
    const biased = config.architecture.biases.includes(projection);
    return {
      ...{ name, inner, outer },
      ...(biased ? { bias: this.get(`${name}.bias`, [outer]) } : {}),
      ...(adapted ? { lora: loraInputs((...of) => this.get(...of), name, [inner, outer], adapted) } : {}),
    };
  }

  embedded(_count: Dim, ids: () => Value): Value {
    return gather(this.embedding, ids());
  }

  get head(): OutputHead {
    const { tied, width, vocabSize, logitCap } = this.config;
    const matrix = tied ? this.embedding : this.get('lm_head.weight', [width, vocabSize]);
    return floatHead({ matrix, tied }, logitCap);
  }

  private get embedding(): Value {
    return this.get('model.embed_tokens.weight', [this.config.vocabSize, this.config.width]);
  }

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
