/**
 * A model's configuration as GGUF metadata, with the tensors of its rotary scaling.
 *
 * The counterpart of gguf-config.ts and gguf-rope.ts: whatever is written is read back by them and compared, so that
 * what GGUF cannot say is refused by name and never lost. The tokenizer is in gguf-tokenizer-write.ts.
 */
import { ModelError } from '../errors.js';
import type { GgufRow } from './architectures/architecture.js';
import type { ModelConfig } from './config.js';
import { configFromGguf } from './gguf-config.js';
import { describeHeader, type ParsedHeader } from './gguf-header.js';
import { llama3Divisors, type RopeTensors } from './gguf-rope.js';
import { ropeTensorNames } from './gguf-weights.js';
import { type GgufEntry, ggufValue } from './gguf-write.js';
import {
  ropeAttentionFactor,
  ropeBorder,
  ropeFrequencies,
  rotarySize,
  yarnAttentionFactor,
} from './rope-scaling.js';

/** Keys and tensors that say what a model computes. */
export interface GgufModel {
  readonly entries: ReadonlyMap<string, GgufEntry>;
  readonly rope: RopeTensors;
  /** The configuration that they stand for: a shorter context than the model's, where GGUF knows no scaling beyond it. */
  readonly config: ModelConfig;
  /** What a person should know of it, a sentence each. */
  readonly notes: readonly string[];
}

/** The row whose name a model's GGUF files carry. @throws ModelError when llama.cpp does not know the architecture */
export function ggufRowOf({ architecture }: ModelConfig, where: string): GgufRow {
  const row = architecture.gguf ?? architecture.ggufAs;
  if (row) return row;
  throw new ModelError({
    where,
    what: `there is no GGUF form of ${architecture.title} models`,
    next: 'export with --format safetensors',
  });
}

/** @param where the model, for messages @throws ModelError when llama.cpp has no such scaling for the architecture */
export function ggufModel(given: ModelConfig, where: string): GgufModel {
  const row = ggufRowOf(given, where);
  const { config, notes } = within(given);
  const { f32, u32 } = ggufValue;
  const { rope, keys } = ropeOf(config, row, where);
  const own = row.write?.(config, config) ?? {};
  const entries = new Map<string, GgufEntry>([
    ['block_count', u32(config.layers)],
    ['context_length', u32(config.maxPositions)],
    ['embedding_length', u32(config.width)],
    ['feed_forward_length', u32(config.ffn)],
    ['attention.head_count', u32(config.heads)],
    ['attention.head_count_kv', u32(config.kvHeads)],
    ['attention.key_length', u32(config.headSize)],
    ['attention.value_length', u32(config.headSize)],
    ['attention.layer_norm_rms_epsilon', f32(config.rmsEps)],
    ['vocab_size', u32(config.vocabSize)],
    ['rope.dimension_count', u32(rotarySize(config))],
    ['rope.freq_base', f32(config.ropeTheta)],
    ...keys,
    ...Object.entries(own).map(([key, number]) => {
      return [key, 'u32' in number ? u32(number.u32) : f32(number.f32)] as const;
    }),
  ]);
  if (row.name === 'phi3' && config.window)
    notes.push(
      `llama.cpp leaves the window of Phi-3 out: texts of more than ${config.window.size} tokens are read otherwise there.`,
    );
  if (ropeBorder(config))
    notes.push('llama.cpp chooses between the rotary divisors for short and long texts by its context size.');
  const prefixed = [...entries].map(([key, entry]) => [`${row.name}.${key}`, entry] as const);
  return { entries: new Map(prefixed), rope, config, notes };
}

/** Dynamic NTK stretches nothing within the trained length, and llama.cpp does not know it. */
function within(config: ModelConfig): { config: ModelConfig; notes: string[] } {
  const { ropeScaling, ...rest } = config;
  if (ropeScaling?.kind !== 'dynamic') return { config, notes: [] };
  const { originalMaxPositions: maxPositions } = ropeScaling;
  const note = `GGUF knows no dynamic rotary scaling: the file holds for texts of up to ${maxPositions} tokens.`;
  return { config: { ...rest, maxPositions }, notes: [note] };
}

type Keys = readonly (readonly [string, GgufEntry])[];

function ropeOf(config: ModelConfig, row: GgufRow, where: string): { rope: RopeTensors; keys: Keys } {
  const { ropeScaling: scaling } = config;
  const { f32, u32, text } = ggufValue;
  const type = (name: string) => ['rope.scaling.type', text(name)] as const;
  const original = (tokens: number) => ['rope.scaling.original_context_length', u32(tokens)] as const;
  const attention = (factor: number): Keys =>
    Math.abs(factor - 1) < 1e-7 ? [] : [['rope.scaling.attn_factor', f32(factor)]];
  if (scaling === undefined || scaling.kind === 'dynamic') return { rope: {}, keys: [] };
  if (scaling.kind === 'linear')
    return { rope: {}, keys: [type('linear'), ['rope.scaling.factor', f32(scaling.factor)]] };
  if (scaling.kind === 'yarn' && config.localRopeTheta === undefined) {
    const { factor, originalMaxPositions, attentionFactor, betaFast, betaSlow } = scaling;
    const own = attention(attentionFactor / yarnAttentionFactor(factor));
    const keys = [
      type('yarn'),
      ['rope.scaling.factor', f32(factor)],
      original(originalMaxPositions),
    ] as const;
    const betas: Keys = [
      ['rope.scaling.yarn_beta_fast', f32(betaFast)],
      ['rope.scaling.yarn_beta_slow', f32(betaSlow)],
    ];
    return { rope: {}, keys: [...keys, ...own, ...(betaFast === 32 && betaSlow === 1 ? [] : betas)] };
  }
  if (!row.divisors || scaling.kind === 'yarn') {
    throw new ModelError({
      where,
      what: `llama.cpp has no rotary scaling '${scaling.kind}' for ${config.architecture.title}`,
      next: 'export with --format safetensors',
    });
  }
  if (scaling.kind === 'llama3') {
    const all = Float32Array.from(llama3Divisors(scaling, config.ropeTheta, rotarySize(config)));
    return { rope: { all }, keys: [] };
  }
  const { shortFactors, longFactors, originalMaxPositions, attentionFactor } = scaling;
  const rope = { long: Float32Array.from(longFactors), short: Float32Array.from(shortFactors) };
  const named = row.untypedLongRope ? [] : [type('longrope')];
  return { rope, keys: [...named, original(originalMaxPositions), ...attention(attentionFactor)] };
}

/** The tensors' names in a file. */
export const ropeTensors = (rope: RopeTensors): (readonly [name: string, divisors: Float32Array])[] =>
  (Object.keys(ropeTensorNames) as (keyof RopeTensors)[]).flatMap((kind) => {
    const divisors = rope[kind];
    return divisors ? [[ropeTensorNames[kind], divisors] as const] : [];
  });

/**
 * Reads a file's header back before the file is written, and compares.
 *
 * @param parsed the header as it will be
 * @throws ModelError naming the first property that GGUF metadata cannot express
 */
export function requireSameModel(
  parsed: ParsedHeader,
  { config, rope }: Pick<GgufModel, 'config' | 'rope'>,
  where: string,
): void {
  const read = configFromGguf(describeHeader(where, parsed), config.eosTokenIds, rope);
  for (const [name, [wanted, got]] of Object.entries(properties(config, read))) {
    if (JSON.stringify(wanted, rounded) === JSON.stringify(got, rounded)) continue;
    throw new ModelError({
      where,
      what: `GGUF files of ${config.architecture.title} models cannot say its ${name}`,
      expected: JSON.stringify(got)?.slice(0, 100),
      got: JSON.stringify(wanted)?.slice(0, 100),
      next: 'export with --format safetensors',
    });
  }
}

/** Numbers in a file are float32. */
const rounded = (_: string, value: unknown): unknown =>
  typeof value === 'number' ? Number(value.toPrecision(6)) : value;

/** What a forward pass depends on, of two configurations: a scaling counts by the angles that it makes. */
function properties(a: ModelConfig, b: ModelConfig): Record<string, [unknown, unknown]> {
  const angles = (config: ModelConfig) =>
    [1, config.maxPositions].map((length) => ropeFrequencies(config, length));
  const both = <T>(of: (config: ModelConfig) => T): [T, T] => [of(a), of(b)];
  const window = (config: ModelConfig) =>
    config.window && config.window.size < config.maxPositions ? config.window : null;
  const scale = (config: ModelConfig) => config.attentionScale ?? config.headSize ** -0.5;
  return {
    'context length': both(({ maxPositions }) => maxPositions),
    'head size': both(({ headSize }) => headSize),
    'epsilon of norms': both(({ rmsEps }) => rmsEps),
    'rotary angles': both(angles),
    'rotary factor on attention': both(ropeAttentionFactor),
    'sliding window': both(window),
    'rotary base in windows': both((config) => (window(config) ? (config.localRopeTheta ?? null) : null)),
    'factor on attention scores': both(scale),
    'factor on embeddings': both(({ embeddingScale = 1 }) => embeddingScale),
    'factor on the residual stream': both(({ residualScale = 1 }) => residualScale),
    'factor on logits': both(({ logitScale = 1 }) => logitScale),
    'cap on attention scores': both(({ attentionCap = 0 }) => attentionCap),
    'cap on logits': both(({ logitCap = 0 }) => logitCap),
  };
}
