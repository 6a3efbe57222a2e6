/**
 * What a decoder looks like: sizes, rotary embedding, and what sets Llama, Qwen2 and Qwen3 apart.
 *
 * One flat value for all three architectures, so that whoever builds a graph asks for a
 * property (`qkNorm`), never for a name. Reading and writing Hugging Face's config.json
 * is in hf-config.ts.
 */

/** The architectures that can be built. */
export type Architecture = 'llama' | 'qwen2' | 'qwen3';

/** Llama 3's stretching of the rotary frequencies for long contexts. */
export interface RopeScaling {
  kind: 'llama3';
  factor: number;
  lowFreqFactor: number;
  highFreqFactor: number;
  /** Tokens the model was trained on before stretching. */
  originalMaxPositions: number;
}

/** A decoder-only transformer with RMSNorm, rotary embedding, grouped attention and SwiGLU. */
export interface ModelConfig {
  architecture: Architecture;
  vocabSize: number;
  /** Width of the residual stream (`hidden_size`). */
  width: number;
  layers: number;
  heads: number;
  /** Key/value heads; divides `heads`. */
  kvHeads: number;
  /** Size of one head; heads × headSize may differ from `width` (Qwen3). */
  headSize: number;
  /** Inner width of the feed-forward block (`intermediate_size`). */
  ffn: number;
  rmsEps: number;
  ropeTheta: number;
  /** Longest context, in tokens. */
  maxPositions: number;
  ropeScaling?: RopeScaling;
  /** lm_head shares model.embed_tokens.weight. */
  tied: boolean;
  /** q/k/v projections have biases (Qwen2). */
  attentionBias: boolean;
  /** q_norm and k_norm on every head (Qwen3). */
  qkNorm: boolean;
  /** Tokens that end a response. */
  eosTokenIds: readonly number[];
}
