/**
 * What a decoder looks like: its architecture's row, sizes, rotary embedding, and what the model has of
 * its own.
 *
 * Whoever builds a graph asks for a property (`architecture.qkNorm`), never for a name. Reading
 * and writing Hugging Face's config.json is in hf-config.ts, GGUF metadata in gguf-config.ts.
 */
import { ModelError } from '../errors.js';
import type { Architecture, Variation } from './architectures/architecture.js';
import type { RopeScaling } from './rope-scaling.js';

/** What is known of every language model, also of one whose graph cannot be built here. */
export interface ModelSizes {
  vocabSize: number;
  /** Width of the residual stream (`hidden_size`). */
  width: number;
  layers: number;
  /** Longest context, in tokens. */
  maxPositions: number;
  /** Tokens that end a response. */
  eosTokenIds: readonly number[];
}

/** A decoder-only transformer with RMSNorm, rotary embedding and grouped attention. */
export interface ModelConfig extends ModelSizes, Variation {
  architecture: Architecture;
  heads: number;
  /** Key/value heads; divides `heads`. */
  kvHeads: number;
  /** Size of one head; heads × headSize may differ from `width` (Qwen3). */
  headSize: number;
  /** Inner width of the feed-forward block (`intermediate_size`). */
  ffn: number;
  rmsEps: number;
  ropeTheta: number;
  ropeScaling?: RopeScaling;
  /** Dimensions of a head that rotate, from its first. Absent: all. */
  rotarySize?: number;
  /** The output matrix is model.embed_tokens.weight. */
  tied: boolean;
}

/** Whether the architecture is one of those whose graphs are built here. */
export const isKnown = (config: ModelSizes): config is ModelConfig => 'architecture' in config;

/** The configuration that graphs and adapters are made by. @throws ModelError when the architecture is not known here */
export function knownConfig(config: ModelSizes, where: string): ModelConfig {
  if (isKnown(config)) return config;
  throw new ModelError({
    where,
    what: 'the architecture is not known here, so that its weights and adapters cannot be read',
    next: 'train and ask the model with engine: torch or tinker; PEFT reads its adapters',
  });
}

/** Sizes far above every published model: a number beyond them is damage or an attack. */
const largest = {
  layers: 1024,
  width: 1 << 17,
  heads: 4096,
  kvHeads: 4096,
  headSize: 4096,
  ffn: 1 << 20,
  vocabSize: 1 << 23,
  maxPositions: 1 << 25,
} as const;

type Size = keyof typeof largest;

/**
 * Checks sizes against each other and against bounds, before anything is made of them.
 *
 * @param where the file
 * @param keys what the file calls each size
 * @throws ModelError naming the first size that cannot be
 */
export function checkSizes(
  config: Pick<ModelConfig, Size>,
  where: string,
  keys: Readonly<Record<Size, string>>,
): void {
  const wrong = (size: Size, expected: string) =>
    new ModelError({
      where,
      what: `${keys[size]} is not supported`,
      expected,
      got: String(config[size]),
    });
  for (const [size, most] of Object.entries(largest) as [Size, number][]) {
    const value = config[size];
    if (!Number.isSafeInteger(value) || value < 1) throw wrong(size, 'a positive integer');
    if (value > most) throw wrong(size, `at most ${most}`);
  }
  if (config.heads % config.kvHeads !== 0) throw wrong('kvHeads', `a divisor of ${config.heads} heads`);
  if (config.headSize % 2 !== 0) throw wrong('headSize', 'an even number');
}
