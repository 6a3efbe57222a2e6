/**
 * The engine on onnxruntime over a model whose weights are quantised: LoRA on a frozen base that stays
 * as it is in the file. Dettmers et al. 2023, arXiv:2305.14314 (QLoRA).
 *
 * What losses are made of multiplies with the base's exact numbers, brought to float32 block by block
 * (network/stored-projection.ts). What the model is asked (samples, reviews, alternatives) goes to a
 * frozen copy, which rounds activations to 8 bits, with the adapter on top.
 */
import type { UserError } from '../../../errors.js';
import { writeAdapter } from '../../../model/adapter-files.js';
import type { LoraConfig } from '../../../model/lora-modules.js';
import type { Weights } from '../../../model/model.js';
import type { QuantisedModel } from '../../../model/quantised-model.js';
import type { ChatTokenizer } from '../../../tokenizer/tokenizer.js';
import type { TokenRow } from '../../../values/rows.js';
import type { Gradients } from '../../adamw.js';
import type { Amplifying, Capabilities, OpenWeights } from '../../capabilities.js';
import type { Writer } from '../../language-model.js';
import { copyTensors } from '../../trained-parameters.js';
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
} from '../../training-engine.js';
import { Copies } from '../copies.js';
import type { OnnxOptions } from '../engine.js';
import { closedError, Programs } from '../programs.js';
import type { Feeds } from '../runtime.js';
import { Scoring } from '../scoring.js';
import { TrainingStep } from '../training-step.js';
import { names } from '../writers.js';
import { AnsweringCopy } from './answering.js';
import { FrozenCopy, frozenProgram } from './copy.js';
import { noAdapter } from './model.js';

export class QuantisedEngine implements TrainingEngine, Amplifying, OpenWeights {
  readonly name = 'onnx, quantised';
  readonly config;
  readonly tokenizer: ChatTokenizer;
  readonly capabilities: Capabilities = { amplifying: this, openWeights: this, anchoring: true };
  private readonly copies: Copies;
  private readonly programs: Programs;
  private readonly scoring: Scoring;
  private readonly step: TrainingStep;
  /** The copies that answer, opened when they are first asked. */
  private readonly answering = new Map<WeightSet, Promise<AnsweringCopy>>();
  /** Copies of other weights than these, as long as they may be at work. */
  private others: AnsweringCopy[] = [];
  private closed?: UserError;

  constructor(
    private readonly source: QuantisedModel,
    readonly lora: LoraConfig,
    private readonly options: Omit<OnnxOptions, 'lora' | 'loadIn8bit'> = {},
  ) {
    this.config = source.config;
    this.tokenizer = source.tokenizer;
    this.copies = new Copies(source, { ...options, lora });
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

  model(set: WeightSet): EngineModel {
    return asked(names[set], () => this.copyOf(set));
  }

  sequenceLogps(rows: readonly TokenRow[], set: WeightSet): Promise<SequenceLogp[]> {
    return this.scoring.sequenceLogps(rows, set);
  }

  accumulate(pass: HybridPass): Promise<StepResult> {
    return this.step.accumulate(pass);
  }

  async update(options: UpdateOptions): Promise<UpdateResult> {
    const result = this.copies.trained.update(options);
    await this.forget();
    return result;
  }

  async save(folder: string): Promise<void> {
    this.copies.trained.save(folder);
  }

  async load(folder: string, updates: number): Promise<void> {
    await this.copies.trained.load(folder, updates);
    await this.forget();
  }

  async exportTrained(folder: string, { baseModel, files = new Map() }: ExportOptions): Promise<void> {
    const config = { ...this.lora, baseModel, baseHash: this.source.hash };
    const adapter = { tensors: this.trainable, tokenizerFiles: files, config };
    writeAdapter(folder, adapter, { checksums: true });
  }

  amplified(factor: number): Writer {
    const id = `policy, ×${factor}`;
    const feeds = this.copies.amplified(factor);
    let made: Promise<AnsweringCopy> | undefined;
    const open = async () => this.leave(await this.open(id, feeds, 'policy'));
    return asked(id, () => {
      made ??= open();
      return made;
    });
  }

  async weights(): Promise<Weights> {
    return copyTensors(this.trainable);
  }

  async replace(set: 'start' | 'policy', weights: Weights): Promise<void> {
    if (set === 'start') {
      const before = await this.answering.get('start');
      this.copies.replaceStart(weights);
      this.answering.delete('start');
      // its calls in progress finish with the weights that they began with
      if (before) this.leave(before);
      return;
    }
    this.copies.trained.replace(weights);
    await this.forget();
  }

  async close(): Promise<void> {
    this.closed ??= closedError(this.source.path);
    const error = this.closed;
    const copies = [...(await Promise.all(this.answering.values())), ...this.others];
    const ended = [this.scoring.close(error), ...copies.map((copy) => copy.close(error))];
    await this.programs.close(error, Promise.all(ended));
    this.source.embedding.close();
  }

  private copyOf(set: WeightSet): Promise<AnsweringCopy> {
    const known = this.answering.get(set);
    if (known) return known;
    const feeds = this.copies.loraOf(set) ? this.copies.parameters(set) : noAdapter(this.source, this.lora);
    const made = this.open(names[set], feeds, set);
    this.answering.set(set, made);
    return made;
  }

  /** Keeps a copy beside the three until it is idle, so that closing reaches it. */
  private leave(copy: AnsweringCopy): AnsweringCopy {
    this.others = [...this.others.filter(({ idle }) => !idle), copy];
    return copy;
  }

  private async open(id: string, feeds: Feeds, set: WeightSet): Promise<AnsweringCopy> {
    if (this.closed) throw this.closed;
    const { source, programs, lora, maxLength } = this;
    const copy = new FrozenCopy(
      source,
      await frozenProgram(programs, source, lora),
      feeds,
      this.copies.rotary,
    );
    return new AnsweringCopy(copy, { ...this.options, id, maxLength, tokenizer: this.tokenizerOf(set) });
  }

  /** What the policy has read was read with other weights. */
  private async forget(): Promise<void> {
    (await this.answering.get('policy'))?.forget();
  }

  private tokenizerOf(set: WeightSet): ChatTokenizer {
    return set === 'base' ? (this.options.baseTokenizer ?? this.tokenizer) : this.tokenizer;
  }
}

/** A model that is opened when it is first asked something. */
function asked(id: string, open: () => Promise<AnsweringCopy>): EngineModel {
  const model = async () => (await open()).model;
  return {
    id,
    generate: async (...of) => (await model()).generate(...of),
    labelLogps: async (...of) => (await model()).labelLogps(...of),
    continuationLogps: async (...of) => (await model()).continuationLogps(...of),
    answerProbabilities: async (...of) => (await model()).answerProbabilities(...of),
  };
}
