/** The parameters of a model whose matrices lie in a store, for a graph that trains an adapter on top of them. */
import type { Graph, Value } from '../graph/graph.js';
import type { Dim } from '../graph/shape.js';
import type { Projection } from '../model/architectures/architecture.js';
import type { ModelConfig } from '../model/config.js';
import { adaptedModules, type LoraConfig, projectionName } from '../model/lora-modules.js';
import type { QuantisedStore } from '../model/quantised-store.js';
import { projectFrozen } from './frozen-projection.js';
import type { OutputHead } from './output-head.js';
import { type DecoderParameters, loraInputs, rmsNorm } from './parameters.js';
import { StoredConstants } from './stored-projection.js';

export class StoredParameters implements DecoderParameters {
  readonly inputs = new Map<string, Value>();
  private readonly constants: StoredConstants;
  private readonly adapted;
  private readonly products;

  /** @param zero scalar input that is fed 0 */
  constructor(
    private readonly graph: Graph,
    private readonly config: ModelConfig,
    private readonly store: QuantisedStore,
    lora: LoraConfig | undefined,
    zero: Value,
  ) {
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
      outputs.push(...projectFrozen(x, this.constants.product(product), loras));
    }
    return outputs;
  }

  linear(layer: number, projection: Projection, x: Value): Value {
    return this.linears(layer, [projection], x)[0];
  }

  norm(name: string, x: Value): Value {
    return rmsNorm(x, this.constants.array(name, this.store.vectors[name]), this.config.rmsEps);
  }

  /** The rows themselves are an input, `x`. */
  embedded(count: Dim): Value {
    return this.graph.input('x', this.graph.float, [count, this.config.width]);
  }

  private input(name: string, shape: readonly number[]): Value {
    const known = this.inputs.get(name);
    if (known) return known;
    const value = this.graph.input(name, this.graph.float, shape);
    this.inputs.set(name, value);
    return value;
  }

  get head(): OutputHead {
    const name = this.config.tied ? 'model.embed_tokens' : 'lm_head';
    return this.constants.head(this.products.get(name)!, this.config.logitCap);
  }
}
