/**
 * Weights in memory: names, shapes and layout.
 *
 * Names are exactly those of Hugging Face safetensors. Every linear layer's matrix
 * (`…_proj.weight`, `lm_head.weight`) is held TRANSPOSED, [in, out], so that y = x·W;
 * the embedding stays [vocab, width]. `lm_head.weight` exists only when untied. Reading
 * and writing files is in model-files.ts.
 */
import type { ModelConfig } from './config.js';
import type { ChatTokenizer } from './tokenizer.js';

/** A dense row-major float32 array. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Tensors by Hugging Face name, linear matrices as [in, out]. */
export type Weights = ReadonlyMap<string, Tensor>;

/** A model as read from a folder or a GGUF file. */
export interface Model {
  /** The folder or file it came from. */
  readonly path: string;
  readonly config: ModelConfig;
  readonly weights: Weights;
  readonly tokenizer: ChatTokenizer;
  /** SHA-256 of the weight files, hex. */
  readonly hash: string;
}
