/**
 * The engine at a server that speaks Tinker's API: our worker, a cluster, or a service.
 *
 * Weights, gradients and the optimiser are there; the loss is made here, as weights of the server's cross-entropy
 * (hybrid.ts). What only our worker can do is announced by it, and refused in one line where it is not.
 */
import { UserError } from '../../errors.js';
import type { ModelSizes } from '../../model/config.js';
import type { LoraConfig } from '../../model/lora-modules.js';
import type { NamedModel, Weights } from '../../model/model.js';
import { directionsFor } from '../../network/steering.js';
import type { ChatTokenizer } from '../../tokenizer/tokenizer.js';
import type { TokenRow } from '../../values/rows.js';
import type { Steering } from '../../values/steering.js';
import { type AdamWConfig, defaultAdamW } from '../adamw.js';
import {
  type Amplifying,
  type Capabilities,
  type OpenWeights,
  type Renewing,
  requireAnchoring,
  type Steerable,
} from '../capabilities.js';
import { closedError } from '../closed.js';
import type { Writer } from '../language-model.js';
import { requireLength } from '../prompt-length.js';
import { PromptWriter } from '../prompt-writer.js';
import { requireFit } from '../trained-parameters.js';
import {
  type EngineModel,
  type ExportOptions,
  type HybridPass,
  names,
  type SequenceLogp,
  type StepResult,
  type TrainingEngine,
  type UpdateOptions,
  type UpdateResult,
  type WeightSet,
} from '../training-engine.js';
import { answererOf, answersOf, type ScoringWay } from './answers.js';
import { RemoteCopies } from './copies.js';
import { exportTrained } from './export.js';
import { datumOf, type PairLogps, pairLosses, type RowOutput, rowOutput } from './hybrid.js';
import type { RemoteModel } from './remote-model.js';
import { gradNormOf, requirePlainSum } from './self-test.js';
import { Session, type SessionOptions } from './session.js';
import { requireWeightsIn, servedAs, shapeOf } from './shape.js';
import { loadState, saveState } from './state.js';
import { fetchWeights, putWeights } from './tensors.js';

export interface TinkerOptions extends SessionOptions {
  /** Name of the engine, for messages. Default `tinker`. */
  readonly engineName?: string;
  /** Names that the model goes by, the best first. Default: its folder. */
  readonly modelNames?: readonly string[];
  /** Absent: all weights are trained. One without targets: nothing is, and nothing can be. */
  readonly lora?: LoraConfig;
  /** An adapter to start from; shaped as `lora` says. */
  readonly adapter?: Weights;
  /** Seed of a new adapter. Default 0. */
  readonly seed?: number;
  /** Longest sequence, in tokens. Default: the model's, or the server's. */
  readonly maxLength?: number;
  /** Constants of the optimiser. Default: PyTorch's, without decay. */
  readonly optimizer?: AdamWConfig;
  /** Tokenizer that the base is asked by, where the adapter brought another. Default: the model's. */
  readonly baseTokenizer?: ChatTokenizer;
  /** Called when the engine is closed. */
  readonly onClose?: () => Promise<void>;
}

/** A text of a few tokens in every vocabulary. */
const TEST_TEXT = 'a short text that is scored';

export class TinkerEngine implements TrainingEngine, Amplifying, Renewing, Steerable, OpenWeights {
  readonly name: string;
  readonly config: ModelSizes;
  readonly tokenizer: ChatTokenizer;
  readonly maxLength: number;
  readonly lora?: LoraConfig;
  readonly capabilities: Capabilities;
  private readonly scoring: ScoringWay = { way: 'target' };
  /** A pass of this gradient was not finite. */
  private broken = false;
  private closed?: UserError;

  private constructor(
    private readonly source: NamedModel,
    private readonly session: Session,
    private readonly copies: RemoteCopies,
    private readonly options: TinkerOptions & { readonly maxLength: number },
  ) {
    this.name = options.engineName ?? 'tinker';
    this.config = source.config;
    this.tokenizer = source.tokenizer;
    this.maxLength = options.maxLength;
    if (options.lora) this.lora = options.lora;
    const { amplify, steering, weights, live, full } = session.abilities.extensions;
    this.capabilities = {
      ...(amplify && live ? { amplifying: this } : {}),
      ...(steering ? { steerable: this } : {}),
      ...(weights ? { openWeights: this } : {}),
      ...(weights && live && full && !this.lora ? { renewing: this } : {}),
    };
  }

  /**
   * Connects, and tests that the server's loss is the one that training needs.
   *
   * @param source the model as it lies here: its tokenizer and sizes are read, its weights are the server's
   * @throws RemoteError when there is no such server; ConfigError when it cannot train what is asked
   */
  static async open(source: NamedModel, options: TinkerOptions): Promise<TinkerEngine> {
    const { lora, adapter, seed = 0, modelNames = [source.path] } = options;
    const session = await Session.open(options);
    let copies: RemoteCopies | undefined;
    try {
      const { abilities, name } = session;
      const served = servedAs(modelNames, abilities, name);
      const trains = !lora || lora.targets.length > 0;
      const shape = trains ? shapeOf({ lora, seed, config: source.config }, abilities, name) : {};
      if (adapter && trains) requireWeightsIn(abilities, name);
      const begin = adapter && trains ? { adapter } : {};
      copies = new RemoteCopies(session, {
        baseModel: served.name,
        shape,
        lora: lora !== undefined,
        ...begin,
      });
      const lengths = [source.config.maxPositions, served.maxLength, options.maxLength];
      const maxLength = Math.min(...lengths.flatMap((length) => length ?? []));
      const engine = new TinkerEngine(source, session, copies, { ...options, maxLength });
      if (trains) await engine.prepare();
      return engine;
    } catch (error) {
      // what failed first is what is told
      await copies?.close().catch(() => {});
      session.close();
      throw error;
    }
  }

  get specialTokens(): readonly string[] {
    const tokenizers = [this.tokenizer, this.tokenizerOf('base')];
    return [...new Set(tokenizers.flatMap(({ specialTokens }) => specialTokens))];
  }

  model(set: WeightSet): EngineModel {
    return answersOf({
      ...{ id: names[set], tokenizer: this.tokenizerOf(set), maxLength: this.maxLength },
      scoring: this.scoring,
      sampler: () => this.open(() => this.copies.sampler(set)),
      forward: async (rows) => (await this.forward(rows, set)).map(({ logpSum }) => logpSum),
    });
  }

  async sequenceLogps(rows: readonly TokenRow[], set: WeightSet): Promise<SequenceLogp[]> {
    return (await this.forward(rows, set)).map(({ logpSum, tokens, correct }) => ({
      logpSum,
      tokens,
      correct: correct?.reduce((sum, one) => sum + one, 0) ?? (tokens === 0 ? 0 : Number.NaN),
    }));
  }

  async accumulate(pass: HybridPass): Promise<StepResult> {
    if (pass.anchor || pass.pairLoss === 'kl') requireAnchoring(this);
    const { rows, sftWeight, pairs, lambda, pairLoss = 'dpo' } = pass;
    const [chosen, rejected] = [pairs.map((pair) => pair.chosen), pairs.map((pair) => pair.rejected)];
    const both = [...chosen, ...rejected];
    const before = pairLoss === 'dpo' && pairs.length > 0 ? await this.forward(both, 'policy') : undefined;
    const planned = pairLosses(pass, before && logpsOf(before));
    const weighted = [
      ...rows.map((row) => [row, sftWeight] as const),
      ...chosen.map((row, p) => [row, planned[p].chosen] as const),
      ...rejected.map((row, p) => [row, planned[p].rejected] as const),
    ];
    // a weight that is no number is not sent: the gradient here is spoilt as it is
    const finite = weighted.every(([, weight]) => Number.isFinite(weight));
    const outputs = finite
      ? await this.run(weighted, (model, data) => model.forwardBackward(data, this.targets))
      : await this.forward(
          weighted.map(([row]) => row),
          'policy',
        );
    const logps = before ? logpsOf(before) : logpsOf(outputs.slice(rows.length));
    const losses = pairLosses(pass, logps);
    const dpo = pairs.reduce((sum, { weight }, p) => sum + weight * losses[p].loss, 0);
    const own = outputs.slice(0, rows.length);
    const sft = -sftWeight * own.reduce((sum, { logpSum }) => sum + logpSum, 0);
    // a loss without rows is 0, whatever its weight
    const loss = (rows.length === 0 ? 0 : sft) + lambda * dpo;
    if (!finite || !Number.isFinite(loss)) this.broken = true;
    return { loss, sft: rows.length === 0 ? 0 : sft, dpo, anchor: 0, logps, targets: targetsOf(own) };
  }

  async update({ learningRate, maxGradNorm }: UpdateOptions): Promise<UpdateResult> {
    const model = await this.open(() => this.copies.model('policy'));
    const { broken } = this;
    const { gradientNorm } = this.session.abilities.extensions;
    if (broken) {
      // a server that does not forget a broken gradient keeps it: the next pass would only add to it
      if (!gradientNorm) return { gradNorm: Number.NaN, applied: false };
      await this.spoil(model);
    }
    const constants = this.options.optimizer ?? defaultAdamW;
    const metrics = await model.optimStep({ ...constants, learningRate, maxGradNorm });
    this.broken = false;
    const applied = !broken && metrics.applied !== 0;
    if (applied) this.copies.policyMoved();
    return { gradNorm: gradNormOf(metrics) ?? (applied ? null : Number.NaN), applied };
  }

  async save(folder: string): Promise<void> {
    await this.open(() => saveState(folder, this.copies));
  }

  async load(folder: string): Promise<void> {
    await this.open(() => loadState(folder, this.copies));
    this.broken = false;
    this.copies.policyMoved();
  }

  async exportTrained(folder: string, options: ExportOptions): Promise<void> {
    const { source, lora } = this;
    await this.open(() =>
      exportTrained(folder, this.copies, { ...options, source, ...(lora ? { lora } : {}) }),
    );
  }

  amplified(factor: number): Writer {
    const id = `policy, ×${factor}`;
    const { tokenizer, maxLength } = this;
    const answerer = answererOf({
      tokenizer,
      sampler: () => this.open(() => this.copies.amplified(factor)),
    });
    return new PromptWriter({ id, tokenizer, maxLength, answerer });
  }

  async refreeze(): Promise<void> {
    await this.open(() => this.copies.refreeze());
  }

  async meanHidden(rows: readonly TokenRow[], set: WeightSet, layer: number): Promise<Float32Array[]> {
    for (const { ids } of rows) requireLength(ids.length, this.maxLength);
    const model = await this.open(() => this.copies.model(set));
    const asked = rows.map(({ ids, lossMask }) => ({
      tokens: Array.from(ids),
      targets: Array.from(lossMask, (on, t) => on === 1 && t > 0),
    }));
    return (await model.meanHidden(asked, layer)).map((mean) => Float32Array.from(mean));
  }

  async steer(when: 'training' | 'answering', steering: readonly Steering[]): Promise<void> {
    directionsFor(steering, this.config);
    await (await this.open(() => this.copies.model('policy'))).steer(when, steering);
    this.copies.policyMoved();
  }

  async weights(): Promise<Weights> {
    return fetchWeights(await this.open(() => this.copies.model('policy')));
  }

  async replace(set: 'start' | 'policy', weights: Weights): Promise<void> {
    requireFit(await this.weights(), weights);
    if (set === 'start') return this.copies.replaceStart(weights);
    await putWeights(await this.copies.model('policy'), weights, this.lora !== undefined);
    this.broken = false;
    this.copies.policyMoved();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = closedError(this.source.path);
    try {
      await this.copies.close();
    } finally {
      this.session.close();
      await this.options.onClose?.();
    }
  }

  /** Whether the server says more of targets than their log-probabilities. */
  private get targets(): boolean {
    return this.session.abilities.ours;
  }

  /** Makes the model that is trained, and tests the server's loss on one that is thrown away. */
  private async prepare(): Promise<void> {
    await this.copies.model('policy');
    const ids = Int32Array.from(this.tokenizer.encode(TEST_TEXT).slice(0, this.maxLength));
    const row = { ids, lossMask: Uint8Array.from(ids, (_, t) => Number(t > 0)), where: 'self-test' };
    const scratch = await this.copies.create();
    try {
      await requirePlainSum(scratch, datumOf(row, 1));
    } finally {
      await scratch.unload();
    }
  }

  /** Makes a gradient not finite, so that the server forgets it with the next step. */
  private async spoil(model: RemoteModel): Promise<void> {
    const ids = Int32Array.from(this.tokenizer.encode(TEST_TEXT).slice(0, 2));
    const row = { ids, lossMask: Uint8Array.from(ids, (_, t) => Number(t > 0)), where: '' };
    await model.forwardBackward([datumOf(row, Number.NaN)], false);
  }

  private forward(rows: readonly TokenRow[], set: WeightSet): Promise<RowOutput[]> {
    const weighted = rows.map((row) => [row, 1] as const);
    return this.run(weighted, (model, data) => model.forward(data, this.targets), set);
  }

  private async run(
    weighted: readonly (readonly [row: TokenRow, weight: number])[],
    pass: (
      model: RemoteModel,
      data: Parameters<RemoteModel['forward']>[0],
    ) => ReturnType<RemoteModel['forward']>,
    set: WeightSet = 'policy',
  ): Promise<RowOutput[]> {
    if (this.closed) throw this.closed;
    for (const [{ ids }] of weighted) requireLength(ids.length, this.maxLength);
    // a row of one token has nothing to predict
    const sent = weighted.filter(([{ ids }]) => ids.length > 1);
    const model = await this.open(() => this.copies.model(set));
    const data = sent.map(([row, weight]) => datumOf(row, weight));
    const { outputs } = data.length === 0 ? { outputs: [] } : await pass(model, data);
    let next = 0;
    return weighted.map(([row]) =>
      row.ids.length > 1
        ? rowOutput(row, outputs[next++])
        : rowOutput(row, new Map([['logprobs', new Float32Array(0)]])),
    );
  }

  /** Asks a server that has not been left. */
  private async open<T>(ask: () => Promise<T>): Promise<T> {
    if (this.closed) throw this.closed;
    try {
      return await ask();
    } catch (error) {
      throw this.closed && !(error instanceof UserError) ? this.closed : error;
    }
  }

  private tokenizerOf(set: WeightSet): ChatTokenizer {
    return set === 'base' ? (this.options.baseTokenizer ?? this.tokenizer) : this.tokenizer;
  }
}

/** Of the chosen rows, then the rejected ones. */
function logpsOf(outputs: readonly RowOutput[]): PairLogps {
  const sums = Float64Array.from(outputs, ({ logpSum }) => logpSum);
  return { chosen: sums.slice(0, sums.length / 2), rejected: sums.slice(sums.length / 2) };
}

function targetsOf(outputs: readonly RowOutput[]): StepResult['targets'] {
  const all = (of: 'entropy' | 'correct') =>
    Float32Array.from(outputs.flatMap((row) => Array.from(row[of] ?? [])));
  return { entropy: all('entropy'), correct: all('correct') };
}
