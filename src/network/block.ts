/**
 * One decoder block, composed as its architecture's row says: norms before and after each part, fused
 * or separate projections, norms on queries and keys, the activation, the factor on what is added to
 * the residual stream.
 */
import type { Value } from '../graph/graph.js';
import { add, mul, reshape, scalar, split } from '../graph/ops.js';
import { product } from '../graph/shape.js';
import type { NormName } from '../model/architectures/architecture.js';
import type { ModelConfig } from '../model/config.js';
import { activations } from './activation.js';
import type { Heads } from './attention.js';
import type { DecoderParameters } from './parameters.js';
import { rotate } from './rotary.js';

/** Which token stands where, and the rotary tables of one layer. */
export interface Places {
  readonly shape: Heads;
  /** int64 [B, T]. */
  readonly positions: Value;
  /** [P, rotarySize / 2], as is `sin`. */
  readonly cos: Value;
  readonly sin: Value;
}

/** Attention of queries [B, T, heads·H] to keys and values [B, T, kvHeads·H]: [B·T, heads·H]. */
export type Mix = (q: Value, k: Value, v: Value) => Value;

/**
 * The residual stream after a block.
 *
 * @param x the residual stream before it, [B·T, width]
 */
export function decoderBlock(
  parameters: DecoderParameters,
  config: ModelConfig,
  layer: number,
  x: Value,
  places: Places,
  mix: Mix,
): Value {
  const { norms } = config.architecture;
  const norm = (name: NormName | undefined, value: Value) =>
    name ? parameters.norm(`model.layers.${layer}.${name.huggingFace}.weight`, value) : value;
  const scaled = (value: Value) =>
    config.residualScale === undefined ? value : mul(value, scalar(value, config.residualScale));

  const { q, k, v } = attentionInputs(parameters, config, layer, norm(norms.beforeAttention, x), places);
  const attended = parameters.linear(layer, 'o_proj', mix(q, k, v));
  const h = add(x, scaled(norm(norms.afterAttention, attended)));
  const fed = feedForward(parameters, config, layer, norm(norms.beforeFeed, h));
  return add(h, scaled(norm(norms.afterFeed, fed)));
}

/** Queries and keys with their norms and positions, and values: [B, T, heads·H] and twice [B, T, kvHeads·H]. */
function attentionInputs(
  parameters: DecoderParameters,
  config: ModelConfig,
  layer: number,
  x: Value,
  places: Places,
): { q: Value; k: Value; v: Value } {
  const { heads, kvHeads, headSize, architecture } = config;
  const { B, T } = places.shape;
  const rows = (value: Value) => reshape(value, [B, T, value.shape[1]]);
  const positioned = (value: Value, of: 'q' | 'k') => {
    const name = `model.layers.${layer}.self_attn.${of}_norm.weight`;
    return rotate(rows(headNorm(parameters, architecture.qkNorm, name, value, headSize)), places, headSize);
  };
  if (architecture.projections.includes('qkv_proj')) {
    const sizes = [heads, kvHeads, kvHeads].map((count) => count * headSize);
    const [q, k, v] = split(parameters.linear(layer, 'qkv_proj', x), 1, sizes);
    return { q: positioned(q, 'q'), k: positioned(k, 'k'), v: rows(v) };
  }
  const [q, k, v] = parameters.linears(layer, ['q_proj', 'k_proj', 'v_proj'], x);
  return { q: positioned(q, 'q'), k: positioned(k, 'k'), v: rows(v) };
}

/** Norm of queries or keys [N, heads·H]: of each head, or of all together. */
function headNorm(
  parameters: DecoderParameters,
  kind: 'none' | 'head' | 'projection',
  name: string,
  x: Value,
  headSize: number,
): Value {
  if (kind === 'none') return x;
  if (kind === 'projection') return parameters.norm(name, x);
  const heads = reshape(x, [product([x.shape[0], (x.shape[1] as number) / headSize]), headSize]);
  return reshape(parameters.norm(name, heads), x.shape);
}

function feedForward(parameters: DecoderParameters, config: ModelConfig, layer: number, x: Value): Value {
  const { architecture, ffn } = config;
  const [gate, up] = architecture.projections.includes('gate_up_proj')
    ? split(parameters.linear(layer, 'gate_up_proj', x), 1, [ffn, ffn])
    : parameters.linears(layer, ['gate_proj', 'up_proj'], x);
  return parameters.linear(layer, 'down_proj', mul(activations[architecture.activation](gate), up));
}
