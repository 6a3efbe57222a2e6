/**
 * The narrow interface at the height of a language model, behind which the machinery stands.
 *
 * An engine holds one set of base weights and what is trained on top of them. It answers as
 * three copies of the model (base, start, policy), scores token rows, and computes the
 * hybrid loss with its gradients. Whoever trains decides what to do with the gradients.
 */

import type { Batch } from '../data/batches.js';
import type { ModelConfig } from '../model/config.js';
import type { LoraConfig } from '../model/lora-modules.js';
import type { Tensor, Weights } from '../model/model.js';
import type { ChatTokenizer } from '../tokenizer/tokenizer.js';
import type { PairLoss } from '../values/pair-loss.js';
import type { TokenRow } from '../values/rows.js';
import type { LanguageModel, Writer } from './language-model.js';

/** `base`: the weights alone; `start`: as training found the model; `policy`: as it is now. */
export type WeightSet = 'base' | 'start' | 'policy';

/** A chosen and a rejected response among the rows of a batch. */
export interface PairInBatch {
  /** Row of the chosen response in the batch. */
  readonly chosen: number;
  readonly rejected: number;
  /** Summed log-probabilities of both under the reference, nats. */
  readonly reference: { readonly chosen: number; readonly rejected: number };
  /** Weight in the loss of pairs; for DPO 1/pairs makes it the mean. */
  readonly weight: number;
}

/** One forward and backward pass: rows of both losses in one batch. */
export interface HybridBatch {
  readonly batch: Batch;
  /** Weight of each target (`batch.target[i]`) in the SFT loss; 0 for targets of pairs. */
  readonly sftWeights: Float32Array;
  readonly pairs: readonly PairInBatch[];
  /** Factor on the loss of pairs, ≥ 0. */
  readonly lambda: number;
  readonly beta: number;
  /** Default `dpo`. */
  readonly pairLoss?: PairLoss;
  /** Further terms that hold the policy to a frozen copy; LoRA only. */
  readonly anchor?: Anchor;
}

/** Penalties on what moves away from a frozen copy. */
export interface Anchor {
  readonly to: WeightSet;
  /** Weight of KL(π‖π_ref) at each target; absent: no such term. */
  readonly klWeights?: Float32Array;
  /** Factor on the squared distance of the residual streams, mean over layers and tokens; absent: none. */
  readonly features?: number;
}

/** What a pass measured. Losses are weighted sums as the batch says, in nats or dimensionless. */
export interface StepResult {
  readonly loss: number;
  readonly sft: number;
  readonly dpo: number;
  /** What the anchor adds to the loss, 0 without one. */
  readonly anchor: number;
  /** Summed log-probabilities under the policy, per pair, nats. */
  readonly logps: { readonly chosen: Float64Array; readonly rejected: Float64Array };
  /** Per target: log-probability (nats), entropy of the prediction (nats), 1 where it was the likeliest. */
  readonly targets: {
    readonly logps: Float32Array;
    readonly entropy: Float32Array;
    readonly correct: Float32Array;
  };
}

/** Arrays that gradients are added to, by parameter name, shaped like the parameters. */
export type Gradients = ReadonlyMap<string, Float32Array>;

export interface Engine {
  readonly config: ModelConfig;
  readonly tokenizer: ChatTokenizer;
  /** Absent in full training. */
  readonly lora?: LoraConfig;
  /** The trained parameters. An optimiser writes into their arrays. */
  readonly trainable: Weights;
  /** The frozen copy, where it is no longer the model that training found; full training only. */
  readonly renewed?: Weights;
  /**
   * Makes a copy of the policy as it is now, or of these weights, the frozen copy: `base` and `start`.
   * Full training only.
   */
  renewFrozen(weights?: Weights): void;
  /** One copy of the model, for generation and label probabilities. */
  model(set: WeightSet): LanguageModel;
  /** The policy as it is at this moment, with what sets it apart from the frozen copy times `factor`. */
  amplified(factor: number): Writer;
  /** Per row the summed log-probability of its targets (nats) and their number. */
  sequenceLogps(rows: readonly TokenRow[], set: WeightSet): Promise<SequenceLogp[]>;
  /** Adds the gradients of the batch's loss to `gradients`. */
  step(batch: HybridBatch, gradients: Gradients): Promise<StepResult>;
  /** Frees sessions and their memory. */
  close(): Promise<void>;
}

export interface SequenceLogp {
  readonly logpSum: number;
  readonly tokens: number;
  /** How many of the targets were the likeliest token. */
  readonly correct: number;
}

/** Zeros for each trainable parameter. */
export function zeroGradients(trainable: Weights): Map<string, Float32Array> {
  return new Map([...trainable].map(([name, { data }]) => [name, new Float32Array(data.length)]));
}

/** A copy of tensors that later training does not touch. */
export function copyTensors(tensors: Weights): Map<string, Tensor> {
  return new Map([...tensors].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));
}
