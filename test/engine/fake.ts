/**
 * An engine for tests that are about something else: a bigram model in plain TypeScript.
 *
 * The next token depends on the one before it alone: p(· | v) = softmax(W[v] + D[v]). W is frozen and
 * random, D is trained and begins as zeros, so that its gradient is exact and a step takes no time. What
 * it can do beside the interface is to hand out its weights.
 */
import type { AdamWConfig, Gradients } from '../../src/engine/adamw.js';
import { type Capabilities, type OpenWeights, requireAnchoring } from '../../src/engine/capabilities.js';
import { copyTensors, requireFit, TrainedParameters } from '../../src/engine/trained-parameters.js';
import type {
  EngineModel,
  ExportOptions,
  HybridPass,
  SequenceLogp,
  StepResult,
  TrainingEngine,
  UpdateOptions,
  WeightSet,
} from '../../src/engine/training-engine.js';
import { ShapeError } from '../../src/errors.js';
import { writeFolderAtomic } from '../../src/files/files.js';
import type { Weights } from '../../src/model/model.js';
import { safetensorsPieces } from '../../src/model/safetensors-write.js';
import { Random } from '../../src/random.js';
import { answerTokens, promptTokens } from '../../src/tokenizer/answer-tokens.js';
import type { Response } from '../../src/values/conversation.js';
import type { TokenRow } from '../../src/values/rows.js';
import { letterTokenizer, tinyModel } from './tiny.js';

const { config } = tinyModel();
const V = config.vocabSize;
/** Name of the trained table D, [V, V]. */
const TABLE = 'bigrams';

/** Where a row's target lies in the table: token and the one before it. */
type Target = readonly [before: number, token: number];

export class FakeEngine implements TrainingEngine, OpenWeights {
  readonly name = 'fake';
  readonly config = config;
  readonly tokenizer = letterTokenizer;
  readonly specialTokens = letterTokenizer.specialTokens;
  readonly maxLength = config.maxPositions;
  readonly lora = { rank: 1, alpha: 1, rslora: false, targets: [TABLE] };
  readonly capabilities: Capabilities = { openWeights: this };
  private readonly frozen: Float32Array;
  private readonly trained: TrainedParameters;
  private start: Float32Array | undefined;
  private closed = false;

  constructor({ seed = 1, optimizer }: { seed?: number; optimizer?: AdamWConfig } = {}) {
    const random = new Random(seed, 'fake');
    this.frozen = Float32Array.from({ length: V * V }, () => random.normal());
    const table = { shape: [V, V], data: new Float32Array(V * V) };
    this.trained = new TrainedParameters(new Map([[TABLE, table]]), optimizer);
  }

  /** The gradient so far. */
  get gradients(): Gradients {
    return this.trained.gradients;
  }

  model(set: WeightSet): EngineModel {
    const { tokenizer } = this;
    const labelLogps: EngineModel['labelLogps'] = async (conversations, labels, { prefix } = {}) =>
      conversations.map((messages) => {
        const { context, choices } = answerTokens(tokenizer, messages, labels, prefix);
        return choices.map((choice) => this.sumOf(targetsIn([...context, ...choice], context.length), set));
      });
    return {
      id: set,
      labelLogps,
      generate: async (conversations, { maxTokens, temperature = 1, seed = 0, prefix = '' }) =>
        conversations.map((messages, i): Response => {
          const ids = promptTokens(tokenizer, messages, prefix);
          return this.write(ids.at(-1)!, { maxTokens, temperature, random: new Random(seed, i) }, set);
        }),
      answerProbabilities: async (conversations, answers) =>
        (await labelLogps(conversations, answers)).map((row) => row.map(Math.exp)),
      continuationLogps: async (rows) =>
        rows.map(({ context, continuations }) =>
          continuations.map((text) => {
            const ids = tokenizer.encode(context + text);
            return this.sumOf(targetsIn(ids, tokenizer.encode(context).length), set);
          }),
        ),
    };
  }

  async sequenceLogps(rows: readonly TokenRow[], set: WeightSet): Promise<SequenceLogp[]> {
    this.requireOpen(rows);
    return rows.map((row) => {
      const targets = targetsOfRow(row);
      const correct = targets.filter(([before, token]) => argmax(this.logps(before, set)) === token).length;
      return { logpSum: this.sumOf(targets, set), tokens: targets.length, correct };
    });
  }

  async accumulate(pass: HybridPass): Promise<StepResult> {
    if (pass.anchor || pass.pairLoss === 'kl') requireAnchoring(this);
    const { rows, sftWeight, pairs, lambda, beta, pairLoss } = pass;
    this.requireOpen([...rows, ...pairs.flatMap(({ chosen, rejected }) => [chosen, rejected])]);
    const gradient = new Float32Array(V * V);
    /** Adds d(weight · log p)/dD: weight · (onehot − p). */
    const push = ([before, token]: Target, weight: number) => {
      const logps = this.logps(before, 'policy');
      for (let k = 0; k < V; k++)
        gradient[before * V + k] += weight * (Number(k === token) - Math.exp(logps[k]));
    };
    const supervised = rows.flatMap(targetsOfRow);
    const sft = -sftWeight * this.sumOf(supervised, 'policy');
    for (const target of supervised) push(target, -sftWeight);
    let dpo = 0;
    const logps = { chosen: new Float64Array(pairs.length), rejected: new Float64Array(pairs.length) };
    for (const [p, { chosen, rejected, reference, weight }] of pairs.entries()) {
      const [good, bad] = [targetsOfRow(chosen), targetsOfRow(rejected)];
      const [c, r] = [this.sumOf(good, 'policy'), this.sumOf(bad, 'policy')];
      [logps.chosen[p], logps.rejected[p]] = [c, r];
      const margin = beta * (c - reference.chosen - (r - reference.rejected));
      dpo += weight * (pairLoss === 'sft' ? -c : Math.log1p(Math.exp(-margin)));
      // −log σ(m): d/dm = −σ(−m)
      const slope = pairLoss === 'sft' ? 1 : beta / (1 + Math.exp(margin));
      for (const target of good) push(target, -lambda * weight * slope);
      if (pairLoss !== 'sft') for (const target of bad) push(target, lambda * weight * slope);
    }
    const loss = sft + lambda * dpo;
    this.trained.accumulate(loss, () => gradient);
    return { loss, sft, dpo, anchor: 0, logps, targets: this.measured(supervised) };
  }

  async update(options: UpdateOptions) {
    return this.trained.update(options);
  }

  async save(folder: string): Promise<void> {
    this.trained.save(folder);
  }

  async load(folder: string, updates: number): Promise<void> {
    await this.trained.load(folder, updates);
  }

  async exportTrained(folder: string, { baseModel, files = new Map() }: ExportOptions): Promise<void> {
    writeFolderAtomic(folder, [
      ['adapter_model.safetensors', safetensorsPieces(this.trained.tensors)],
      ...files,
      ['adapter_config.json', JSON.stringify({ baseModel })],
    ]);
  }

  async weights(): Promise<Weights> {
    return copyTensors(this.trained.tensors);
  }

  async replace(set: 'start' | 'policy', weights: Weights): Promise<void> {
    if (set === 'policy') return this.trained.replace(weights);
    requireFit(this.trained.tensors, weights);
    this.start = weights.get(TABLE)!.data.slice();
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  /** Log-probabilities of all tokens after one, nats, float64 [V]. */
  private logps(before: number, set: WeightSet): Float64Array {
    const added = { base: undefined, start: this.start, policy: this.trained.tensors.get(TABLE)!.data }[set];
    const logits = Float64Array.from({ length: V }, (_, k) => {
      const at = before * V + k;
      return this.frozen[at] + (added?.[at] ?? 0);
    });
    const total = Math.log(logits.reduce((sum, x) => sum + Math.exp(x), 0));
    return logits.map((x) => x - total);
  }

  private sumOf(targets: readonly Target[], set: WeightSet): number {
    return targets.reduce((sum, [before, token]) => sum + this.logps(before, set)[token], 0);
  }

  private measured(targets: readonly Target[]): StepResult['targets'] {
    const lines = targets.map(([before]) => this.logps(before, 'policy'));
    return {
      entropy: Float32Array.from(lines, (logps) => -logps.reduce((sum, x) => sum + Math.exp(x) * x, 0)),
      correct: Float32Array.from(lines, (logps, i) => Number(argmax(logps) === targets[i][1])),
    };
  }

  private write(
    last: number,
    { maxTokens, temperature, random }: { maxTokens: number; temperature: number; random: Random },
    set: WeightSet,
  ): Response {
    const ids: number[] = [];
    let before = last;
    while (ids.length < maxTokens) {
      const logps = this.logps(before, set);
      before = temperature === 0 ? argmax(logps) : draw(logps, temperature, random);
      if (letterTokenizer.eosIds.includes(before)) {
        return { text: letterTokenizer.decode(ids), finish: 'stop', tokens: ids.length + 1 };
      }
      ids.push(before);
    }
    return { text: letterTokenizer.decode(ids), finish: 'length', tokens: ids.length };
  }

  private requireOpen(rows: readonly TokenRow[]): void {
    if (this.closed) throw new Error('the engine was closed');
    const longest = Math.max(0, ...rows.map(({ ids }) => ids.length));
    if (longest <= this.maxLength) return;
    throw new ShapeError({ what: `a row of ${longest} tokens`, expected: `at most ${this.maxLength}` });
  }
}

const targetsOfRow = ({ ids, lossMask }: TokenRow): Target[] =>
  Array.from(ids, (token, t): Target => [ids[t - 1], token]).filter((_, t) => t > 0 && lossMask[t] === 1);

const targetsIn = (ids: readonly number[], from: number): Target[] =>
  ids.map((token, t): Target => [ids[t - 1], token]).slice(from);

const argmax = (values: Float64Array): number => values.indexOf(Math.max(...values));

function draw(logps: Float64Array, temperature: number, random: Random): number {
  const weights = logps.map((x) => Math.exp(x / temperature));
  let rest = random.next() * weights.reduce((sum, x) => sum + x, 0);
  const found = weights.findIndex((x) => {
    rest -= x;
    return rest < 0;
  });
  return found < 0 ? V - 1 : found;
}
