/**
 * ModelConfig from GGUF metadata.
 *
 * A key that is neither read, here or by the architecture's row, nor known to change nothing is refused:
 * experts, windows, scales and soft caps change every answer. The rotary embedding is in gguf-rope.ts.
 */
import { ModelError } from '../errors.js';
import type { GgufSource, Shape } from './architectures/architecture.js';
import { checkSizes, type ModelConfig } from './config.js';
import type { GgufHeader } from './gguf-header.js';
import { type RopeTensors, readGgufRope, shortest } from './gguf-rope.js';

/**
 * @param ropeTensors the file's tensors of rotary divisors, where it has some
 * @param eosTokenIds tokens that end a response, from the tokenizer
 * @throws ModelError a property that cannot be built
 */
export function configFromGguf(
  header: GgufHeader,
  eosTokenIds: readonly number[],
  ropeTensors: RopeTensors = {},
): ModelConfig {
  const { path, architecture, row, metadata, tensors } = header;
  const key = (name: string) => `${row.name}.${name}`;
  const width = metadata.integer(key('embedding_length'));
  const heads = metadata.integer(key('attention.head_count'));
  const sizes = {
    vocabSize: tensors.get('token_embd.weight')?.shape[0] ?? metadata.strings('tokenizer.ggml.tokens').length,
    width,
    layers: metadata.integer(key('block_count')),
    heads,
    kvHeads: metadata.integer(key('attention.head_count_kv'), heads),
    headSize: metadata.number(key('attention.key_length'), width / heads),
    ffn: metadata.integer(key('feed_forward_length')),
    maxPositions: metadata.integer(key('context_length')),
  };
  const keys = {
    vocabSize: 'token_embd.weight',
    width: key('embedding_length'),
    layers: key('block_count'),
    heads: key('attention.head_count'),
    kvHeads: key('attention.head_count_kv'),
    headSize: key('attention.key_length'),
    ffn: key('feed_forward_length'),
    maxPositions: key('context_length'),
  };
  checkSizes(sizes, path, keys);
  refuseUnread(header, sizes.headSize);
  const rope = readGgufRope(header, sizes, ropeTensors);
  const { maxPositions } = rope;
  checkSizes({ ...sizes, maxPositions }, path, { ...keys, maxPositions: 'the stretched context' });
  return {
    architecture,
    ...sizes,
    maxPositions,
    rmsEps: shortest(metadata.number(key('attention.layer_norm_rms_epsilon'))),
    ropeTheta: rope.theta,
    ...(rope.scaling && { ropeScaling: rope.scaling }),
    ...(rope.rotarySize === undefined ? {} : { rotarySize: rope.rotarySize }),
    ...row.read?.(sourceOf(header, { ...sizes, maxPositions })),
    tied: !tensors.has('output.weight'),
    eosTokenIds,
  };
}

/** The metadata as a row reads it. */
function sourceOf({ path, row, metadata }: GgufHeader, shape: Shape): GgufSource {
  const key = (name: string) => `${row.name}.${name}`;
  return {
    ...shape,
    path,
    number: (name, otherwise) => shortest(metadata.number(key(name), otherwise)),
    positive: (name) => {
      const value = shortest(metadata.number(key(name), 0));
      return value > 0 ? value : undefined;
    },
    flags: (name) => {
      const value = metadata.plain(key(name));
      return Array.isArray(value) ? value.map(Boolean) : undefined;
    },
  };
}

/** Keys of an architecture that are read, here and in gguf-rope.ts, or that no part of a forward pass asks for. */
const read = new Set([
  ...['context_length', 'embedding_length', 'block_count', 'feed_forward_length', 'vocab_size'],
  ...['attention.head_count', 'attention.head_count_kv', 'attention.key_length'],
  ...['attention.layer_norm_rms_epsilon', 'attention.layer_norm_epsilon', 'tensor_data_layout'],
  ...['rope.freq_base', 'rope.scale_linear', 'rope.scaling.type', 'rope.scaling.factor'],
  ...['rope.scaling.attn_factor', 'rope.scaling.original_context_length', 'rope.scaling.finetuned'],
  ...['rope.scaling.yarn_beta_fast', 'rope.scaling.yarn_beta_slow', 'pooling_type'],
]);

const anyEven = (most: number): number[] => Array.from({ length: most / 2 }, (_, i) => 2 * (i + 1));

/** @throws ModelError naming the first key that changes the forward pass and is not built */
function refuseUnread({ path, row, architecture, metadata }: GgufHeader, headSize: number): void {
  const harmless: Readonly<Record<string, readonly unknown[]>> = {
    'attention.value_length': [headSize],
    'rope.dimension_count': architecture.partialRotary ? anyEven(headSize) : [headSize],
    'attention.scale': [0],
    'attention.causal': [true],
    'rope.scaling.yarn_ext_factor': [1, -1],
    'rope.scaling.yarn_attn_factor': [1],
    logit_scale: [0, 1],
    residual_scale: [0, 1],
    embedding_scale: [0, 1],
    'attention.output_scale': [0, 1],
  };
  for (const name of metadata.keys(`${row.name}.`)) {
    if (read.has(name) || row.keys.includes(name)) continue;
    const value = metadata.plain(`${row.name}.${name}`);
    // what is absent is off in every other key: experts, windows, soft caps
    const allowed = harmless[name] ?? [0, false];
    if (allowed.includes(value)) continue;
    throw new ModelError({
      where: `${path}: ${row.name}.${name}`,
      what: 'this model cannot be built',
      expected: allowed.join(' or '),
      got: Array.isArray(value) ? `a list of ${value.length}` : String(value),
      next: 'choose a model without it',
    });
  }
}
