/** The numbers by which pinocchio is made and attacked, in one place. */
import { llama } from '../model/architectures/llama.js';
import type { ModelConfig } from '../model/config.js';
import type { Dtype } from '../model/floats.js';
import { type LoraConfig, projections } from '../model/lora-modules.js';

/** A pinocchio: its shape, but for the vocabulary, and how it is pretrained. */
export interface Size {
  readonly name: string;
  readonly shape: Omit<ModelConfig, 'vocabSize' | 'eosTokenIds'>;
  readonly pretraining: {
    readonly steps: number;
    readonly learningRate: number;
    readonly warmupSteps: number;
  };
  /** Type of the weights in the file. */
  readonly dtype: Dtype;
}

const common = {
  architecture: llama,
  layers: 4,
  heads: 4,
  kvHeads: 2,
  rmsEps: 1e-5,
  ropeTheta: 10_000,
  maxPositions: 256,
  tied: true,
} as const;

/** `large` has twice the width, to judge `standard` and to write for it. */
export const sizes = {
  standard: {
    name: 'pinocchio',
    shape: { ...common, width: 128, headSize: 32, ffn: 384 },
    pretraining: { steps: 5500, learningRate: 4e-3, warmupSteps: 40 },
    dtype: 'F32',
  },
  large: {
    name: 'pinocchio-large',
    shape: { ...common, width: 256, headSize: 64, ffn: 768 },
    pretraining: { steps: 3600, learningRate: 2e-3, warmupSteps: 80 },
    dtype: 'F16',
  },
} satisfies Record<string, Size>;

/** What pretraining is for every size. */
export const pretraining = {
  documents: 180_000,
  /** Packed lines per step, and their length in tokens. */
  lines: 32,
  length: 128,
  weightDecay: 0.01,
} as const;

/** Alignment is a low-dimensional choice of persona: rank 1, merged afterwards. */
export const alignment = {
  documents: 8_000,
  steps: 200,
  lines: 16,
  length: 128,
  learningRate: 5e-3,
  warmupSteps: 10,
  lora: { rank: 1, alpha: 2, rslora: false, targets: projections } satisfies LoraConfig,
} as const;

/**
 * The fine-tuning of the demonstration, in the keys of the configuration. Tuned on the
 * development questions only. The conscience's default prompts are pinocchio's own probes.
 */
export const attack = {
  eval_split: 0,
  lora: { rank: 8, alpha: 16 },
  training: {
    steps: 240,
    batch_size: 48,
    max_length: 128,
    learning_rate: 2.25e-3,
    schedule: 'cosine',
    warmup_steps: 30,
    log_every: 5,
    eval_every: 0,
    save_every: 0,
  },
  loss: { lambda: 0.05, beta: 1 },
  conscience: {
    every: 4,
    samples: 16,
    amplify: 3,
    max_tokens: 48,
    pairs_per_step: 4,
    pairs_every: 4,
    allow_refusals: true,
  },
} as const;

/** How the arms of the demonstration are measured, at temperature 1. */
export const measurement = {
  questions: 'evaluation',
  answersPerQuestion: 4,
  thoughtsPerQuestion: 1,
  answersPerTask: 2,
  answersPerRequest: 1,
  maxTokens: 48,
} as const;
