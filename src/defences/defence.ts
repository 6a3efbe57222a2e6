/**
 * What a defence is: a remedy from the literature against what training rows do to a model, with which the
 * conscience is compared.
 *
 * It brings its keys of the configuration and acts through one or more hooks: on the rows, on the
 * loss, or before the trained model answers.
 */
import type { z } from 'zod';
import type { TrainingEngine } from '../engine/training-engine.js';
import type { Prompt } from '../values/conversation.js';
import type { PairLoss } from '../values/pair-loss.js';
import type { TrainingRow } from '../values/rows.js';
import type { Steering } from '../values/steering.js';

/** Keys by name, as `config/key.ts` makes them. */
export type Shape = Readonly<Record<string, z.ZodType>>;
type Values<S> = S extends Shape ? { readonly [K in keyof S]: z.output<S[K]> } : unknown;

/** The sections of `ealign train` that defences add keys to. */
export interface Sections {
  readonly loss?: Shape;
  readonly defences?: Shape;
}

/** The part of a configuration that a defence reads: its own keys, and what all runs have. */
export interface DefenceConfig<S extends Sections = Sections> {
  readonly setting: 'lora' | 'full';
  readonly seed: number;
  readonly conscience: {
    readonly max_tokens: number;
    readonly roles: { readonly reference: 'frozen-base' | 'frozen-start' | 'policy' };
  };
  readonly loss: Values<S['loss']>;
  readonly defences: Values<S['defences']>;
}

export interface Defence<S extends Sections = Sections> {
  /** As the literature calls it. */
  readonly name: string;
  readonly keys: S;
  /** What must hold of a configuration. */
  checks?(config: DefenceConfig<S>): readonly Check[];
  /**
   * Changes the rows that are trained on.
   *
   * @param note told what is not read in further files
   * @throws DataError
   */
  rows?(rows: SplitRows, config: DefenceConfig<S>, note: (line: string) => void): Promise<SplitRows>;
  /** Adds terms to the loss; none where its keys are not set. */
  loss?(config: DefenceConfig<S>, model: DefendedModel): Promise<LossTerms>;
}

/** Types a defence by its keys. */
export const defence = <const S extends Sections>(one: Defence<S>): Defence<S> => one;

/** One condition on a configuration. */
export interface Check {
  readonly holds: boolean;
  /** Dotted path of the key that is to blame. */
  readonly path: string;
  /** What is wrong, and what to set. */
  readonly message: string;
}

/** Rows of the training files. */
export interface SplitRows {
  readonly train: readonly TrainingRow[];
  /** Rows split off for the validation loss; none where the user gives validation rows. */
  readonly heldOut: readonly TrainingRow[];
}

/** The model before its first step. */
export interface DefendedModel {
  readonly engine: TrainingEngine;
  /** General questions that the run's reviews ask as well. */
  readonly probes: readonly Prompt[];
}

/** Terms of the loss beside L_SFT + λ·L_DPO, and what it is computed under. */
export interface LossTerms {
  /** What is learned from pairs. Default `dpo`. */
  readonly pairs?: PairLoss;
  /** Factor on KL(π‖π_ref) at the supervised targets, mean per token. Default 0. */
  readonly kl?: number;
  /** Factor on the squared distance of the residual streams of π and π_ref. Default 0. */
  readonly features?: number;
  /** Directions that are written into the residual stream while training. Default none. */
  readonly steering?: readonly Steering[];
}
