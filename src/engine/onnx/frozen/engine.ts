/**
 * The engine on onnxruntime over a model whose weights are quantised: LoRA on a frozen base that stays
 * as it is in the file. Dettmers et al. 2023, arXiv:2305.14314 (QLoRA).
 *
 * What losses are made of multiplies with the base's exact numbers, brought to float32 block by block
 * (network/stored-projection.ts), or with `loadIn8bit` rounded to int8 (network/int8-projection.ts). What the model is asked (samples, reviews, alternatives) goes to a
 * frozen copy, which rounds activations to 8 bits, with the adapter on top.
 */
import type { LoraConfig } from '../../../model/lora-modules.js';
import type { Weights } from '../../../model/model.js';
import type { QuantisedModel } from '../../../model/quantised-model.js';
import type { Amplifying, Capabilities, OpenWeights } from '../../capabilities.js';
import { closedError } from '../../closed.js';
import type { Writer } from '../../language-model.js';
import {
  type EngineModel,
  type ExportOptions,
  type HybridPass,
  names,
  type StepResult,
  type TrainingEngine,
  type UpdateOptions,
  type UpdateResult,
  type WeightSet,
} from '../../training-engine.js';
import { LocalEngine, type OnnxOptions } from '../local-engine.js';
import type { Feeds } from '../runtime.js';
import { AnsweringCopy } from './answering.js';
import { FrozenCopy, frozenProgram } from './copy.js';
import { noAdapter } from './model.js';

export class QuantisedEngine extends LocalEngine implements TrainingEngine, Amplifying, OpenWeights {
  readonly name = 'onnx, quantised';
  readonly capabilities: Capabilities = { amplifying: this, openWeights: this, anchoring: true };
  /** The copies that answer, opened when they are first asked. */
  private readonly answering = new Map<WeightSet, Promise<AnsweringCopy>>();
  /** Copies of other weights than these, as long as they may be at work. */
  private others: AnsweringCopy[] = [];

  constructor(
    protected override readonly source: QuantisedModel,
    readonly lora: LoraConfig,
    options: Omit<OnnxOptions, 'lora'> = {},
  ) {
    super(source, { ...options, lora });
  }

  model(set: WeightSet): EngineModel {
    return asked(names[set], () => this.copyOf(set), this.config.layers);
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

  async exportTrained(folder: string, options: ExportOptions): Promise<void> {
    this.exportAdapter(folder, this.lora, options);
  }

  amplified(factor: number): Writer {
    const id = `policy, ×${factor}`;
    const feeds = this.copies.amplified(factor);
    let made: Promise<AnsweringCopy> | undefined;
    const open = async () => this.leave(await this.open(id, feeds, 'policy'));
    const copy = () => {
      made ??= open();
      return made;
    };
    return asked(id, copy, this.config.layers);
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
    const opened = await Promise.allSettled(this.answering.values());
    const copies = [
      ...opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])),
      ...this.others,
    ];
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
    made.catch(() => this.answering.delete(set));
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
}

/** A model that is opened when it is first asked something. */
function asked(id: string, open: () => Promise<AnsweringCopy>, layers: number): EngineModel {
  const model = async () => (await open()).model;
  return {
    id,
    generate: async (...of) => (await model()).generate(...of),
    labelLogps: async (...of) => (await model()).labelLogps(...of),
    continuationLogps: async (...of) => (await model()).continuationLogps(...of),
    answerProbabilities: async (...of) => (await model()).answerProbabilities(...of),
    hidden: { layers, meanStates: async (...of) => (await model()).hidden!.meanStates(...of) },
  };
}
