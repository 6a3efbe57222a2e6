/**
 * The weights of a frozen copy as constants of a graph: products of quantised matrices, norms, and on
 * top of them an adapter, which is an input.
 */
import { matMulNBits, normOfSum } from '../graph/frozen-ops.js';
import type { Graph, Value } from '../graph/graph.js';
import { add, concat, filled, gemm, matMul, reduceSum, reshape } from '../graph/ops.js';
import type { Dim } from '../graph/shape.js';
import type { Projection } from '../model/architectures/architecture.js';
import type { ModelConfig } from '../model/config.js';
import {
  type AdaptedModule,
  adaptedModules,
  type LoraConfig,
  projectionName,
} from '../model/lora-modules.js';
import {
  type QuantisedStore,
  type StoredArray,
  type StoredProduct,
  weightsFile,
} from '../model/quantised-store.js';
import { rmsNorm } from './parameters.js';

export class StoredWeights {
  private readonly products = new Map<string, { readonly product: StoredProduct; readonly part: number }>();
  private readonly adapted: ReadonlyMap<string, AdaptedModule>;
  private readonly sums = new Map<Value, Value>();

  /** @param lora its factors become inputs `….lora_A` and `….lora_B` */
  constructor(
    private readonly graph: Graph,
    private readonly config: ModelConfig,
    private readonly store: QuantisedStore,
    lora: LoraConfig | undefined,
  ) {
    for (const product of store.products) {
      for (const [part, { name }] of product.parts.entries()) this.products.set(name, { product, part });
    }
    this.adapted = lora ? adaptedModules(config, lora) : new Map();
  }

  /** Projections of one input side by side: [N, in] → [N, sum of their outputs]. */
  linear(layer: number, projections: readonly Projection[], x: Value): Value {
    const names = projections.map((projection) => projectionName(layer, projection));
    const outputs: Value[] = [];
    for (let i = 0; i < names.length; ) {
      const { product } = this.products.get(names[i])!;
      outputs.push(this.adaptedProduct(product, x));
      i += product.parts.length;
    }
    return outputs.length === 1 ? outputs[0] : concat(outputs, 1);
  }

  /** Logits of hidden states: [R, width] → [R, vocab]. */
  head(hidden: Value): Value {
    const name = this.config.tied ? 'model.embed_tokens' : 'lm_head';
    return this.product(this.products.get(name)!.product, hidden);
  }

  /** RMSNorm over the last axis; the store has what it multiplies with, offset included. */
  norm(name: string, x: Value): Value {
    return rmsNorm(x, this.array(name, this.store.vectors[name]), this.config.rmsEps);
  }

  /** The norm of x + added, and the sum. */
  normOfSum(name: string, x: Value, added: Value): { normed: Value; sum: Value } {
    return normOfSum(x, added, this.array(name, this.store.vectors[name]), this.config.rmsEps);
  }

  private product({ format, parts, matrix, scales, offsets, bias }: StoredProduct, x: Value): Value {
    const [{ name }] = parts;
    const W = this.array(`${name}.weight`, matrix);
    const added = bias && this.array(`${name}.bias`, bias);
    if (!format) {
      const y = matMul(x, W);
      return added ? add(y, added) : y;
    }
    const y = matMulNBits(x, {
      ...format,
      q: W,
      scales: this.array(`${name}.scales`, scales!),
      ...(added ? { bias: added } : {}),
    });
    return offsets ? gemm(this.blockSums(x, format.blockSize), this.array(`${name}.offsets`, offsets), y) : y;
  }

  /** Σ x over each block: [N, K] → [N, K/block]. */
  private blockSums(x: Value, blockSize: number): Value {
    const known = this.sums.get(x);
    if (known) return known;
    const [N, K] = x.shape as [Dim, number];
    const sums = reduceSum(reshape(x, [N, K / blockSize, blockSize]), [2]);
    this.sums.set(x, sums);
    return sums;
  }

  /** A product with what adapters add to its parts. */
  private adaptedProduct(product: StoredProduct, x: Value): Value {
    const y = this.product(product, x);
    const { parts, inner } = product;
    const factors = (name: string, outputs: number, rank: number) => ({
      a: this.graph.input(`${name}.lora_A`, this.graph.float, [inner, rank]),
      b: this.graph.input(`${name}.lora_B`, this.graph.float, [rank, outputs]),
    });
    if (!parts.some(({ name }) => this.adapted.has(name))) return y;
    if (parts.length === 1) {
      const [{ name, outputs }] = parts;
      const { rank, scale } = this.adapted.get(name)!;
      const { a, b } = factors(name, outputs, rank);
      return gemm(matMul(x, a), b, y, { alpha: scale });
    }
    const added = parts.map(({ name, outputs }) => {
      const lora = this.adapted.get(name);
      if (!lora) return filled(x, [x.shape[0], outputs], 0);
      const { a, b } = factors(name, outputs, lora.rank);
      return matMul(matMul(x, a), b, { alpha: lora.scale });
    });
    return add(y, concat(added, 1));
  }

  private array(name: string, { dtype, shape, at }: StoredArray): Value {
    return this.graph.fromFile(name, dtype, shape, weightsFile, at);
  }
}
