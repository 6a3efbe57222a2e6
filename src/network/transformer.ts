/**
 * A decoder of the Llama family as a graph: tokens in, hidden states out.
 *
 * The same blocks serve training (whole sequences, differentiated, recomputed where
 * asked), scoring, and generation (first the prompt, then token by token on a cache).
 * Weights are inputs of the graph, so that all sessions read one copy. The loss head is
 * in `loss/`.
 */
import { checkpoint } from '../autodiff/checkpoint.js';
import type { Graph, Value } from '../graph/graph.js';
import {
  add,
  and,
  div,
  equal,
  gather,
  greaterOrEqual,
  matMul,
  mul,
  or,
  quickGelu,
  reduceMean,
  reshape,
  scalar,
  sigmoid,
  simplifiedLayerNormalization,
  sqrt,
  transpose,
  where,
} from '../graph/ops.js';
import { type Dim, product } from '../graph/shape.js';
import type { ModelConfig } from '../model/config.js';
import { projectionShape } from '../model/lora.js';
import {
  type AdaptedModule,
  adaptedModules,
  type LoraConfig,
  type Projection,
  projectionName,
} from '../model/lora-modules.js';
import { attend, attendCached, type Heads, type LayerCache, masked } from './attention.js';
import { project } from './projection.js';
import { rotate } from './rotary.js';

export interface TransformerOptions {
  /** Adapter; its factors become inputs `….lora_A` and `….lora_B`. */
  readonly lora?: LoraConfig;
  /** Recompute each block in the backward pass instead of keeping its activations. */
  readonly checkpointing?: boolean;
  /** Let segments branch off others: one more input, `trunks`. */
  readonly branching?: boolean;
  /** Is given the residual stream after each layer, [rows, width]; what it returns flows on. */
  readonly onResidual?: (layer: number, residual: Value) => Value;
}

/** What a block hands to the next: the residual stream, and its shape. */
interface Stream {
  readonly shape: Heads;
  readonly positions: Value;
  readonly cos: Value;
  readonly sin: Value;
}

export class Transformer {
  private readonly parameters = new Map<string, Value>();
  private readonly heads: Omit<Heads, 'B' | 'T'>;
  private readonly adapted: ReadonlyMap<string, AdaptedModule>;

  constructor(
    readonly graph: Graph,
    readonly config: ModelConfig,
    readonly options: TransformerOptions = {},
  ) {
    const { heads, kvHeads, headSize } = config;
    this.heads = { heads, kvHeads, headSize };
    this.adapted = options.lora ? adaptedModules(config, options.lora) : new Map();
  }

  /**
   * Hidden states of whole sequences, after the last norm.
   *
   * Tokens see earlier tokens of their own segment only; several segments may share a row.
   * Inputs made: `ids`, `positions`, `segments` (int64 [B, T]), `cos`, `sin` ([P, H/2]); with
   * branching also `trunks` (int64 [B, T]), a second segment that a token sees.
   *
   * @param onCache receives each layer's keys and values, [T, B, kvHeads, H]
   * @returns       [B·T, width]
   */
  sequences(B: Dim, T: Dim, onCache?: (layer: number, cache: LayerCache) => void): Value {
    const { graph } = this;
    const ids = graph.input('ids', 'int64', [B, T]);
    const segments = graph.input('segments', 'int64', [B, T]);
    const stream = this.stream(B, T);
    const bias = this.causalBias(segments, stream.positions, B, T);
    const zero = this.options.checkpointing ? graph.input('zero', graph.float, []) : undefined;
    let h = gather(this.embedding, reshape(ids, [product([B, T])]));
    for (let layer = 0; layer < this.config.layers; layer++) {
      const mix = (q: Value, k: Value, v: Value) => {
        onCache?.(layer, { keys: this.timeFirst(k, stream.shape), values: this.timeFirst(v, stream.shape) });
        return attend(q, k, v, bias, stream.shape);
      };
      const block = (x: Value) => graph.scope(`layer${layer}`, () => this.block(layer, x, stream, mix));
      h = this.seen(layer, zero ? checkpoint(h, zero, block) : block(h));
    }
    return this.norm('model.norm.weight', h);
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
    const ids = graph.input('ids', 'int64', [B, 1]);
    const stream = this.stream(B, 1);
    const bias = graph.input('bias', graph.float, [B, 1, 1, P]);
    let h = gather(this.embedding, reshape(ids, [B]));
    for (let layer = 0; layer < config.layers; layer++) {
      const shape: Dim[] = [P, B, config.kvHeads, config.headSize];
      const cache = {
        keys: graph.input(`keys.${layer}`, graph.float, shape),
        values: graph.input(`values.${layer}`, graph.float, shape),
      };
      const block = this.block(layer, h, stream, (q, k, v) => {
        onCache(layer, { keys: this.timeFirst(k, stream.shape), values: this.timeFirst(v, stream.shape) });
        return attendCached(q, k, v, bias, cache, stream.shape);
      });
      h = this.seen(layer, block);
    }
    return this.norm('model.norm.weight', h);
  }

  /** Logits of hidden states [R, width]: [R, vocab]. */
  logits(hidden: Value): Value {
    return matMul(hidden, this.head, { transB: this.config.tied });
  }

  /** The output matrix: [vocab, width] when tied to the embedding, else [width, vocab]. */
  get head(): Value {
    const { tied, width, vocabSize } = this.config;
    return tied ? this.embedding : this.parameter('lm_head.weight', [width, vocabSize]);
  }

  /** The inputs that hold parameters, by name, in the order in which they were first used. */
  get parameterInputs(): ReadonlyMap<string, Value> {
    return this.parameters;
  }

  private seen(layer: number, residual: Value): Value {
    return this.options.onResidual?.(layer, residual) ?? residual;
  }

  private get embedding(): Value {
    return this.parameter('model.embed_tokens.weight', [this.config.vocabSize, this.config.width]);
  }

  private parameter(name: string, shape: readonly number[]): Value {
    const known = this.parameters.get(name);
    if (known) return known;
    const value = this.graph.input(name, this.graph.float, shape);
    this.parameters.set(name, value);
    return value;
  }

  private stream(B: Dim, T: Dim): Stream {
    const { graph, config } = this;
    const half = config.headSize / 2;
    return {
      shape: { ...this.heads, B, T },
      positions: graph.input('positions', 'int64', [B, T]),
      cos: graph.input('cos', graph.float, ['P_rotary', half]),
      sin: graph.input('sin', graph.float, ['P_rotary', half]),
    };
  }

  /** 0 where query i may see key j (same segment or its trunk, not later), `masked` elsewhere: [B, 1, T, T]. */
  private causalBias(segments: Value, positions: Value, B: Dim, T: Dim): Value {
    const { graph } = this;
    const rows = (x: Value) => reshape(x, [B, 1, T, 1]);
    const columns = (x: Value) => reshape(x, [B, 1, 1, T]);
    const own = equal(rows(segments), columns(segments));
    const seen = this.options.branching
      ? or(own, equal(rows(graph.input('trunks', 'int64', [B, T])), columns(segments)))
      : own;
    const visible = and(seen, greaterOrEqual(rows(positions), columns(positions)));
    return where(visible, graph.constant(0), graph.constant(masked));
  }

  private block(
    layer: number,
    x: Value,
    stream: Stream,
    mix: (q: Value, k: Value, v: Value) => Value,
  ): Value {
    const prefix = `model.layers.${layer}`;
    const linear = (input: Value, projection: Projection) => this.linear(layer, projection, input);
    const attentionInput = this.norm(`${prefix}.input_layernorm.weight`, x);
    const q = this.positioned(`${prefix}.self_attn.q_norm.weight`, linear(attentionInput, 'q_proj'), stream);
    const k = this.positioned(`${prefix}.self_attn.k_norm.weight`, linear(attentionInput, 'k_proj'), stream);
    const v = this.split(linear(attentionInput, 'v_proj'), stream);
    const h = add(x, linear(mix(q, k, v), 'o_proj'));
    const feedInput = this.norm(`${prefix}.post_attention_layernorm.weight`, h);
    const gated = swiglu(linear(feedInput, 'gate_proj'), linear(feedInput, 'up_proj'));
    return add(h, linear(gated, 'down_proj'));
  }

  private linear(layer: number, projection: Projection, x: Value): Value {
    const { config } = this;
    const name = projectionName(layer, projection);
    const [inner, outer] = projectionShape(config, projection);
    const adapted = this.adapted.get(name);
    const weight = this.parameter(`${name}.weight`, [inner, outer]);
    const biased = config.attentionBias && /^[qkv]_/.test(projection);
    return project(x, {
      weight,
      ...(biased ? { bias: this.parameter(`${name}.bias`, [outer]) } : {}),
      ...(adapted
        ? {
            lora: {
              a: this.parameter(`${name}.lora_A`, [inner, adapted.rank]),
              b: this.parameter(`${name}.lora_B`, [adapted.rank, outer]),
              scale: adapted.scale,
            },
          }
        : {}),
    });
  }

  /** Queries or keys with their norm per head (Qwen3) and their position: [B, T, heads·H]. */
  private positioned(normName: string, x: Value, stream: Stream): Value {
    const { headSize, qkNorm } = this.config;
    let y = x;
    if (qkNorm)
      y = this.norm(
        normName,
        reshape(x, [product([x.shape[0], (x.shape[1] as number) / headSize]), headSize]),
      );
    return rotate(this.split(reshape(y, x.shape), stream), stream.positions, stream.cos, stream.sin);
  }

  private split(x: Value, { shape: { B, T } }: Stream): Value {
    return reshape(x, [B, T, x.shape[1]]);
  }

  /** [B, T, kvHeads·H] as the cache keeps it, [T, B, kvHeads, H]. */
  private timeFirst(x: Value, { B, T, kvHeads, headSize }: Heads): Value {
    return transpose(reshape(x, [B, T, kvHeads, headSize]), [1, 0, 2, 3]);
  }

  private norm(name: string, x: Value): Value {
    const size = x.shape.at(-1) as number;
    return rmsNorm(x, this.parameter(name, [size]), this.config.rmsEps);
  }
}

/** x / √(mean x² + ε) · scale. Zhang and Sennrich 2019, arXiv:1910.07467. */
function rmsNorm(x: Value, scale: Value, epsilon: number): Value {
  if (x.graph.fused) return simplifiedLayerNormalization(x, scale, epsilon)[0];
  const mean = reduceMean(mul(x, x), [-1], true);
  return mul(div(x, sqrt(add(mean, scalar(x, epsilon)))), scale);
}

/** SiLU(gate)∘up. Shazeer 2020, arXiv:2002.05202. */
function swiglu(gate: Value, up: Value): Value {
  return mul(gate.graph.fused ? quickGelu(gate) : mul(gate, sigmoid(gate)), up);
}
