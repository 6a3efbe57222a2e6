/**
 * The engine on onnxruntime: one copy of the base weights in memory, read by every session
 * as graph inputs.
 */

import type { LoraConfig } from '../../model/lora-modules.js';
import type { Model, Weights } from '../../model/model.js';
import { saveModel } from '../../model/weights.js';
import type { TokenRow } from '../../values/rows.js';
import type { Steering } from '../../values/steering.js';
import {
  type Amplifying,
  type Capabilities,
  type OpenWeights,
  requireAnchoring,
  type Steerable,
} from '../capabilities.js';
import type { ChoiceRow } from '../choices.js';
import { closedError } from '../closed.js';
import type { Writer } from '../language-model.js';
import { Scorer } from '../scorer.js';
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
} from '../training-engine.js';
import { LocalEngine, type OnnxOptions } from './local-engine.js';
import { tryDevice } from './runtime.js';
import { Writers } from './writers.js';

export type { OnnxOptions } from './local-engine.js';

export class OnnxEngine extends LocalEngine implements TrainingEngine, Amplifying, Steerable, OpenWeights {
  readonly name = 'onnx';
  readonly lora?: LoraConfig;
  readonly capabilities: Capabilities;
  private readonly writers: Writers;

  constructor(
    protected override readonly source: Model,
    options: OnnxOptions = {},
  ) {
    super(source, options);
    if (options.lora) this.lora = options.lora;
    this.writers = new Writers(this.copies, this.programs, (set) => this.tokenizerOf(set), options);
    this.capabilities = {
      ...{ amplifying: this, steerable: this, openWeights: this },
      ...(this.lora ? { anchoring: true } : { renewing: this }),
    };
  }

  /** @throws ConfigError when the device does not exist on this machine */
  static tryDevice = tryDevice;

  model(set: WeightSet): EngineModel {
    const { maxLength } = this;
    const tokenizer = this.tokenizerOf(set);
    const scorer = new Scorer({
      ...{ tokenizer, maxLength },
      choiceLogps: (rows) => this.choiceLogps(rows, set),
      meanStates: (stretches, layers) => this.scoring.meanStates(stretches, layers, set),
    });
    return {
      id: names[set],
      generate: (conversations, options) => this.writers.of(set).generate(conversations, options),
      labelLogps: (conversations, labels, options) => scorer.labelLogps(conversations, labels, options),
      continuationLogps: (rows) => scorer.continuationLogps(rows),
      answerProbabilities: (conversations, answers) => scorer.answerProbabilities(conversations, answers),
      hidden: { layers: this.config.layers, meanStates: (...of) => scorer.meanStates(...of) },
    };
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

  async exportTrained(folder: string, options: ExportOptions): Promise<void> {
    const { lora, trainable: weights, config } = this;
    if (lora) {
      this.exportAdapter(folder, lora, options);
      return;
    }
    const { files = new Map() } = options;
    saveModel(folder, {
      ...{ config, weights, tokenizerFilesFrom: this.source.tokenizer, files: [...files], checksums: true },
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
}
