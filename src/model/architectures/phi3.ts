/** Phi-3 and Phi-4-mini: Llama with fused projections, in some models a window or a partial rotary embedding. */
import type { Architecture } from './architecture.js';
import { llama } from './llama.js';
import { windowEverywhere, windowOf } from './window.js';

/** Abdin et al. 2024, arXiv:2404.14219; Phi-4-mini: arXiv:2503.01743. */
export const phi3: Architecture = {
  ...llama,
  name: 'phi3',
  title: 'Phi-3 and Phi-4',
  huggingFace: {
    ...llama.huggingFace,
    className: 'Phi3ForCausalLM',
    modelType: 'phi3',
    defaults: {
      ...llama.huggingFace.defaults,
      maxPositions: 4096,
      rmsEps: 1e-5,
      originalMaxPositions: 4096,
    },
    neutral: { attention_bias: [false], layer_types: [] },
    keys: ['sliding_window'],
    read: (source) => ({ window: windowEverywhere(source) }),
    // transformers assumes token 32000 for padding, which a small vocabulary lacks
    write: ({ window }) => ({ sliding_window: window?.size ?? null, pad_token_id: null }),
  },
  gguf: {
    name: 'phi3',
    permuted: false,
    untypedLongRope: true,
    controlStrips: true,
    divisors: true,
    keys: ['attention.sliding_window'],
    tensors: { 'mlp.gate_up_proj': 'ffn_up' },
    read: ({ layers, maxPositions, path, positive }) => {
      const size = positive('attention.sliding_window') ?? maxPositions;
      if (size >= maxPositions) return {};
      return { window: windowOf(size, new Array<boolean>(layers).fill(true), path) };
    },
    write: ({ window }) => ({ 'attention.sliding_window': { u32: window?.size ?? 0 } }),
  },
  projections: ['qkv_proj', 'o_proj', 'gate_up_proj', 'down_proj'],
  partialRotary: true,
};
