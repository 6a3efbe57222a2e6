/** A model in memory: tensors, configuration and tokenizer. Reading and writing it is in weights.ts. */
import type { ChatTokenizer } from '../tokenizer/tokenizer.js';
import type { ModelConfig, ModelSizes } from './config.js';

/** A dense row-major float32 array. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Tensors by Hugging Face name, linear matrices as [in, out]. */
export type Weights = ReadonlyMap<string, Tensor>;

/** What a model is, whatever form its weights have. */
export interface NamedModel {
  /** The folder or file it came from. */
  readonly path: string;
  readonly config: ModelSizes;
  readonly tokenizer: ChatTokenizer;
  /** SHA-256 of the weight files (shards in order, one after another), hex. */
  readonly hash: string;
}

/** A model as read from a folder or a GGUF file. */
export interface Model extends NamedModel {
  readonly config: ModelConfig;
  readonly weights: Weights;
}
