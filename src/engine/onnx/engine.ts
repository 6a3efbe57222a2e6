/**
 * The engine on onnxruntime: one copy of the base weights in memory, read by every session
 * as graph inputs.
 */

import type { UserError } from '../../errors.js';
import { writeAdapter } from '../../model/adapter-files.js';
import type { LoraConfig } from '../../model/lora-modules.js';
import type { Model, Weights } from '../../model/model.js';
import { saveModel } from '../../model/weights.js';
import type { ChatTokenizer } from '../../tokenizer/tokenizer.js';
import type { TokenRow } from '../../values/rows.js';
import type { Steering } from '../../values/steering.js';
import type { Gradients } from '../adamw.js';
import {
  type Amplifying,
  type Capabilities,
  type OpenWeights,
  requireAnchoring,
  type Steerable,
} from '../capabilities.js';
import type { Writer } from '../language-model.js';
import { copyTensors } from '../trained-parameters.js';
import type {
  EngineModel,
  ExportOptions,
  HybridPass,
  SequenceLogp,
  StepResult,
  TrainingEngine,
  UpdateOptions,
  UpdateResult,
  WeightSet,
} from '../training-engine.js';
import type { ChoiceRow } from './choices.js';
import { Copies, type CopiesOptions } from './copies.js';
import { closedError, Programs } from './programs.js';
import { type RuntimeOptions, tryDevice } from './runtime.js';
import { Scorer } from './scorer.js';
import { Scoring } from './scoring.js';
import { TrainingStep } from './training-step.js';
import { names, type WriterLimits, Writers } from './writers.js';

/** How the engine on onnxruntime trains and runs. */
export interface OnnxOptions extends RuntimeOptions, CopiesOptions, WriterLimits {
  /** Tokenizer that the base is asked by, where the adapter brought another. Default: the model's. */
  readonly baseTokenizer?: ChatTokenizer;
  /** Recompute activations in the backward pass. Default: when they would take over 1 GB. */
  readonly checkpointing?: boolean;
}

export class OnnxEngine implements TrainingEngine, Amplifying, Steerable, OpenWeights {
  readonly name = 'onnx';
  readonly config;
  readonly tokenizer: ChatTokenizer;
  readonly lora?: LoraConfig;
  readonly capabilities: Capabilities;
  private readonly copies: Copies;
  private readonly programs: Programs;
  private readonly scoring: Scoring;
  private readonly step: TrainingStep;
  private readonly writers: Writers;
  private closed?: UserError;

  constructor(
    private readonly source: Model,
    private readonly options: OnnxOptions = {},
  ) {
    this.config = source.config;
    this.tokenizer = source.tokenizer;
    if (options.lora) this.lora = options.lora;
    this.copies = new Copies(source, options);
    this.programs = new Programs(options);
    this.scoring = new Scoring(this.copies, this.programs);
    this.step = new TrainingStep(this.copies, this.programs, this.scoring, options.checkpointing);
    this.writers = new Writers(this.copies, this.programs, (set) => this.tokenizerOf(set), options);
    this.capabilities = {
      ...{ amplifying: this, steerable: this, openWeights: this },
      ...(this.lora ? { anchoring: true } : { renewing: this }),
    };
  }

  /** @throws ConfigError when the device does not exist on this machine */
  static tryDevice = tryDevice;

  get specialTokens(): readonly string[] {
    const tokenizers = [this.tokenizer, this.tokenizerOf('base')];
    return [...new Set(tokenizers.flatMap(({ specialTokens }) => specialTokens))];
  }

  get maxLength(): number {
    return this.copies.maxLength;
  }

  /** The trained parameters. Their arrays change with every update. */
  get trainable(): Weights {
    return this.copies.trained.tensors;
  }

  /** The gradient so far. */
  get gradients(): Gradients {
    return this.copies.trained.gradients;
  }

  model(set: WeightSet): EngineModel {
    const { maxLength } = this;
    const tokenizer = this.tokenizerOf(set);
    const scorer = new Scorer({
      ...{ tokenizer, maxLength },
      choiceLogps: (rows) => this.choiceLogps(rows, set),
    });
    return {
      id: names[set],
      generate: (conversations, options) => this.writers.of(set).generate(conversations, options),
      labelLogps: (conversations, labels, options) => scorer.labelLogps(conversations, labels, options),
      continuationLogps: (rows) => scorer.continuationLogps(rows),
      answerProbabilities: (conversations, answers) => scorer.answerProbabilities(conversations, answers),
    };
  }

  sequenceLogps(rows: readonly TokenRow[], set: WeightSet): Promise<SequenceLogp[]> {
    return this.scoring.sequenceLogps(rows, set);
  }

  /** See `Scoring.choiceLogps`. */
  choiceLogps(rows: readonly ChoiceRow[], set: WeightSet): Promise<number[][]> {
    return this.scoring.choiceLogps(rows, set);
  }

  async accumulate(pass: HybridPass): Promise<StepResult> {
    if (pass.anchor || pass.pairLoss === 'kl') requireAnchoring(this);
    return this.step.accumulate(pass);
  }

  async update(options: UpdateOptions): Promise<UpdateResult> {
    return this.copies.trained.update(options);
  }

  async save(folder: string): Promise<void> {
    this.copies.trained.save(folder, this.copies.renewed);
  }

  async load(folder: string, updates: number): Promise<void> {
    const frozen = await this.copies.trained.load(folder, updates);
    if (frozen) this.freeze(frozen);
  }

  async exportTrained(folder: string, { baseModel, files = new Map() }: ExportOptions): Promise<void> {
    const { lora, trainable: tensors, config } = this;
    const { hash, tokenizer } = this.source;
    if (lora) {
      const base = { baseModel, ...(hash ? { baseHash: hash } : {}) };
      const adapter = { tensors, tokenizerFiles: files, config: { ...lora, ...base } };
      writeAdapter(folder, adapter, { checksums: true });
      return;
    }
    saveModel(folder, {
      ...{ config, weights: tensors, tokenizerFilesFrom: tokenizer, files: [...files], checksums: true },
    });
  }

  amplified(factor: number): Writer {
    return this.writers.amplified(factor);
  }

  async refreeze(): Promise<void> {
    this.freeze(this.trainable);
  }

  meanHidden(rows: readonly TokenRow[], set: WeightSet, layer: number): Promise<Float32Array[]> {
    return this.scoring.meanHidden(rows, set, layer);
  }

  async steer(when: 'training' | 'answering', steering: readonly Steering[]): Promise<void> {
    this.copies.steer(when, steering);
    if (when === 'answering') this.writers.renew('policy');
  }

  async weights(): Promise<Weights> {
    return copyTensors(this.trainable);
  }

  async replace(set: 'start' | 'policy', weights: Weights): Promise<void> {
    if (set === 'policy') {
      this.copies.trained.replace(weights);
      return;
    }
    this.copies.replaceStart(weights);
    this.writers.renew('start');
  }

  async close(): Promise<void> {
    this.closed ??= closedError(this.source.path);
    const error = this.closed;
    await this.programs.close(error, Promise.all([this.writers.close(error), this.scoring.close(error)]));
  }

  private freeze(weights: Weights): void {
    this.copies.refreeze(weights);
    this.writers.renew('base', 'start');
  }

  private tokenizerOf(set: WeightSet): ChatTokenizer {
    return set === 'base' ? (this.options.baseTokenizer ?? this.tokenizer) : this.tokenizer;
  }
}
