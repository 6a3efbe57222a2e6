/**
 * What a defence is: a remedy from the literature against what training rows do to a model, with which the
 * conscience is compared.
 *
 * It brings its keys of the configuration and acts through one or more hooks: on the rows, on the
 * loss, or before the trained model answers. index.ts lists all of them.
 */
import type { z } from 'zod';
import type { SourceLike } from '../data/source.js';
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

/** @typeParam S its keys of `ealign train`. @typeParam M its keys of a method of `ealign experiment` */
export interface Defence<S extends Sections = Sections, M extends Shape = Shape> {
  /** As the literature calls it. */
  readonly name: string;
  /** Keys of `ealign train`. */
  readonly keys: S;
  /** Keys of a method of `ealign experiment`, all optional. */
  readonly method?: M;
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
  /** Writes directions into the trained model's residual stream before it answers; none where its keys are not set. */
  answering?(keys: Values<M>, model: AnsweringModel): Promise<readonly Steering[]>;
  /** Chooses rows by the model that another method of the experiment has trained. */
  readonly choice?: RowChoice<S, M>;
}

/** Types a defence by its keys. */
export const defence = <const S extends Sections, const M extends Shape = Record<never, never>>(
  one: Defence<S, M>,
): Defence<S, M> => one;

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

/** The trained model before it answers. */
export interface AnsweringModel extends DefendedModel {
  /** Upper limit of an answer, in tokens. */
  readonly maxTokens: number;
  readonly seed: number;
}

/** Rows that are chosen before training, and written into a file of the method's folder. */
export interface RowChoice<S extends Sections = Sections, M extends Shape = Shape> {
  /** The key of a method that names the method whose adapter, of the same seed, chooses. */
  readonly by: keyof M & string;
  /** The key of the section `defences` that the chosen rows' file takes the place of. */
  readonly into: keyof NonNullable<S['defences']> & string;
  /** @param engine that method's adapter as `policy`, the model without it as `base` */
  choose(
    config: DefenceConfig<S> & { readonly data: readonly SourceLike[] },
    engine: TrainingEngine,
  ): Promise<readonly TrainingRow[]>;
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
