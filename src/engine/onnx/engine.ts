/**
 * The engine on onnxruntime: one copy of the base weights in memory, read by every session
 * as graph inputs.
 */

import { type Batch, padRows } from '../../data/batches.js';
import { ConfigError, ShapeError, UserError } from '../../errors.js';
import { amplify } from '../../model/amplify.js';
import { initLora, projectionShape } from '../../model/lora.js';
import { adaptedModules, type LoraConfig } from '../../model/lora-modules.js';
import type { Model, Tensor, Weights } from '../../model/model.js';
import { directionInput, directionsFor, type Steering, type SteeringShape } from '../../network/steering.js';
import { promptTokens } from '../../tokenizer/answer-tokens.js';
import type { ChatTokenizer } from '../../tokenizer/tokenizer.js';
import type { TokenRow } from '../../values/rows.js';
import {
  copyTensors,
  type Engine,
  type Gradients,
  type HybridBatch,
  type SequenceLogp,
  type StepResult,
  type WeightSet,
} from '../engine.js';
import type { AnswerReader, ContinuationScorer, LanguageModel, Writer } from '../language-model.js';
import { BatchWriter } from './batch-writer.js';
import { Batcher, type Sequence } from './batcher.js';
import { Cache } from './cache.js';
import { ChoiceQueue } from './choice-queue.js';
import { type ChoiceRow, depth, layOutChoices } from './choices.js';
import { Decoder } from './decoder.js';
import { byTokens, forwardTokens } from './forward-groups.js';
import {
  type CopyOptions,
  hiddenGraph,
  mergeGraph,
  nextTokenGraph,
  promptGraph,
  scoreGraph,
  stepGraph,
} from './graphs.js';
import { Programs } from './programs.js';
import { surelyTooLong } from './prompt-length.js';
import { RotaryFeeds } from './rotary-feeds.js';
import { int64Array, type NdArray, type RuntimeOptions, scalarArray, tryDevice } from './runtime.js';
import { Scorer } from './scorer.js';
import { anchorFeeds, type HiddenStates, stepFeeds } from './step-feeds.js';
import { type ChunkedTargets, chunked, chunksFor, type Targets } from './targets.js';

export interface EngineOptions extends RuntimeOptions {
  /** Absent: all weights are trained. */
  readonly lora?: LoraConfig;
  /** An adapter to start from; shaped as `lora` says. Absent: a new one. */
  readonly adapter?: Weights;
  /** By which the base is asked, where the adapter brought another tokenizer. Default: the model's. */
  readonly baseTokenizer?: ChatTokenizer;
  /** Seed of a new adapter. Default 0. */
  readonly seed?: number;
  /** Recompute activations in the backward pass. Default: when they would take over 1 GB. */
  readonly checkpointing?: boolean;
  /** Longest sequence, in tokens. Default: the model's. */
  readonly maxLength?: number;
  /** Most rows that generate together. Default 128. */
  readonly maxRows?: number;
  /**
   * Most memory of the keys and values of rows that generate together, for each of the weight sets;
   * one sequence of `maxLength` always has room. Default 2 GB.
   */
  readonly cacheBytes?: number;
}

/** Adapted matrices up to this size are merged with an amplified adapter: larger ones are not worth a copy. */
const mergedBytes = 64e6;
/** Prompt tokens read at once while rows wait for their next token. */
const promptTokensBeside = 1024;

const names = { base: 'frozen-base', start: 'frozen-start', policy: 'policy' } as const;

/** Parameters by the names of the graphs' inputs. */
type Parameters = Record<string, NdArray>;
type SteeredCopy = CopyOptions & { readonly steering: readonly Steering[] };
type Tokens = Pick<Batch, 'B' | 'T' | 'ids' | 'positions' | 'segments'>;

export class OnnxEngine implements Engine {
  readonly config;
  readonly tokenizer: ChatTokenizer;
  readonly lora?: LoraConfig;
  readonly trainable: Map<string, Tensor>;
  private start?: Map<string, Tensor>;
  private readonly programs: Programs;
  /** Positions that sequences may have. */
  readonly maxLength: number;
  private readonly rotary: RotaryFeeds;
  private readonly parameterFeeds: Record<WeightSet, Record<string, NdArray>>;
  private readonly writers: Record<WeightSet, BatchWriter>;
  private readonly choices: Record<WeightSet, ChoiceQueue>;
  renewed?: Weights;
  /** Of weights that calls still run on. */
  private retired: BatchWriter[] = [];
  private readonly steering: { training: readonly Steering[]; answering: readonly Steering[] } = {
    training: [],
    answering: [],
  };
  private closed?: UserError;

  constructor(
    readonly source: Model,
    private readonly options: EngineOptions = {},
  ) {
    const { lora, adapter, seed = 0 } = options;
    this.config = source.config;
    this.tokenizer = source.tokenizer;
    if (lora) this.lora = lora;
    this.trainable = copyTensors(lora ? (adapter ?? initLora(source.config, lora, seed)) : source.weights);
    if (lora && adapter) this.start = copyTensors(adapter);
    const { maxPositions } = source.config;
    this.maxLength = Math.min(options.maxLength ?? maxPositions, maxPositions);
    this.rotary = new RotaryFeeds(source.config, this.maxLength);
    const base = toFeeds(source.weights);
    this.parameterFeeds = {
      base,
      start: this.start ? { ...base, ...toFeeds(this.start) } : base,
      policy: lora ? { ...base, ...toFeeds(this.trainable) } : toFeeds(this.trainable),
    };
    this.programs = new Programs(options);
    this.writers = perSet((set) => this.writerOf(set));
    this.choices = perSet((set) => new ChoiceQueue((rows) => this.scoreChoices(rows, set)));
  }

  /** @throws ConfigError when the device does not exist on this machine */
  static tryDevice = tryDevice;

  /** Texts of the control tokens of all tokenizers that are asked by. */
  get specialTokens(): readonly string[] {
    const tokenizers = [this.tokenizer, this.tokenizerOf('base')];
    return [...new Set(tokenizers.flatMap(({ specialTokens }) => specialTokens))];
  }

  model(set: WeightSet): LanguageModel & AnswerReader & ContinuationScorer {
    const { maxLength } = this;
    const tokenizer = this.tokenizerOf(set);
    const scorer = new Scorer({
      ...{ tokenizer, maxLength },
      choiceLogps: (rows) => this.choiceLogps(rows, set),
    });
    return {
      id: names[set],
      generate: (conversations, options) => this.writers[set].generate(conversations, options),
      labelLogps: (conversations, labels, options) => scorer.labelLogps(conversations, labels, options),
      continuationLogps: (rows) => scorer.continuationLogps(rows),
      answerProbabilities: (conversations, answers) => scorer.answerProbabilities(conversations, answers),
    };
  }

  amplified(factor: number): Writer {
    const frozen = this.lora ? undefined : (this.renewed ?? this.source.weights);
    const weights = toFeeds(amplify(this.trainable, factor, frozen));
    const copy = this.copyOf('policy');
    const id = `policy, ×${factor}`;
    const writer =
      copy.lora && this.adaptedBytes(copy.lora) <= mergedBytes
        ? this.writer(id, { ...copy, lora: undefined }, () => this.merged(weights))
        : this.writer(id, copy, { ...this.parameterFeeds.policy, ...weights });
    this.retire(writer);
    return writer;
  }

  /**
   * Puts another adapter in the place of `start`, shaped as `lora` says. Calls in progress end on the one
   * that they began with, those that come now have the new one.
   */
  replaceStart(adapter: Weights): void {
    this.retire(this.writers.start);
    this.start = copyTensors(adapter);
    this.parameterFeeds.start = { ...this.parameterFeeds.base, ...toFeeds(this.start) };
    this.writers.start = this.writerOf('start');
  }

  renewFrozen(weights: Weights = this.trainable): void {
    if (this.lora) throw new Error('internal: the frozen copy of LoRA training is the base');
    this.renewed = copyTensors(weights);
    this.parameterFeeds.base = this.parameterFeeds.start = toFeeds(this.renewed);
    this.retire(this.writers.base, this.writers.start);
    this.writers.base = this.writerOf('base');
    this.writers.start = this.writerOf('start');
  }

  async step(hybrid: HybridBatch, gradients: Gradients): Promise<StepResult> {
    const { batch, pairs, pairLoss = 'dpo' } = hybrid;
    this.requireLength(batch.T);
    const chunks = chunksFor(batch.target.length);
    const checkpointing = this.options.checkpointing ?? this.activationBytes(batch) > 1e9;
    const anchor = {
      kl: hybrid.anchor?.klWeights !== undefined,
      features: hybrid.anchor?.features !== undefined,
    };
    const steering = this.steering.training;
    const key = `step ${chunks} ${checkpointing} ${pairLoss} ${JSON.stringify(anchor)} ${shapeOf(steering)}`;
    const program = await this.programs.get(key, () =>
      stepGraph(this.config, {
        ...{ chunks, checkpointing, pairLoss, anchor, steering },
        ...(this.lora ? { lora: this.lora } : {}),
      }),
    );
    const targets = chunked(batch, chunks);
    const outputs = await program.run({
      ...this.feeds('policy', batch),
      ...stepFeeds(hybrid, targets),
      ...this.directionFeeds(steering),
      ...(await this.anchorFeeds(hybrid, targets)),
    });
    for (const [name, sum] of gradients) {
      const grad = outputs[`grad:${name}`].data as Float32Array;
      for (let i = 0; i < sum.length; i++) sum[i] += grad[i];
    }
    const numbers = (name: string) => outputs[name].data as Float32Array;
    const perTarget = (name: string) => numbers(name).slice(0, batch.target.length);
    const ofPairs = (name: string) => Float64Array.from(numbers(name).subarray(0, pairs.length));
    return {
      loss: numbers('loss')[0],
      sft: numbers('sft')[0],
      dpo: pairs.length === 0 ? 0 : numbers('dpo')[0],
      anchor: anchor.kl || anchor.features ? numbers('anchor')[0] : 0,
      logps: { chosen: ofPairs('chosen'), rejected: ofPairs('rejected') },
      targets: { logps: perTarget('logps'), entropy: perTarget('entropy'), correct: perTarget('correct') },
    };
  }

  /** What the terms that hold the policy to a frozen copy need. */
  private async anchorFeeds(hybrid: HybridBatch, targets: ChunkedTargets): Promise<Record<string, NdArray>> {
    const { batch, anchor, pairLoss } = hybrid;
    if (!anchor && pairLoss !== 'kl') return {};
    if (!this.lora) {
      throw new ConfigError({
        where: 'loss',
        what: 'a policy can be held to its frozen copy in LoRA training only',
        next: 'set setting: lora',
      });
    }
    return anchorFeeds(hybrid, targets, await this.hidden(batch, anchor?.to ?? 'base'), this.config.layers);
  }

  /** The residual stream after each layer, and the states that predict; [B·T, width]. */
  private async hidden(batch: Tokens, set: WeightSet): Promise<HiddenStates> {
    const lora = this.loraOf(set);
    const program = await this.programs.get(`hidden ${lora !== undefined}`, () =>
      hiddenGraph(this.config, lora),
    );
    const outputs = await program.run(this.feeds(set, batch));
    const dims = [batch.B * batch.T, this.config.width];
    return (layer) => ({ data: outputs[`hidden.${layer}`].data as Float32Array, dims });
  }

  /**
   * Mean hidden state of each row's targets, before they are read.
   *
   * @param layer after which the residual stream is read, from 0
   * @returns     per row float32 [width]; zeros for a row without targets
   */
  async meanHidden(rows: readonly TokenRow[], set: WeightSet, layer: number): Promise<Float32Array[]> {
    const { width } = this.config;
    const means = rows.map(() => new Float32Array(width));
    for (const group of byTokens(rows.map((row) => row.ids.length))) {
      const batch = padRows(group.map((i) => rows[i]));
      this.requireLength(batch.T);
      const { data } = (await this.hidden(batch, set))(layer);
      const counts = group.map((_, g) => batch.row.reduce((sum, row) => sum + Number(row === g), 0));
      for (const [k, row] of batch.row.entries()) {
        const [mean, from] = [means[group[row]], batch.predictAt[k] * width];
        for (let d = 0; d < width; d++) mean[d] += (data[from + d] as number) / counts[row];
      }
    }
    return means;
  }

  /**
   * Writes directions into the policy's residual stream from now on, in training or when it answers
   * and is scored. @throws ConfigError when one does not fit the model
   */
  steer(when: 'training' | 'answering', steering: readonly Steering[]): void {
    directionsFor(steering, this.config);
    this.steering[when] = steering;
    if (when === 'training') return;
    this.retire(this.writers.policy);
    this.writers.policy = this.writerOf('policy');
  }

  async sequenceLogps(rows: readonly TokenRow[], set: WeightSet): Promise<SequenceLogp[]> {
    const results: SequenceLogp[] = new Array(rows.length);
    for (const group of byTokens(rows.map((row) => row.ids.length))) {
      const batch = padRows(group.map((i) => rows[i]));
      this.requireLength(batch.T);
      const { logps, correct } = await this.score(batch, set);
      const sums = group.map(() => ({ logpSum: 0, tokens: 0, correct: 0 }));
      for (const [r, logp] of logps.entries()) {
        const sum = sums[batch.row[r]];
        sum.logpSum += logp;
        sum.tokens += 1;
        sum.correct += correct[r];
      }
      for (const [row, i] of group.entries()) results[i] = sums[row];
    }
    return results;
  }

  /** Calls that have not been answered are rejected, as are later ones. */
  async close(): Promise<void> {
    this.closed ??= new UserError({
      where: this.source.path,
      what: 'the model was closed before it had answered',
      next: 'wait for the answers before closing it',
    });
    const error = this.closed;
    const queues = [...this.retired, ...Object.values(this.writers), ...Object.values(this.choices)];
    await this.programs.close(error, Promise.all(queues.map((queue) => queue.close(error))));
  }

  /** Keeps those that may still be at work, so that closing waits for them. */
  private retire(...writers: BatchWriter[]): void {
    this.retired = [...this.retired.filter(({ idle }) => !idle), ...writers];
  }

  private writerOf(set: WeightSet): BatchWriter {
    return this.writer(names[set], this.copyOf(set), this.parameterFeeds[set], this.tokenizerOf(set));
  }

  private tokenizerOf(set: WeightSet): ChatTokenizer {
    return set === 'base' ? (this.options.baseTokenizer ?? this.tokenizer) : this.tokenizer;
  }

  /** @param weights asked for whenever there is work after a pause, where they are to be made */
  private writer(
    id: string,
    copy: SteeredCopy,
    weights: Parameters | (() => Promise<Parameters>),
    tokenizer: ChatTokenizer = this.tokenizer,
  ): BatchWriter {
    const { maxLength } = this;
    const { maxRows = 128, cacheBytes = 2e9 } = this.options;
    const cells = Math.max(this.maxLength, Math.floor(cacheBytes / Cache.cellBytes(this.config)));
    const open = async <S extends Sequence>() => {
      const feeds = {
        ...(typeof weights === 'function' ? await weights() : weights),
        ...this.directionFeeds(copy.steering),
      };
      const programs = {
        prompt: await this.programs.get(`prompt ${nameOf(copy)}`, () => promptGraph(this.config, copy)),
        nextToken: await this.programs.get(`next ${nameOf(copy)}`, () => nextTokenGraph(this.config, copy)),
        feeds,
        rotary: this.rotary,
      };
      return new Decoder<S>(this.config, programs, { rows: maxRows, cells });
    };
    const batcher = new Batcher(tokenizer, open, { promptTokens: forwardTokens, promptTokensBeside });
    return new BatchWriter({
      ...{ id, batcher, maxLength },
      promptIds: (messages, prefix, tools) => promptTokens(tokenizer, messages, prefix, tools),
      surelyTooLong: (messages) => surelyTooLong(messages, tokenizer, maxLength),
    });
  }

  /** The base with an adapter's product added in: a graph without one has fewer and larger operators. */
  private async merged(adapter: Parameters): Promise<Parameters> {
    const { base } = this.parameterFeeds;
    const program = await this.programs.get('merge', () => mergeGraph(this.config, this.lora!));
    const merged = Object.entries(await program.run({ ...base, ...adapter }));
    return {
      ...base,
      ...Object.fromEntries(merged.map(([name, sum]) => [name.slice('merged:'.length), sum])),
    };
  }

  /** Size of the matrices that are adapted. */
  private adaptedBytes(lora: LoraConfig): number {
    const cells = [...adaptedModules(this.config, lora).values()].map(({ projection }) => {
      const [inner, outer] = projectionShape(this.config, projection);
      return inner * outer;
    });
    return 4 * cells.reduce((sum, count) => sum + count, 0);
  }

  /**
   * Calls that wait at the same time are scored together.
   * @returns [row][choice]: the summed log-probability of a choice behind its row's context, nats
   */
  async choiceLogps(rows: readonly ChoiceRow[], set: WeightSet): Promise<number[][]> {
    for (const row of rows) this.requireLength(depth(row));
    return this.choices[set].logps(rows);
  }

  private async scoreChoices(rows: readonly ChoiceRow[], set: WeightSet): Promise<number[][]> {
    const logps = rows.map(({ choices }) => choices.map(() => 0));
    const batch = layOutChoices(rows);
    const trunks = int64Array(batch.trunks, [batch.B, batch.T]);
    const values = await this.score(batch, set, { trunks });
    for (const [k, [row, choice]] of batch.owners.entries()) logps[row][choice] += values.logps[k];
    return logps;
  }

  /** Log-probabilities of a batch's targets, in their order. @param branches `trunks`, where there are any */
  private async score(
    batch: Tokens & Targets,
    set: WeightSet,
    branches?: { readonly trunks: NdArray },
  ): Promise<{ logps: Float32Array; correct: Float32Array }> {
    const chunks = chunksFor(batch.target.length);
    const copy = this.copyOf(set);
    const branching = branches !== undefined;
    const program = await this.programs.get(`score ${chunks} ${nameOf(copy)} ${branching}`, () =>
      scoreGraph(this.config, { chunks, branching, ...copy }),
    );
    const outputs = await program.run({
      ...this.feeds(set, batch, branching),
      ...this.directionFeeds(copy.steering),
      ...branches,
      ...chunked(batch, chunks).feeds,
    });
    const values = (name: string) => (outputs[name].data as Float32Array).subarray(0, batch.target.length);
    return { logps: values('logps'), correct: values('correct') };
  }

  private feeds(set: WeightSet, batch: Tokens, branching = false): Record<string, NdArray> {
    const dims = [batch.B, batch.T];
    return {
      ...this.parameterFeeds[set],
      ...this.rotary.sequences(batch, branching),
      zero: scalarArray(0),
      ids: int64Array(batch.ids, dims),
      segments: int64Array(batch.segments, dims),
    };
  }

  private copyOf(set: WeightSet): SteeredCopy {
    const lora = this.loraOf(set);
    return { steering: set === 'policy' ? this.steering.answering : [], ...(lora ? { lora } : {}) };
  }

  private directionFeeds(steering: readonly Steering[]): Record<string, NdArray> {
    const directions = directionsFor(steering, this.config);
    return Object.fromEntries(
      directions.map((data, i) => [directionInput(i), { data, dims: [this.config.width] }]),
    );
  }

  /** The adapter that a copy of the model has in its graph. */
  private loraOf(set: WeightSet): LoraConfig | undefined {
    return set === 'policy' || (set === 'start' && this.start) ? this.lora : undefined;
  }

  private requireLength(T: number): void {
    if (T <= this.maxLength) return;
    throw new ShapeError({
      where: 'batch',
      what: `sequences of ${T} tokens are longer than the model's positions`,
      expected: `at most ${this.maxLength}`,
      next: 'lower max_length',
    });
  }

  /** What a step keeps for its backward pass: about 16 widths, 4 inner widths and the attention a layer. */
  private activationBytes({ B, T }: Batch): number {
    const { layers, width, ffn, heads } = this.config;
    return 4 * layers * B * T * (16 * width + 4 * ffn + 2 * heads * T);
  }
}

const shapeOf = (steering: readonly SteeringShape[]) =>
  steering.map(({ layer, kind }) => `${kind}${layer}`).join(',');

const nameOf = ({ lora, steering = [] }: CopyOptions) => `${lora !== undefined} ${shapeOf(steering)}`;

const perSet = <T>(make: (set: WeightSet) => T): Record<WeightSet, T> => ({
  base: make('base'),
  start: make('start'),
  policy: make('policy'),
});

const toFeeds = (weights: Weights): Record<string, NdArray> =>
  Object.fromEntries([...weights].map(([name, { shape, data }]) => [name, { data, dims: shape }]));
