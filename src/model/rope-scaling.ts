/**
 * Rotary frequencies stretched for contexts longer than a model was first trained on.
 *
 * Every kind that transformers knows for these architectures, by its formulas (5.24.0,
 * modeling_rope_utils.py). Dynamic NTK and long rope depend on the length of the sequence;
 * here that is always the length of the one sequence that a token belongs to, never of
 * others in its batch, and never of an earlier one.
 */

/** Position interpolation: all frequencies divided. Chen et al. 2023, arXiv:2306.15595. */
export interface LinearScaling {
  kind: 'linear';
  factor: number;
}

/** NTK-aware interpolation that grows with the length of the sequence. */
export interface DynamicScaling {
  kind: 'dynamic';
  factor: number;
  /** Tokens up to which nothing is stretched. */
  originalMaxPositions: number;
}

/** Low frequencies divided, high ones kept, a ramp between. Peng et al. 2023, arXiv:2309.00071. */
export interface YarnScaling {
  kind: 'yarn';
  factor: number;
  /** Tokens the model was trained on before stretching. */
  originalMaxPositions: number;
  /** Factor on queries and keys. */
  attentionFactor: number;
  /** Turns within the original length above which a frequency is kept. */
  betaFast: number;
  /** Turns below which it is divided by the whole factor. */
  betaSlow: number;
  /** Round the ends of the ramp to whole dimensions. */
  truncate: boolean;
}

/** A divisor for each frequency, others for long sequences. Ding et al. 2024, arXiv:2402.13753. */
export interface LongScaling {
  kind: 'longrope';
  /** [rotarySize / 2], for sequences of at most `originalMaxPositions` tokens. */
  shortFactors: readonly number[];
  longFactors: readonly number[];
  originalMaxPositions: number;
  /** Factor on queries and keys. */
  attentionFactor: number;
}

/** Llama 3's: long wavelengths divided, short ones kept, a ramp between. */
export interface Llama3Scaling {
  kind: 'llama3';
  factor: number;
  lowFreqFactor: number;
  highFreqFactor: number;
  /** Tokens the model was trained on before stretching. */
  originalMaxPositions: number;
}

export type RopeScaling = LinearScaling | DynamicScaling | YarnScaling | LongScaling | Llama3Scaling;

/** The rotary embedding as a file describes it. */
export interface Rope {
  readonly theta: number;
  readonly scaling?: RopeScaling;
  /** Dimensions of a head that rotate, from its first. Absent: all. */
  readonly rotarySize?: number;
  /** Longest context: where a scaling names its factor on the trained length, that much of it. */
  readonly maxPositions: number;
}

/** What of a model's configuration its rotary embedding depends on. */
export interface RopeConfig {
  readonly headSize: number;
  readonly rotarySize?: number | undefined;
  readonly ropeTheta: number;
  readonly ropeScaling?: RopeScaling;
}

/** Dimensions of a head that rotate. */
export const rotarySize = ({ headSize, rotarySize = headSize }: RopeConfig): number => rotarySize;

/**
 * Radians per position of each half-pair, [rotarySize / 2], for a sequence of `length` tokens.
 *
 * In float32 where the reference computes in it: at position 8,000 the rounding shows.
 */
export function ropeFrequencies(config: RopeConfig, length: number): number[] {
  const { ropeTheta, ropeScaling: scaling } = config;
  switch (scaling?.kind) {
    case undefined:
      return plain(config, ropeTheta);
    case 'linear':
      return plain(config, ropeTheta).map((frequency) => Math.fround(frequency / scaling.factor));
    case 'dynamic':
      return plain(config, dynamicTheta(config, scaling, length));
    case 'yarn':
      return yarn(config, scaling);
    case 'longrope': {
      const factors = length > scaling.originalMaxPositions ? scaling.longFactors : scaling.shortFactors;
      const powers = thetaPowers(config, ropeTheta);
      return powers.map((power, i) => Math.fround(1 / Math.fround(Math.fround(factors[i]) * power)));
    }
    case 'llama3':
      return plain(config, ropeTheta).map((frequency) => llama3(frequency, scaling));
  }
}

/** Factor on cos and sin, and so on queries and keys. */
export function ropeAttentionFactor({ ropeScaling }: RopeConfig): number {
  return ropeScaling !== undefined && 'attentionFactor' in ropeScaling ? ropeScaling.attentionFactor : 1;
}

/** Magnitude of YaRN's queries and keys, 0.1·m·ln s + 1, as its authors recommend it for m = 1. */
export function yarnAttentionFactor(factor: number, m = 1): number {
  return factor <= 1 ? 1 : 0.1 * m * Math.log(factor) + 1;
}

/**
 * Sequences of at most so many tokens all turn alike; beyond, `long` says whether they all turn
 * alike again, by other frequencies, or each length by its own. Undefined where length plays no part.
 */
export function ropeBorder({
  ropeScaling: scaling,
}: RopeConfig): { length: number; long: 'alike' | 'each' } | undefined {
  if (scaling?.kind === 'dynamic') return { length: scaling.originalMaxPositions, long: 'each' };
  if (scaling?.kind !== 'longrope') return undefined;
  const { shortFactors, longFactors, originalMaxPositions } = scaling;
  if (shortFactors.every((factor, i) => factor === longFactors[i])) return undefined;
  return { length: originalMaxPositions, long: 'alike' };
}

/** θ^(2i/H) of H dimensions that rotate, float32. */
function thetaPowers(config: RopeConfig, theta: number): number[] {
  const size = rotarySize(config);
  return Array.from({ length: size / 2 }, (_, i) => Math.fround(theta ** ((2 * i) / size)));
}

function plain(config: RopeConfig, theta: number): number[] {
  return thetaPowers(config, theta).map((power) => Math.fround(1 / power));
}

/** θ·(s·n/N − (s − 1))^(H/(H − 2)): n tokens, N of them unstretched. */
function dynamicTheta(config: RopeConfig, scaling: DynamicScaling, length: number): number {
  const { ropeTheta } = config;
  const size = rotarySize(config);
  const { factor, originalMaxPositions } = scaling;
  if (length <= originalMaxPositions) return ropeTheta;
  const stretch = (factor * length) / originalMaxPositions - (factor - 1);
  return ropeTheta * stretch ** (size / (size - 2));
}

function yarn(config: RopeConfig, scaling: YarnScaling): number[] {
  const { ropeTheta } = config;
  const size = rotarySize(config);
  const { factor, originalMaxPositions, betaFast, betaSlow, truncate } = scaling;
  // the dimension whose frequency makes so many turns within the original length
  const dimension = (turns: number): number =>
    (size * Math.log(originalMaxPositions / (turns * 2 * Math.PI))) / (2 * Math.log(ropeTheta));
  const [from, to] = [dimension(betaFast), dimension(betaSlow)];
  const low = Math.max(truncate ? Math.floor(from) : from, 0);
  const high = Math.min(truncate ? Math.ceil(to) : to, size - 1);
  const width = low === high ? 0.001 : high - low;
  return thetaPowers(config, ropeTheta).map((power, i) => {
    const divided = Math.min(1, Math.max(0, Math.fround((i - low) / width)));
    const kept = Math.fround(1 - divided);
    return Math.fround(divided / Math.fround(factor * power) + kept / power);
  });
}

function llama3(frequency: number, scaling: Llama3Scaling): number {
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = scaling;
  const turns = (originalMaxPositions * frequency) / (2 * Math.PI);
  if (turns > highFreqFactor) return frequency;
  if (turns < lowFreqFactor) return frequency / factor;
  const smooth = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
  return ((1 - smooth) * frequency) / factor + smooth * frequency;
}
