/** Mistral: Llama, in its first version with a window in every layer. Its GGUF files are called `llama`. */
import type { Architecture } from './architecture.js';
import { llama } from './llama.js';
import { windowEverywhere } from './window.js';

/** Jiang et al. 2023, arXiv:2310.06825. */
export const mistral: Architecture = {
  ...llama,
  name: 'mistral',
  title: 'Mistral',
  huggingFace: {
    ...llama.huggingFace,
    className: 'MistralForCausalLM',
    modelType: 'mistral',
    defaults: { ...llama.huggingFace.defaults, maxPositions: 131_072, kvHeads: 8 },
    neutral: { attention_bias: [false], layer_types: [] },
    keys: ['sliding_window'],
    // transformers assumes the first version's window where the key is missing
    read: (source) => ({ window: windowEverywhere(source, 4096) }),
    write: ({ window }) => ({ sliding_window: window?.size ?? null }),
  },
  gguf: undefined,
  ggufAs: llama.gguf,
};
