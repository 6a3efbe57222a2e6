/** OLMo 2: norms after attention and feed-forward parts alone, and on queries and keys over all heads together. */
import type { Architecture } from './architecture.js';
import { llama } from './llama.js';

/** OLMo team 2025, arXiv:2501.00656. */
export const olmo2: Architecture = {
  ...llama,
  name: 'olmo2',
  title: 'OLMo 2',
  huggingFace: {
    ...llama.huggingFace,
    className: 'Olmo2ForCausalLM',
    modelType: 'olmo2',
    defaults: { ...llama.huggingFace.defaults, rmsEps: 1e-5 },
  },
  gguf: { name: 'olmo2', permuted: false, keys: [], tensors: {} },
  norms: {
    afterAttention: { huggingFace: 'post_attention_layernorm', gguf: 'post_attention_norm' },
    afterFeed: { huggingFace: 'post_feedforward_layernorm', gguf: 'post_ffw_norm' },
  },
  qkNorm: 'projection',
};
