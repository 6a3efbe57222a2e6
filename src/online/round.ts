/**
 * A round of online learning: a few hybrid steps on a copy of the adapter.
 *
 * Short, since the pairs are the live version's answers: the further the copy moves away, the less
 * they say about it. The anchor is the operator's own rows and, to a quarter, the chosen answers.
 */

import { pairToRows, type TokenPair } from '../data/preferences.js';
import { openWeights } from '../engine/capabilities.js';
import type { ReferenceLogps, TrainingEngine } from '../engine/training-engine.js';
import { allFinite } from '../model/finite.js';
import type { Weights } from '../model/model.js';
import { Random } from '../random.js';
import type { ChatTokenizer } from '../tokenizer/tokenizer.js';
import { BatchStream } from '../train/batch-stream.js';
import type { PairDraw, PairDrawer } from '../train/pairs.js';
import { learningRateAt } from '../train/schedule.js';
import { align } from '../train/step.js';
import type { Pair } from '../values/pair.js';
import type { TokenRow } from '../values/rows.js';
import type { OnlineSettings } from './settings.js';
import type { NewPair, StoredPair } from './stored.js';

/** Share of chosen answers among the rows: without any the answers lose their form, with many the few are learned by heart. */
const chosenShare = 0.25;

export interface RoundOptions {
  /** Its policy is trained, from what it is now, with new moments; its base is the reference. */
  readonly engine: TrainingEngine;
  readonly anchor: readonly TokenRow[];
  readonly pairs: readonly StoredPair[];
  /** Part of its weight that each pair keeps, see callers.ts. */
  readonly kept: readonly number[];
  readonly training: OnlineSettings['training'];
  /** Number of the version that will come of it: part of the seed. */
  readonly version: number;
  /** Asked before each step. */
  readonly goOn: () => boolean;
}

/** How a round ended: what the last step measured, or why there is no candidate. */
export type RoundResult =
  | { readonly kind: 'trained'; readonly loss: number; readonly steps: number; readonly weights: Weights }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'failed'; readonly reason: string };

export async function trainRound(options: RoundOptions): Promise<RoundResult> {
  const { engine, training, version, goOn } = options;
  const { steps, batch_size: batchSize, max_length: maxLength, lambda, beta } = training;
  const tokenised = options.pairs.flatMap((pair, i) => {
    const rows = rowsOfPair(pair, engine.tokenizer, maxLength);
    return rows ? [{ pair, rows, kept: options.kept[i] }] : [];
  });
  if (tokenised.length === 0) return { kind: 'failed', reason: `no pair has room in ${maxLength} tokens` };
  const random = new Random(training.seed, 'round', version);
  const pairs = new ClusterDraws(engine, tokenised, training.pairs_per_step, random);
  const chosen = pairs.thinned().map(({ rows }) => rows.chosen);
  const own = Math.ceil(chosenShare * steps * batchSize);
  const rows = [
    ...cycled(random.shuffle([...options.anchor]), steps * batchSize - own),
    ...cycled(random.shuffle(chosen), own),
  ];
  const stream = new BatchStream(rows, {
    ...{ batching: 'bucket', batchSize, accumulation: 1, maxLength, seed: random.uint32() },
  });
  const alignment = { engine, pairs, loss: { lambda, beta }, maxGradNorm: training.max_grad_norm };
  const schedule = {
    schedule: 'constant',
    learningRate: training.learning_rate,
    warmupSteps: training.warmup_steps,
    totalSteps: steps,
  } as const;
  let last = Number.NaN;
  for (let step = 0; step < steps; step++) {
    if (!goOn()) return { kind: 'stopped' };
    // the first step's rate is not 0: a round has few
    const made = await align(alignment, step, stream.nextStep(), learningRateAt(step + 1, schedule));
    last = made.loss;
    if (!made.applied) {
      return { kind: 'failed', reason: `the loss was ${last} at step ${step + 1}` };
    }
  }
  const weights = await openWeights(engine).weights();
  const broken = [...weights].find(([, { data }]) => !allFinite(data));
  if (broken) return { kind: 'failed', reason: `${broken[0]} was not finite after step ${steps}` };
  return { kind: 'trained', loss: last, steps, weights };
}

/** A pair's rows; undefined where it cannot be trained on. */
export function rowsOfPair(
  { messages, chosen, rejected }: Pick<NewPair, 'messages' | 'chosen' | 'rejected'>,
  tokenizer: ChatTokenizer,
  maxLength: number,
): TokenPair | undefined {
  const prompt = { messages, source: 'user', id: 'record' } as const;
  const pair = { id: 'record', prompt, chosen, rejected } as Pair;
  const rows = pairToRows(pair, tokenizer, maxLength);
  return rows.kind === 'pair' ? rows : undefined;
}

interface Tokenised {
  readonly pair: StoredPair;
  readonly rows: TokenPair;
  readonly kept: number;
}

/**
 * Draws pairs: each cluster as often as the others however many pairs it has, less what its pairs have
 * lost of their weight.
 */
export class ClusterDraws implements PairDrawer {
  private readonly clusters: readonly (readonly Tokenised[])[];
  /** Mean weight of the cluster that has most left. */
  private readonly mostKept: number;
  private readonly references = new Map<number, ReferenceLogps>();
  private turn: (readonly Tokenised[])[] = [];

  constructor(
    private readonly engine: TrainingEngine,
    pairs: readonly Tokenised[],
    private readonly count: number,
    private readonly random: Random,
  ) {
    this.clusters = [...grouped(pairs, ({ pair }) => pair.cluster).values()];
    this.mostKept = Math.max(...this.clusters.map(meanKept));
  }

  /** The pairs, less of those that have lost weight; at least one. */
  thinned(): readonly Tokenised[] {
    const pairs = this.clusters.flat();
    if (pairs.every(({ kept }) => kept === 1)) return pairs;
    const weights = this.clusters.flatMap((cluster) => cluster.map(({ kept }) => kept / cluster.length));
    const most = Math.max(...weights);
    return pairs.filter((_, i) => weights[i] === most || this.random.next() < weights[i] / most);
  }

  async draw(): Promise<PairDraw> {
    const drawn: Tokenised[] = [];
    while (drawn.length < this.count) {
      if (this.turn.length === 0) this.turn = this.random.shuffle(this.clusters.filter(this.takesPart));
      drawn.push(this.oneOf(this.turn.pop()!));
    }
    const pairs = [];
    for (const { pair, rows } of drawn)
      pairs.push({ ...rows, reference: await this.reference(pair.id, rows) });
    return { pairs, age: null };
  }

  private readonly takesPart = (cluster: readonly Tokenised[]): boolean => {
    const share = meanKept(cluster) / this.mostKept;
    return share === 1 || this.random.next() < share;
  };

  private oneOf(cluster: readonly Tokenised[]): Tokenised {
    const most = Math.max(...cluster.map(({ kept }) => kept));
    for (;;) {
      const one = cluster[this.random.int(cluster.length)];
      if (one.kept === most || this.random.next() < one.kept / most) return one;
    }
  }

  private async reference(id: number, { chosen, rejected }: TokenPair): Promise<ReferenceLogps> {
    const known = this.references.get(id);
    if (known) return known;
    const [a, b] = await this.engine.sequenceLogps([chosen, rejected], 'base');
    const reference = { chosen: a.logpSum, rejected: b.logpSum };
    this.references.set(id, reference);
    return reference;
  }
}

function meanKept(cluster: readonly Tokenised[]): number {
  return cluster.reduce((sum, { kept }) => sum + kept, 0) / cluster.length;
}

function cycled<T>(items: readonly T[], count: number): T[] {
  return items.length === 0 ? [] : Array.from({ length: count }, (_, i) => items[i % items.length]);
}

function grouped<T, K>(items: readonly T[], by: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(by(item));
    if (group) group.push(item);
    else groups.set(by(item), [item]);
  }
  return groups;
}
