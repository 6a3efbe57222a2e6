/** Granite 3: Llama with factors on embeddings, attention scores, the residual stream and logits. */
import { positive } from '../../files/json-file.js';
import type { Architecture, Variation } from './architecture.js';
import { llama } from './llama.js';
import { rounded } from './window.js';

/** A factor, undefined where it changes nothing. */
const unlessOne = (factor: number): number | undefined => (factor === 1 ? undefined : factor);

/** The factors as both formats name them; logits are divided. */
function scales(factor: (of: 'attention' | 'embedding' | 'residual' | 'logits') => number): Variation {
  return {
    attentionScale: factor('attention'),
    embeddingScale: unlessOne(factor('embedding')),
    residualScale: unlessOne(factor('residual')),
    logitScale: unlessOne(1 / factor('logits')),
  };
}

const keys = {
  attention: 'attention_multiplier',
  embedding: 'embedding_multiplier',
  residual: 'residual_multiplier',
  logits: 'logits_scaling',
} as const;

const ggufKeys = {
  attention: 'attention.scale',
  embedding: 'embedding_scale',
  residual: 'residual_scale',
  logits: 'logit_scale',
} as const;

/** IBM 2024, github.com/ibm-granite/granite-3.0-language-models. */
export const granite: Architecture = {
  ...llama,
  name: 'granite',
  title: 'Granite',
  huggingFace: {
    ...llama.huggingFace,
    className: 'GraniteForCausalLM',
    modelType: 'granite',
    keys: Object.values(keys),
    read: ({ json, where }) => scales((of) => positive(json, keys[of], where, 1)),
    write: ({ attentionScale, embeddingScale = 1, residualScale = 1, logitScale = 1 }, { headSize }) => ({
      attention_bias: false,
      attention_multiplier: attentionScale ?? headSize ** -0.5,
      embedding_multiplier: embeddingScale,
      residual_multiplier: residualScale,
      logits_scaling: rounded(1 / logitScale),
    }),
  },
  gguf: {
    name: 'granite',
    permuted: true,
    divisors: true,
    keys: Object.values(ggufKeys),
    tensors: {},
    write: ({ attentionScale, embeddingScale = 1, residualScale = 1, logitScale = 1 }, { headSize }) => ({
      [ggufKeys.attention]: { f32: attentionScale ?? headSize ** -0.5 },
      [ggufKeys.embedding]: { f32: embeddingScale },
      [ggufKeys.residual]: { f32: residualScale },
      [ggufKeys.logits]: { f32: 1 / logitScale },
    }),
    read: ({ headSize, positive }) =>
      scales((of) => positive(ggufKeys[of]) ?? (of === 'attention' ? headSize ** -0.5 : 1)),
  },
};
