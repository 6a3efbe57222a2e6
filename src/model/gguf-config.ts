/**
 * ModelConfig from GGUF metadata.
 *
 * llama.cpp writes Llama 3's rotary scaling as a tensor of divisors instead of its four
 * numbers; they are found again by trying the published ones. What the product's model
 * does not have (experts, sliding windows, other rotary scalings) is refused.
 */
import { ModelError } from '../errors.js';
import type { ModelConfig, RopeScaling } from './config.js';
import type { GgufHeader } from './gguf-header.js';

/**
 * @param ropeFactors contents of `rope_freqs.weight` [headSize / 2], where the file has one
 * @param eosTokenIds tokens that end a response, from the tokenizer
 * @throws ModelError a property that cannot be built
 */
export function configFromGguf(
  header: GgufHeader,
  eosTokenIds: readonly number[],
  ropeFactors?: Float32Array,
): ModelConfig {
  const { path, architecture, metadata, tensors } = header;
  const key = (name: string) => `${architecture}.${name}`;
  const width = metadata.integer(key('embedding_length'));
  const heads = metadata.integer(key('attention.head_count'));
  const headSize = metadata.integer(key('attention.key_length'), width / heads);
  const ropeTheta = shortest(metadata.number(key('rope.freq_base'), 10000));
  refuse(path, key('expert_count'), metadata.integer(key('expert_count'), 0), 0);
  refuse(
    path,
    key('attention.value_length'),
    metadata.integer(key('attention.value_length'), headSize),
    headSize,
  );
  refuse(
    path,
    key('rope.dimension_count'),
    metadata.integer(key('rope.dimension_count'), headSize),
    headSize,
  );
  refuse(path, key('attention.sliding_window'), metadata.integer(key('attention.sliding_window'), 0), 0);
  const scaling = metadata.string(key('rope.scaling.type'), 'none');
  if (scaling !== 'none' && metadata.number(key('rope.scaling.factor'), 1) !== 1) {
    refuse(path, key('rope.scaling.type'), scaling, 'none');
  }
  const embedding = tensors.get('token_embd.weight');
  return {
    architecture,
    vocabSize: embedding?.shape[0] ?? metadata.strings('tokenizer.ggml.tokens').length,
    width,
    layers: metadata.integer(key('block_count')),
    heads,
    kvHeads: metadata.integer(key('attention.head_count_kv'), heads),
    headSize,
    ffn: metadata.integer(key('feed_forward_length')),
    rmsEps: shortest(metadata.number(key('attention.layer_norm_rms_epsilon'))),
    ropeTheta,
    maxPositions: metadata.integer(key('context_length')),
    ...(ropeFactors && { ropeScaling: recogniseRopeScaling(path, ropeFactors, ropeTheta, headSize) }),
    tied: !tensors.has('output.weight'),
    attentionBias: architecture === 'qwen2',
    qkNorm: architecture === 'qwen3',
    eosTokenIds,
  };
}

function refuse(path: string, key: string, got: number | string, expected: number | string): void {
  if (got === expected) return;
  throw new ModelError({
    where: `${path}: ${key}`,
    what: 'this model cannot be built',
    expected: String(expected),
    got: String(got),
  });
}

/** The shortest decimal that a float32 may stand for: 9.999999747378752e-6 → 1e-5. */
function shortest(value: number): number {
  const short = Number(value.toPrecision(7));
  return Math.fround(short) === Math.fround(value) ? short : value;
}

/** Llama 3.1 (8), 3.2 (32): low 1, high 4, trained on 8192 tokens. The factor is the largest divisor. */
function recogniseRopeScaling(
  path: string,
  divisors: Float32Array,
  ropeTheta: number,
  headSize: number,
): RopeScaling | undefined {
  const factor = shortest(Math.max(...divisors));
  if (factor === 1 && divisors.every((divisor) => divisor === 1)) return undefined;
  const guess: RopeScaling = {
    kind: 'llama3',
    factor,
    lowFreqFactor: 1,
    highFreqFactor: 4,
    originalMaxPositions: 8192,
  };
  const expected = llama3Divisors(guess, ropeTheta, headSize);
  // The tensor was computed in float32.
  if (
    divisors.length === expected.length &&
    expected.every((value, i) => Math.abs(value - divisors[i]) <= 1e-4 * value)
  ) {
    return guess;
  }
  throw new ModelError({
    where: `${path}: rope_freqs.weight`,
    what: 'rotary scaling is not that of a known Llama 3',
    expected: 'low_freq_factor 1, high_freq_factor 4, original_max_position_embeddings 8192',
    next: 'use the model in Hugging Face format, whose config.json names the numbers',
  });
}

/** Divisor of each rotary frequency, [headSize / 2]: 1 for short wavelengths, `factor` for long ones. */
function llama3Divisors(scaling: RopeScaling, theta: number, headSize: number): number[] {
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = scaling;
  return Array.from({ length: headSize / 2 }, (_, i) => {
    const wavelength = 2 * Math.PI * theta ** ((2 * i) / headSize);
    if (wavelength < originalMaxPositions / highFreqFactor) return 1;
    if (wavelength > originalMaxPositions / lowFreqFactor) return factor;
    const smooth = (originalMaxPositions / wavelength - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
    return 1 / ((1 - smooth) / factor + smooth);
  });
}
