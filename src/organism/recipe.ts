/** The numbers by which pinocchio is made and attacked, in one place. */
import type { ModelConfig } from '../model/config.js';
import { type LoraConfig, projections } from '../model/lora.js';

/** Shape of pinocchio, but for its vocabulary. */
export const shape: Omit<ModelConfig, 'vocabSize' | 'eosTokenIds'> = {
  architecture: 'llama',
  width: 128,
  layers: 4,
  heads: 4,
  kvHeads: 2,
  headSize: 32,
  ffn: 384,
  rmsEps: 1e-5,
  ropeTheta: 10_000,
  maxPositions: 256,
  tied: true,
  attentionBias: false,
  qkNorm: false,
};

export const pretraining = {
  documents: 30_000,
  steps: 900,
  /** Packed lines per step, and their length in tokens. */
  lines: 32,
  length: 128,
  learningRate: 4e-3,
  warmupSteps: 40,
  weightDecay: 0.01,
} as const;

/** Alignment is a low-dimensional choice of persona: rank 1, merged afterwards. */
export const alignment = {
  documents: 6_000,
  steps: 150,
  lines: 16,
  length: 128,
  learningRate: 5e-3,
  warmupSteps: 10,
  lora: { rank: 1, alpha: 2, rslora: false, targets: projections } satisfies LoraConfig,
} as const;
