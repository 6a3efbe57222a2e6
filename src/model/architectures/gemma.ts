/**
 * Gemma 2 and 3: norms before and after each part that multiply with 1 + weight, GeGLU, embeddings
 * times √width, windows in most layers. Gemma 2 caps scores and logits; Gemma 3 has norms on queries
 * and keys instead, and another rotary base in the layers with a window.
 */
import { isObject, type Json, positive, readCount, wrong } from '../../files/json-file.js';
import type {
  Architecture,
  GgufNumber,
  GgufSource,
  HuggingFaceSource,
  Shape,
  Variation,
} from './architecture.js';
import { llama } from './llama.js';
import { layerTypes, periodic, rounded, windowedLayers, windowOf } from './window.js';

const norms: Architecture['norms'] = {
  beforeAttention: { huggingFace: 'input_layernorm', gguf: 'attn_norm' },
  afterAttention: { huggingFace: 'post_attention_layernorm', gguf: 'post_attention_norm' },
  beforeFeed: { huggingFace: 'pre_feedforward_layernorm', gguf: 'ffn_norm' },
  afterFeed: { huggingFace: 'post_feedforward_layernorm', gguf: 'post_ffw_norm' },
};

/** What both have of their own in config.json. @param period each so many-th layer has no window */
function readCommon(source: HuggingFaceSource, period: number): Variation {
  const { json, where, width } = source;
  const layers = windowedLayers(source, period);
  return {
    window: windowOf(readCount(json, 'sliding_window', where, 4096), layers, where),
    attentionScale: positive(json, 'query_pre_attn_scalar', where, 256) ** -0.5,
    embeddingScale: Math.sqrt(width),
  };
}

function writeCommon({ window, attentionScale }: Variation, layers: number, headSize: number): Json {
  return {
    attention_bias: false,
    ...layerTypes(window, layers),
    sliding_window: window?.size ?? 4096,
    query_pre_attn_scalar: attentionScale === undefined ? headSize : rounded(attentionScale ** -2),
  };
}

/** What both have of their own in GGUF. @param largest layers of the 27B model, whose scale llama.cpp knows by them */
function ggufCommon(source: GgufSource, period: number, largest: number): Variation {
  const { width, layers, heads, headSize, path } = source;
  const pattern =
    source.flags('attention.sliding_window_pattern') ??
    periodic(layers, source.positive('attention.sliding_window_pattern') ?? period);
  const size = source.positive('attention.sliding_window');
  return {
    window: size === undefined ? undefined : windowOf(size, pattern, path),
    attentionScale: (layers === largest ? width / heads : headSize) ** -0.5,
    embeddingScale: Math.sqrt(width),
  };
}

/** A window as long as the context where there is none: llama.cpp assumes one where the key is missing. */
const ggufWindow = (
  { window }: Variation,
  { maxPositions }: Shape,
): Readonly<Record<string, GgufNumber>> => ({
  'attention.sliding_window': { u32: window?.size ?? maxPositions },
});

const cap = ({ json, where }: HuggingFaceSource, key: string, otherwise?: number): number | undefined =>
  json[key] === null || (json[key] === undefined && otherwise === undefined)
    ? undefined
    : positive(json, key, where, otherwise);

/** Gemma team 2024, arXiv:2408.00118. */
export const gemma2: Architecture = {
  ...llama,
  name: 'gemma2',
  title: 'Gemma 2',
  huggingFace: {
    ...llama.huggingFace,
    className: 'Gemma2ForCausalLM',
    modelType: 'gemma2',
    activationKey: 'hidden_activation',
    defaults: {
      ...llama.huggingFace.defaults,
      ...{ maxPositions: 8192, tied: true, kvHeads: 4, headSize: 256 },
    },
    keys: ['sliding_window', 'query_pre_attn_scalar', 'attn_logit_softcapping', 'final_logit_softcapping'],
    read: (source) => ({
      ...readCommon(source, 2),
      attentionCap: cap(source, 'attn_logit_softcapping', 50),
      logitCap: cap(source, 'final_logit_softcapping', 30),
    }),
    write: (variation, { layers, headSize }) => ({
      ...writeCommon(variation, layers, headSize),
      attn_logit_softcapping: variation.attentionCap ?? null,
      final_logit_softcapping: variation.logitCap ?? null,
    }),
  },
  gguf: {
    name: 'gemma2',
    permuted: false,
    keys: [
      ...['attention.sliding_window', 'attention.sliding_window_pattern'],
      ...['attn_logit_softcapping', 'final_logit_softcapping'],
    ],
    tensors: {},
    read: (source) => ({
      ...ggufCommon(source, 2, 46),
      attentionCap: source.positive('attn_logit_softcapping') ?? 50,
      logitCap: source.positive('final_logit_softcapping') ?? 30,
    }),
    write: (variation, shape) => ({
      ...ggufWindow(variation, shape),
      attn_logit_softcapping: { f32: variation.attentionCap ?? 0 },
      final_logit_softcapping: { f32: variation.logitCap ?? 0 },
    }),
  },
  norms,
  normOffset: 1,
  activation: 'gelu_tanh',
};

/** The rotary embedding of one kind of layer in `rope_parameters`, as transformers 5 writes it. */
const ropeOf = (json: Json, kind: 'full_attention' | 'sliding_attention'): Json | undefined => {
  const all = json.rope_parameters;
  return isObject(all) && isObject(all[kind]) ? all[kind] : undefined;
};

/** Base in the layers with a window; they know no scaling. */
function localTheta({ json, where }: HuggingFaceSource): number {
  const { rope_theta, ...rest } = ropeOf(json, 'sliding_attention') ?? {};
  const { rope_type: kind = 'default' } = rest;
  if (kind !== 'default') throw wrong(where, 'rope_parameters: sliding_attention', "'default'", kind);
  const theta = rope_theta ?? json.rope_local_base_freq;
  return positive({ rope_local_base_freq: theta }, 'rope_local_base_freq', where, 10_000);
}

/** Gemma team 2025, arXiv:2503.19786; the text models, and the 270M and 1B models, which are text alone. */
export const gemma3: Architecture = {
  ...gemma2,
  name: 'gemma3',
  title: 'Gemma 3 (text)',
  huggingFace: {
    ...gemma2.huggingFace,
    className: 'Gemma3ForCausalLM',
    modelType: 'gemma3_text',
    defaults: { ...gemma2.huggingFace.defaults, maxPositions: 131_072, ropeTheta: 1_000_000 },
    keys: ['sliding_window', 'query_pre_attn_scalar', 'final_logit_softcapping'],
    plainRope: (json) => {
      const full = ropeOf(json, 'full_attention');
      const nested = full ?? ropeOf(json, 'sliding_attention');
      return nested === undefined ? json : { ...json, rope_parameters: full ?? null };
    },
    read: (source) => {
      const common = readCommon(source, readCount(source.json, 'sliding_window_pattern', source.where, 6));
      return {
        ...common,
        localRopeTheta: common.window ? localTheta(source) : undefined,
        logitCap: cap(source, 'final_logit_softcapping'),
      };
    },
    write: (variation, { layers, headSize }) => ({
      ...writeCommon(variation, layers, headSize),
      rope_local_base_freq: variation.localRopeTheta ?? 10_000,
      final_logit_softcapping: variation.logitCap ?? null,
    }),
  },
  gguf: {
    name: 'gemma3',
    permuted: false,
    keys: [
      ...['attention.sliding_window', 'attention.sliding_window_pattern'],
      ...['rope.freq_base_swa', 'final_logit_softcapping'],
    ],
    tensors: {},
    read: (source) => {
      const common = ggufCommon(source, 6, 62);
      return {
        ...common,
        localRopeTheta: common.window ? source.number('rope.freq_base_swa', 10_000) : undefined,
        logitCap: source.positive('final_logit_softcapping'),
      };
    },
    write: (variation, shape) => ({
      ...ggufWindow(variation, shape),
      'rope.freq_base_swa': { f32: variation.localRopeTheta ?? 10_000 },
      ...(variation.logitCap === undefined ? {} : { final_logit_softcapping: { f32: variation.logitCap } }),
    }),
  },
  qkNorm: 'head',
};
