/**
 * A decoder as a graph: tokens in, hidden states out.
 *
 * The same blocks serve training (whole sequences, differentiated, recomputed where
 * asked), scoring, and generation (first the prompt, then token by token on a cache).
 * Weights are inputs of the graph, so that all sessions read one copy. A block is in
 * block.ts, the loss head in `loss/`.
 */
import { checkpoint } from '../autodiff/checkpoint.js';
import type { Graph, Value } from '../graph/graph.js';
import type { Integers } from '../graph/int8-ops.js';
import {
  and,
  equal,
  greaterOrEqual,
  mul,
  or,
  part,
  reshape,
  scalar,
  sub,
  transpose,
  where,
} from '../graph/ops.js';
import { type Dim, product } from '../graph/shape.js';
import type { ModelConfig } from '../model/config.js';
import type { LoraConfig } from '../model/lora-modules.js';
import type { QuantisedStore } from '../model/quantised-store.js';
import { rotarySize } from '../model/rope-scaling.js';
import { attend, attendCached, type Heads, type LayerCache, masked } from './attention.js';
import { decoderBlock, type Mix, type Places } from './block.js';
import { logitsOf, type OutputHead } from './output-head.js';
import { type DecoderParameters, Parameters } from './parameters.js';
import { StoredParameters } from './stored-parameters.js';

export interface TransformerOptions {
  /** Adapter; its factors become inputs `….lora_A` and `….lora_B`. */
  readonly lora?: LoraConfig;
  /** Matrices of projections are integers of 8 bits and get no gradient. */
  readonly int8?: Integers | undefined;
  /** Recompute each block in the backward pass instead of keeping its activations. */
  readonly checkpointing?: boolean;
  /** The matrices lie in a store, in blocks, and get no gradient; embeddings are the input `x` instead of `ids`. */
  readonly store?: QuantisedStore | undefined;
  /** Let segments branch off others: one more input, `trunks`. */
  readonly branching?: boolean;
  /** Is given the residual stream after each layer, [rows, width]; what it returns flows on. */
  readonly onResidual?: (layer: number, residual: Value) => Value;
}

/** The rotary tables of all layers: two pairs where layers with a window have a base of their own. */
interface Tables {
  readonly shape: Heads;
  readonly positions: Value;
  readonly global: Pick<Places, 'cos' | 'sin'>;
  readonly local?: Pick<Places, 'cos' | 'sin'>;
}

export class Transformer {
  private readonly parameters: DecoderParameters;
  private readonly zero?: Value;
  private readonly heads: Omit<Heads, 'B' | 'T'>;

  constructor(
    readonly graph: Graph,
    readonly config: ModelConfig,
    readonly options: TransformerOptions = {},
  ) {
    const { heads, kvHeads, headSize, attentionScale = 1 / Math.sqrt(headSize), attentionCap } = config;
    this.heads = { heads, kvHeads, headSize, scale: attentionScale, cap: attentionCap };
    const { lora, int8, store, checkpointing } = options;
    if (store || checkpointing) this.zero = graph.input('zero', graph.float, []);
    this.parameters = store
      ? new StoredParameters(graph, config, { store, lora, int8, zero: this.zero! })
      : new Parameters(graph, config, lora, int8);
  }

  /**
   * Hidden states of whole sequences, after the last norm.
   *
   * Tokens see earlier tokens of their own segment only; several segments may share a row.
   * Inputs made: `ids`, `positions`, `segments` (int64 [B, T]), `cos`, `sin` ([P, R/2] for R
   * dimensions that rotate), the same as `local_cos`, `local_sin` where layers with a window have
   * a rotary base of their own; with branching also `trunks` (int64 [B, T]), a second segment that
   * a token sees.
   *
   * @param onCache receives each layer's keys and values, [T, B, kvHeads, H]
   * @returns       [B·T, width]
   */
  sequences(B: Dim, T: Dim, onCache?: (layer: number, cache: LayerCache) => void): Value {
    const { graph } = this;
    const segments = graph.input('segments', 'int64', [B, T]);
    const tables = this.tables(B, T);
    const bias = this.causalBias(segments, tables.positions, B, T);
    const zero = this.options.checkpointing ? this.zero : undefined;
    let h = this.embedded(B, T);
    for (let layer = 0; layer < this.config.layers; layer++) {
      const mix = (q: Value, k: Value, v: Value) => {
        onCache?.(layer, { keys: this.timeFirst(k, tables.shape), values: this.timeFirst(v, tables.shape) });
        return attend(q, k, v, bias(layer), tables.shape);
      };
      const block = (x: Value) => graph.scope(`layer${layer}`, () => this.block(layer, x, tables, mix));
      h = this.seen(layer, zero ? checkpoint(h, zero, block) : block(h));
    }
    return this.finished(h);
  }

  /**
   * The hidden state of one new token per row, after the last norm.
   *
   * Inputs made: `ids`, `positions` (int64 [B, 1]), `cos`, `sin`, `bias` ([B, 1, 1, P]: 0 for
   * cached tokens that count, −1e9 for padding), and per layer `keys.N`, `values.N` [P, B, kvHeads, H].
   *
   * @param onCache receives the new token's keys and values, [1, B, kvHeads, H]
   * @returns       [B, width]
   */
  nextToken(B: Dim, P: Dim, onCache: (layer: number, cache: LayerCache) => void): Value {
    const { graph, config } = this;
    const tables = this.tables(B, 1);
    const bias = graph.input('bias', graph.float, [B, 1, 1, P]);
    let h = this.embedded(B, 1);
    for (let layer = 0; layer < config.layers; layer++) {
      const shape: Dim[] = [P, B, config.kvHeads, config.headSize];
      const cache = {
        keys: graph.input(`keys.${layer}`, graph.float, shape),
        values: graph.input(`values.${layer}`, graph.float, shape),
      };
      const block = this.block(layer, h, tables, (q, k, v) => {
        onCache(layer, { keys: this.timeFirst(k, tables.shape), values: this.timeFirst(v, tables.shape) });
        const seen = this.inWindow(layer, cache, bias);
        return attendCached(q, k, v, seen.bias, seen, tables.shape);
      });
      h = this.seen(layer, block);
    }
    return this.finished(h);
  }

  /** Logits of hidden states [R, width]: [R, vocab]. */
  logits(hidden: Value): Value {
    return logitsOf(hidden, this.head);
  }

  /** What turns hidden states into logits. */
  get head(): OutputHead {
    return this.parameters.head;
  }

  /** The inputs that hold parameters, by name, in the order in which they were first used. */
  get parameterInputs(): ReadonlyMap<string, Value> {
    return this.parameters.inputs;
  }

  private seen(layer: number, residual: Value): Value {
    return this.options.onResidual?.(layer, residual) ?? residual;
  }

  /** The residual stream before the first block, [B·T, width]. */
  private embedded(B: Dim, T: Dim): Value {
    const count = product([B, T]);
    const ids = () => reshape(this.graph.input('ids', 'int64', [B, T]), [count]);
    return times(this.parameters.embedded(count, ids), this.config.embeddingScale);
  }

  /** The states that predict: after the last norm, times the factor on logits. */
  private finished(h: Value): Value {
    return times(this.parameters.norm('model.norm.weight', h), this.config.logitScale);
  }

  private tables(B: Dim, T: Dim): Tables {
    const { graph, config } = this;
    const half = rotarySize(config) / 2;
    const positions = graph.input('positions', 'int64', [B, T]);
    const pair = (prefix: string) => ({
      cos: graph.input(`${prefix}cos`, graph.float, [`P_${prefix}rotary`, half]),
      sin: graph.input(`${prefix}sin`, graph.float, [`P_${prefix}rotary`, half]),
    });
    const global = pair('');
    const local = config.localRopeTheta === undefined ? undefined : pair('local_');
    return { shape: { ...this.heads, B, T }, positions, global, local };
  }

  private block(layer: number, x: Value, tables: Tables, mix: Mix): Value {
    const { shape, positions, global, local = global } = tables;
    const places = { shape, positions, ...(this.windowOf(layer) === undefined ? global : local) };
    return decoderBlock(this.parameters, this.config, layer, x, places, mix);
  }

  /** Tokens that a layer sees, its own included; undefined where it sees all. */
  private windowOf(layer: number): number | undefined {
    const { window } = this.config;
    return window?.layers[layer] ? window.size : undefined;
  }

  /**
   * 0 where query i may see key j, `masked` elsewhere, for each layer: [B, 1, T, T]. A token sees
   * tokens of its segment or its trunk that are not later, and in layers with a window not too far back.
   */
  private causalBias(segments: Value, positions: Value, B: Dim, T: Dim): (layer: number) => Value {
    const { graph } = this;
    const rows = (x: Value) => reshape(x, [B, 1, T, 1]);
    const columns = (x: Value) => reshape(x, [B, 1, 1, T]);
    const own = equal(rows(segments), columns(segments));
    const seen = this.options.branching
      ? or(own, equal(rows(graph.input('trunks', 'int64', [B, T])), columns(segments)))
      : own;
    const visible = and(seen, greaterOrEqual(rows(positions), columns(positions)));
    const biasOf = (mask: Value) => where(mask, graph.constant(0), graph.constant(masked));
    const full = biasOf(visible);
    const { window } = this.config;
    if (window === undefined) return () => full;
    const farthest = graph.constant(window.size - 1, 'int64');
    const near = greaterOrEqual(farthest, sub(rows(positions), columns(positions)));
    const windowed = biasOf(and(visible, near));
    return (layer) => (this.windowOf(layer) === undefined ? full : windowed);
  }

  /** The part of a layer's cache that its window holds beside the new token. */
  private inWindow(layer: number, cache: LayerCache, bias: Value): LayerCache & { bias: Value } {
    const size = this.windowOf(layer);
    if (size === undefined) return { ...cache, bias };
    const last = (x: Value, axis: number) =>
      part(x, axis, 1 - size, Number.MAX_SAFE_INTEGER, `min(P,${size - 1})`);
    return { keys: last(cache.keys, 0), values: last(cache.values, 0), bias: last(bias, 3) };
  }

  /** [B, T, kvHeads·H] as the cache keeps it, [T, B, kvHeads, H]. */
  private timeFirst(x: Value, { B, T, kvHeads, headSize }: Heads): Value {
    return transpose(reshape(x, [B, T, kvHeads, headSize]), [1, 0, 2, 3]);
  }
}

const times = (x: Value, factor: number | undefined): Value =>
  factor === undefined ? x : mul(x, scalar(x, factor));
