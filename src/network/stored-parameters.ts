/** The parameters of a model whose matrices lie in a store, for a graph that trains an adapter on top of them. */
import type { DType, Graph, Value } from '../graph/graph.js';
import type { Integers } from '../graph/int8-ops.js';
import type { Dim } from '../graph/shape.js';
import type { Projection } from '../model/architectures/architecture.js';
import type { ModelConfig } from '../model/config.js';
import { adaptedModules, type LoraConfig, projectionName } from '../model/lora-modules.js';
import type { QuantisedStore, StoredProduct } from '../model/quantised-store.js';
import { projectFrozen } from './frozen-projection.js';
import type { Int8Matrix } from './int8-projection.js';
import type { OutputHead } from './output-head.js';
import { type DecoderParameters, int8Input, loraInputs, rmsNorm, scalesInput } from './parameters.js';
import { StoredConstants } from './stored-projection.js';

interface StoredOptions {
  readonly store: QuantisedStore;
  readonly lora?: LoraConfig | undefined;
  /** What the matrices of projections are, which are then inputs `….int8` and `….scales`, one for each product of the store. */
  readonly int8?: Integers | undefined;
  /** Scalar input that is fed 0. */
  readonly zero: Value;
}

export class StoredParameters implements DecoderParameters {
  readonly inputs = new Map<string, Value>();
  private readonly constants: StoredConstants;
  private readonly store: QuantisedStore;
  private readonly int8?: Integers | undefined;
  private readonly adapted;
  private readonly products;

  constructor(
    private readonly graph: Graph,
    private readonly config: ModelConfig,
    { store, lora, int8, zero }: StoredOptions,
  ) {
    this.store = store;
    this.int8 = int8;
    this.constants = new StoredConstants(graph, store, zero);
    this.adapted = lora ? adaptedModules(config, lora) : new Map();
    this.products = new Map(store.products.map((product) => [product.parts[0].name, product]));
  }

  linears(layer: number, projections: readonly Projection[], x: Value): readonly Value[] {
    const names = projections.map((projection) => projectionName(layer, projection));
    const outputs: Value[] = [];
    while (outputs.length < names.length) {
      const product = this.products.get(names[outputs.length])!;
      const loras = product.parts.map(({ name, outputs }) => {
        const adapted = this.adapted.get(name);
        return adapted && loraInputs((...of) => this.input(...of), name, [product.inner, outputs], adapted);
      });
      outputs.push(...projectFrozen(x, this.constants.product(product, this.rounded(product)), loras));
    }
    return outputs;
  }

  linear(layer: number, projection: Projection, x: Value): Value {
    return this.linears(layer, [projection], x)[0];
  }

  /** A product's matrix in 8 bits, where projections are. */
  private rounded({ parts: [{ name }], inner, outputs }: StoredProduct): Int8Matrix | undefined {
    if (!this.int8) return undefined;
    const values = this.input(int8Input(name), [inner, outputs], this.int8);
    return { values, scales: this.input(scalesInput(name), [outputs]) };
  }

  norm(name: string, x: Value): Value {
    return rmsNorm(x, this.constants.array(name, this.store.vectors[name]), this.config.rmsEps);
  }

  /** The rows themselves are an input, `x`. */
  embedded(count: Dim): Value {
    return this.graph.input('x', this.graph.float, [count, this.config.width]);
  }

  private input(name: string, shape: readonly number[], dtype: DType = this.graph.float): Value {
    const known = this.inputs.get(name);
    if (known) return known;
    const value = this.graph.input(name, dtype, shape);
    this.inputs.set(name, value);
    return value;
  }

  get head(): OutputHead {
    const name = this.config.tied ? 'model.embed_tokens' : 'lm_head';
    return this.constants.head(this.products.get(name)!, this.config.logitCap);
  }
}
