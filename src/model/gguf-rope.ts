/**
 * The rotary embedding in GGUF metadata and tensors, read as llama.cpp reads it.
 *
 * A factor without a type is linear, and `rope.scale_linear` is the factor's name of 2023. Tensors of
 * divisors (`rope_freqs`, `rope_factors_long` and `_short`) come on top of a linear factor. Llama 3's
 * scaling is written as such divisors instead of its four numbers; those are found again by trying the
 * published ones, and other divisors are kept as they are.
 */
import { ModelError } from '../errors.js';
import type { ModelConfig } from './config.js';
import type { GgufHeader } from './gguf-header.js';
import { type Llama3Scaling, type Rope, type RopeScaling, yarnAttentionFactor } from './rope-scaling.js';

/** Divisors of rotary frequencies, [rotarySize / 2]. */
export interface RopeTensors {
  /** `rope_freqs.weight`. */
  readonly all?: Float32Array;
  /** `rope_factors_short.weight`. */
  readonly short?: Float32Array;
  /** `rope_factors_long.weight`. */
  readonly long?: Float32Array;
}

/**
 * @param sizes longest context that the file names, and the size of a head
 * @throws ModelError a scaling that is not known, or that its tensors do not fit
 */
export function readGgufRope(
  { path, row, metadata }: GgufHeader,
  { maxPositions: contextLength, headSize }: Pick<ModelConfig, 'maxPositions' | 'headSize'>,
  tensors: RopeTensors,
): Rope {
  const key = (name: string) => `${row.name}.rope.${name}`;
  const wrong = (name: string, expected: string, got: unknown) =>
    new ModelError({
      where: `${path}: ${name}`,
      what: 'rotary scaling cannot be built',
      expected,
      got: String(got),
      next: 'use the model in Hugging Face format, whose config.json names the numbers',
    });
  const number = (name: string, otherwise: number): number => {
    const value = shortest(metadata.number(key(name), otherwise));
    if (Number.isFinite(value) && value > 0) return value;
    throw wrong(key(name), 'a positive number', value);
  };
  const theta = number('freq_base', 10000);
  const rotating = metadata.integer(key('dimension_count'), headSize);
  const untyped = row.untypedLongRope && tensors.short !== undefined ? 'longrope' : 'linear';
  const type = metadata.string(key('scaling.type'), untyped);
  const oldFactor = metadata.number(key('scale_linear'), 0);
  const factor = shortest(metadata.number(key('scaling.factor'), oldFactor)) || 1;
  if (!(Number.isFinite(factor) && factor > 0))
    throw wrong(key('scaling.factor'), 'a positive number', factor);
  const attention = number('scaling.attn_factor', 1);
  const original = metadata.integer(key('scaling.original_context_length'), contextLength) || contextLength;
  for (const [name, divisors] of Object.entries(tensors) as [string, Float32Array][]) {
    const sound = divisors.every((divisor) => Number.isFinite(divisor) && divisor > 0);
    if (divisors.length === rotating / 2 && sound) continue;
    throw wrong(`rotary divisors (${name})`, `${rotating / 2} positive numbers`, `${divisors.length} values`);
  }
  const { all, short, long } = tensors;
  const common = { theta, ...(rotating === headSize ? {} : { rotarySize: rotating }) };
  const plain = (scaling?: RopeScaling): Rope => ({
    ...common,
    maxPositions: contextLength,
    ...(scaling && { scaling }),
  });
  if ((short !== undefined || long !== undefined) !== (type === 'longrope')) {
    throw wrong(key('scaling.type'), 'longrope, and rope_factors_short and rope_factors_long', type);
  }
  switch (type) {
    case 'none':
    case 'linear': {
      const divisor = type === 'none' ? 1 : factor;
      if (all === undefined && attention === 1) {
        return plain(divisor === 1 ? undefined : { kind: 'linear', factor: divisor });
      }
      const divisors = all ?? new Float32Array(rotating / 2).fill(1);
      const known = divisor === 1 && attention === 1;
      if (known && divisors.every((each) => each === 1)) return plain();
      const llama3 = known ? recogniseLlama3(divisors, theta, rotating) : undefined;
      return plain(llama3 ?? divided(divisors, divisors, divisor, contextLength, attention));
    }
    case 'yarn': {
      if (all !== undefined) throw wrong('rope_freqs.weight', 'no divisors beside YaRN', 'a tensor');
      if (theta <= 1) throw wrong(key('freq_base'), 'more than 1', theta);
      return {
        ...common,
        maxPositions: Math.max(contextLength, Math.floor(original * factor)),
        scaling: {
          kind: 'yarn',
          factor,
          originalMaxPositions: original,
          attentionFactor: yarnAttentionFactor(factor) * attention,
          betaFast: number('scaling.yarn_beta_fast', 32),
          betaSlow: number('scaling.yarn_beta_slow', 1),
          truncate: true,
        },
      };
    }
    case 'longrope': {
      if (short === undefined || long === undefined || all !== undefined) {
        throw wrong(key('scaling.type'), 'both rope_factors_short and rope_factors_long alone', type);
      }
      return plain(divided(short, long, factor, original, attention));
    }
    default:
      throw wrong(key('scaling.type'), 'none, linear, yarn or longrope', type);
  }
}

function divided(
  short: Float32Array,
  long: Float32Array,
  factor: number,
  originalMaxPositions: number,
  attentionFactor: number,
): RopeScaling {
  const [shortFactors, longFactors] = [short, long].map((divisors) =>
    Array.from(divisors, (divisor) => shortest(divisor) * factor),
  );
  return { kind: 'longrope', shortFactors, longFactors, originalMaxPositions, attentionFactor };
}

/** The shortest decimal that a float32 may stand for: 9.999999747378752e-6 → 1e-5. */
export function shortest(value: number): number {
  const short = Number(value.toPrecision(7));
  return Math.fround(short) === Math.fround(value) ? short : value;
}

/** Llama 3.1 (8), 3.2 (32): low 1, high 4, trained on 8192 tokens. The factor is the largest divisor. */
function recogniseLlama3(divisors: Float32Array, theta: number, rotating: number): RopeScaling | undefined {
  const guess: Llama3Scaling = {
    kind: 'llama3',
    factor: shortest(Math.max(...divisors)),
    lowFreqFactor: 1,
    highFreqFactor: 4,
    originalMaxPositions: 8192,
  };
  const expected = llama3Divisors(guess, theta, rotating);
  // The tensor was computed in float32.
  return expected.every((value, i) => Math.abs(value - divisors[i]) <= 1e-4 * value) ? guess : undefined;
}

/** Divisor of each rotary frequency, [rotating / 2]: 1 for short wavelengths, `factor` for long ones. */
export function llama3Divisors(scaling: Llama3Scaling, theta: number, rotating: number): number[] {
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = scaling;
  return Array.from({ length: rotating / 2 }, (_, i) => {
    const wavelength = 2 * Math.PI * theta ** ((2 * i) / rotating);
    if (wavelength < originalMaxPositions / highFreqFactor) return 1;
    if (wavelength > originalMaxPositions / lowFreqFactor) return factor;
    const smooth = (originalMaxPositions / wavelength - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
    return 1 / ((1 - smooth) / factor + smooth);
  });
}
