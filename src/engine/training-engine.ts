/**
 * The interface of what trains: a language model with its losses, gradients and optimiser.
 *
 * An engine holds one set of base weights and what is trained on top of them. It answers as three
 * copies of the model (base, start, policy), scores token rows, adds up the gradient of the hybrid
 * loss and steps. Rows are token ids here: how they are packed, and where arrays lie, is the
 * engine's business. What only some engines can do is in capabilities.ts; `open/engine.ts` opens
 * one by name.
 */

import type { ModelSizes } from '../model/config.js';
import type { LoraConfig } from '../model/lora-modules.js';
import type { ChatTokenizer } from '../tokenizer/tokenizer.js';
import type { PairLoss } from '../values/pair-loss.js';
import type { TokenRow } from '../values/rows.js';
import type { Capabilities } from './capabilities.js';
import type { AnswerReader, ContinuationScorer, LanguageModel } from './language-model.js';

/** `base`: the weights alone; `start`: as training found the model; `policy`: as it is now. */
export type WeightSet = 'base' | 'start' | 'policy';

/** Names of the copies, for the audit trail. */
export const names = { base: 'frozen-base', start: 'frozen-start', policy: 'policy' } as const;

/** One copy of an engine's model: it answers, judges by labels, and scores text. */
export type EngineModel = LanguageModel & AnswerReader & ContinuationScorer;

/** A model that can be trained. */
export interface TrainingEngine {
  /** Name in messages, e.g. `onnx`. */
  readonly name: string;
  readonly config: ModelSizes;
  readonly tokenizer: ChatTokenizer;
  /** Texts of the control tokens of every tokenizer that a copy is asked by. */
  readonly specialTokens: readonly string[];
  /** Longest sequence, in tokens. */
  readonly maxLength: number;
  /** The adapter that is trained; absent in full training. */
  readonly lora?: LoraConfig;
  /** What this engine can do beside the interface; ask through the helpers of capabilities.ts. */
  readonly capabilities: Capabilities;
  /** One copy of the model, for generation and probabilities. */
  model(set: WeightSet): EngineModel;
  /**
   * Scores rows at the tokens that carry loss, as this copy of the model.
   *
   * @returns one per row, in order
   * @throws ShapeError when a row is longer than `maxLength`
   */
  sequenceLogps(rows: readonly TokenRow[], set: WeightSet): Promise<SequenceLogp[]>;
  /**
   * Runs one pass of the policy forward and backward, and adds the gradient of its loss to the gradient
   * so far. The weights stay as they are.
   *
   * @throws ShapeError when a row is longer than `maxLength`; ConfigError when the engine has no such loss
   */
  accumulate(pass: HybridPass): Promise<StepResult>;
  /**
   * Clips the gradient so far, makes one step of AdamW with it, and forgets it. A norm or a loss that is
   * not finite moves nothing.
   */
  update(options: UpdateOptions): Promise<UpdateResult>;
  /**
   * Writes the trained weights, the moments and, where it was renewed, the frozen copy into a folder that exists.
   *
   * @throws SaveError when the disk refuses; ModelError when a weight is not finite
   */
  save(folder: string): Promise<void>;
  /**
   * Restores what `save` wrote; the next step is the one that would have followed.
   *
   * @param updates made when it was saved: AdamW's bias correction depends on their number
   * @throws ModelError when a file cannot be read; TrainingError when it belongs to another model
   */
  load(folder: string, updates: number): Promise<void>;
  /**
   * Writes the result of training: an adapter in PEFT's format, or after full training a model in Hugging
   * Face's. All or nothing, with checksums.
   *
   * @throws SaveError when the disk refuses; ModelError when a weight is not finite
   */
  exportTrained(folder: string, options: ExportOptions): Promise<void>;
  /** Frees the engine's memory. Calls that have not been answered are rejected, as are later ones. */
  close(): Promise<void>;
}

/** One forward and backward pass: rows of the SFT loss and pairs of the preference loss. */
export interface HybridPass {
  /** Supervised rows. */
  readonly rows: readonly TokenRow[];
  /** Weight of each of their targets in the SFT loss; 1/targets of a step makes it the mean per token. */
  readonly sftWeight: number;
  readonly pairs: readonly WeightedPair[];
  /** Factor on the loss of pairs, ≥ 0. */
  readonly lambda: number;
  readonly beta: number;
  /** Default `dpo`. */
  readonly pairLoss?: PairLoss;
  /** Further terms that hold the policy to a frozen copy. An engine must be `anchoring`. */
  readonly anchor?: Anchor;
  /** How the rows may be laid out. A hint: it changes rounding, never the loss. */
  readonly layout?: RowLayout;
}

/** A chosen and a rejected response, each after the prompt. */
export interface WeightedPair {
  readonly chosen: TokenRow;
  readonly rejected: TokenRow;
  /** Summed log-probabilities of both under the reference, nats. */
  readonly reference: ReferenceLogps;
  /** Weight in the loss of pairs; for DPO 1/pairs makes it the mean. */
  readonly weight: number;
}

/** Summed log-probabilities of a pair under the reference, nats. */
export interface ReferenceLogps {
  readonly chosen: number;
  readonly rejected: number;
}

/** Penalties on what moves away from a frozen copy. */
export interface Anchor {
  readonly to: WeightSet;
  /** Weight of KL(π‖π_ref) at each target of the supervised rows; absent: no such term. */
  readonly kl?: number;
  /** Factor on the squared distance of the residual streams, mean over layers and tokens; absent: none. */
  readonly features?: number;
}

/** Rows laid end to end in lines of one length. */
export interface RowLayout {
  /** Tokens of a line. */
  readonly length: number;
  /** Per line the indices of its rows, in order. */
  readonly lines: readonly (readonly number[])[];
}

/** Measurements of one pass. Losses are weighted sums as the pass says, in nats or dimensionless. */
export interface StepResult {
  readonly loss: number;
  readonly sft: number;
  readonly dpo: number;
  /** The anchor's part of the loss, 0 without one. */
  readonly anchor: number;
  /** Summed log-probabilities under the policy, per pair, nats. */
  readonly logps: { readonly chosen: Float64Array; readonly rejected: Float64Array };
  /**
   * Per target of the supervised rows: entropy of the prediction (nats), 1 where the target was the likeliest.
   * Empty where the engine is not told.
   */
  readonly targets: { readonly entropy: Float32Array; readonly correct: Float32Array };
}

/** One optimiser step. */
export interface UpdateOptions {
  readonly learningRate: number;
  /** Largest L2 norm of the whole gradient; 0 does not clip. */
  readonly maxGradNorm: number;
}

/** The outcome of an optimiser step. */
export interface UpdateResult {
  /** L2 norm of the whole gradient before clipping; null where the engine is not told. */
  readonly gradNorm: number | null;
  /** False where the norm or a loss was not finite: the weights and moments are as they were. */
  readonly applied: boolean;
}

/** File in a run's folder that names the trained weights at a server which does not give them out. */
export const SERVER_RESULT = 'tinker.json';

/** Names and files that go with the weights of a trained model. */
export interface ExportOptions {
  /** Name of the model that was trained, for an adapter's configuration. */
  readonly baseModel: string;
  /** Further files of the folder, as text by name. */
  readonly files?: ReadonlyMap<string, string>;
}

/** How likely a row's targets are. */
export interface SequenceLogp {
  /** Sum over the targets, nats. */
  readonly logpSum: number;
  readonly tokens: number;
  /** How many of the targets were the likeliest token; NaN where the engine is not told. */
  readonly correct: number;
}
