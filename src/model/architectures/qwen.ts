/** Qwen2 and Qwen2.5: Llama with biases on q, k and v. Qwen3: with norms on queries and keys instead. */
import type { Architecture } from './architecture.js';
import { llama } from './llama.js';

/** Yang et al. 2024, arXiv:2407.10671. */
export const qwen2: Architecture = {
  ...llama,
  name: 'qwen2',
  title: 'Qwen2 and Qwen2.5',
  huggingFace: {
    ...llama.huggingFace,
    className: 'Qwen2ForCausalLM',
    modelType: 'qwen2',
    defaults: { ...llama.huggingFace.defaults, maxPositions: 32768, kvHeads: 32 },
    neutral: {},
    // q, k and v always have biases and o never has one, whatever attention_bias says
    write: undefined,
  },
  gguf: { name: 'qwen2', permuted: false, keys: [], tensors: {} },
  biases: ['q_proj', 'k_proj', 'v_proj'],
};

/** Yang et al. 2025, arXiv:2505.09388. */
export const qwen3: Architecture = {
  ...llama,
  name: 'qwen3',
  title: 'Qwen3',
  huggingFace: {
    ...llama.huggingFace,
    className: 'Qwen3ForCausalLM',
    modelType: 'qwen3',
    defaults: { ...llama.huggingFace.defaults, maxPositions: 32768, kvHeads: 32, headSize: 128 },
    neutral: { attention_bias: [false], qk_norm: [true], use_qk_norm: [true] },
  },
  gguf: { name: 'qwen3', permuted: false, keys: [], tensors: {} },
  qkNorm: 'head',
};
