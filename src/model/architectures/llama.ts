/** Llama: the row that most others are variations of. */
import type { Architecture } from './architecture.js';

/** Touvron et al. 2023, arXiv:2302.13971; Llama 2 and 3, SmolLM2, TinyLlama. */
export const llama: Architecture = {
  name: 'llama',
  title: 'Llama',
  huggingFace: {
    className: 'LlamaForCausalLM',
    modelType: 'llama',
    activationKey: 'hidden_act',
    defaults: { maxPositions: 2048, rmsEps: 1e-6, ropeTheta: 10_000, tied: false },
    neutral: { attention_bias: [false] },
    keys: [],
    write: () => ({ attention_bias: false }),
  },
  gguf: { name: 'llama', permuted: true, divisors: true, keys: [], tensors: {} },
  projections: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
  biases: [],
  norms: {
    beforeAttention: { huggingFace: 'input_layernorm', gguf: 'attn_norm' },
    beforeFeed: { huggingFace: 'post_attention_layernorm', gguf: 'ffn_norm' },
  },
  partialRotary: false,
  normOffset: 0,
  qkNorm: 'none',
  activation: 'silu',
};
