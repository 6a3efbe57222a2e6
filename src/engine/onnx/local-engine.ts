/** What the engines on onnxruntime share: the trained parameters in arrays of this process, and the passes over them. */
import type { UserError } from '../../errors.js';
import { writeAdapter } from '../../model/adapter-files.js';
import type { ModelConfig } from '../../model/config.js';
import type { LoraConfig } from '../../model/lora-modules.js';
import type { Model, Weights } from '../../model/model.js';
import type { QuantisedModel } from '../../model/quantised-model.js';
import type { ChatTokenizer } from '../../tokenizer/tokenizer.js';
import type { TokenRow } from '../../values/rows.js';
import type { Gradients } from '../adamw.js';
import { copyTensors } from '../trained-parameters.js';
import type { ExportOptions, SequenceLogp, WeightSet } from '../training-engine.js';
import { Copies, type CopiesOptions } from './copies.js';
import { Programs } from './programs.js';
import type { RuntimeOptions } from './runtime.js';
import { Scoring } from './scoring.js';
import { TrainingStep } from './training-step.js';
import type { WriterLimits } from './writers.js';

/** How an engine on onnxruntime trains and runs. */
export interface OnnxOptions extends RuntimeOptions, CopiesOptions, WriterLimits {
  /** Tokenizer that the base is asked by, where the adapter brought another. Default: the model's. */
  readonly baseTokenizer?: ChatTokenizer;
  /** Recompute activations in the backward pass. Default: when they would take over 1 GB. */
  readonly checkpointing?: boolean;
}

export abstract class LocalEngine {
  readonly config: ModelConfig;
  readonly tokenizer: ChatTokenizer;
  protected readonly copies: Copies;
  protected readonly programs: Programs;
  protected readonly scoring: Scoring;
  protected readonly step: TrainingStep;
  protected closed?: UserError;

  constructor(
    protected readonly source: Model | QuantisedModel,
    protected readonly options: OnnxOptions,
  ) {
    this.config = source.config;
    this.tokenizer = source.tokenizer;
    this.copies = new Copies(source, options);
    this.programs = new Programs(options);
    this.scoring = new Scoring(this.copies, this.programs);
    this.step = new TrainingStep(this.copies, this.programs, this.scoring, options.checkpointing);
  }

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

  sequenceLogps(rows: readonly TokenRow[], set: WeightSet): Promise<SequenceLogp[]> {
    return this.scoring.sequenceLogps(rows, set);
  }

  /** See `OpenWeights`. */
  async weights(): Promise<Weights> {
    return copyTensors(this.trainable);
  }

  /** Writes the trained adapter in PEFT's format. */
  protected exportAdapter(
    folder: string,
    lora: LoraConfig,
    { baseModel, files = new Map() }: ExportOptions,
  ): void {
    const { hash } = this.source;
    const base = { baseModel, ...(hash ? { baseHash: hash } : {}) };
    const adapter = { tensors: this.trainable, tokenizerFiles: files, config: { ...lora, ...base } };
    writeAdapter(folder, adapter, { checksums: true });
  }

  protected tokenizerOf(set: WeightSet): ChatTokenizer {
    return set === 'base' ? (this.options.baseTokenizer ?? this.tokenizer) : this.tokenizer;
  }
}
