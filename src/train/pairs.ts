/**
 * Preference pairs as training reads them: the online pairs of the conscience, drawn from
 * the replay buffer, and the rows of a fixed preference file.
 */
import { type AlarmState, afterReview, alarmLine, NO_ALARM, shareOf } from '../conscience/alarm.js';
import type { ConscienceCounts } from '../conscience/metrics.js';
import type { ReviewRecord } from '../conscience/record.js';
import { type ConscienceResult, ConscienceStages, type ConscienceStep } from '../conscience/step.js';
import type { LabelLogps } from '../conscience/verdict.js';
import { pairToRows, type TokenPair } from '../data/preferences.js';
import { amplifying, openWeights } from '../engine/capabilities.js';
import type { ReferenceLogps, TrainingEngine, WeightSet } from '../engine/training-engine.js';
import { CostMeter, type Stage } from '../metrics/costs.js';
import { Random } from '../random.js';
import type { Pair } from '../values/pair.js';
import { isDue, stepsUntilDue } from './cadence.js';
import type { TrainingPair } from './passes.js';
import type { PromptPools } from './prompt-pools.js';
import { meanAge, ReplayBuffer, type ReplayState } from './replay.js';
import { type PromptShares, type PromptsTaken, ReviewPrompts } from './review-prompts.js';
import { ReviewTimes, type ReviewTimesOptions, type ReviewTimesState } from './review-times.js';
import type { PendingReview, ReviewsBeside } from './reviews-beside.js';

export interface PairSourceOptions extends PromptPools, PromptShares, ReviewTimesOptions {
  readonly engine: TrainingEngine;
  /** Which copy is DPO's reference. */
  readonly reference: WeightSet;
  /** Absent: no reviews, fixed pairs only. */
  readonly conscience?: Omit<ConscienceStep, 'prompts' | 'step' | 'seed' | 'priorCache' | 'trainable'>;
  /** Factor on the policy's difference to the frozen copy where it is sampled. Default 1. */
  readonly amplify?: number;
  /** Largest share of the last responses that may be flagged before `onAlarm` is told. Absent: any. */
  readonly alarm?: number;
  readonly onAlarm?: (line: string) => void;
  /** Whether the verdicts do not change while training, so that priors may be kept. */
  readonly frozenConscience: boolean;
  /** Optimiser steps of the run. Default: no end. */
  readonly totalSteps?: number;
  readonly pairsPerStep: number;
  /** Distance from one step that draws pairs to the next, whenever reviews are. Default 1. */
  readonly pairsEvery?: number;
  readonly replayCapacity: number;
  readonly fixed: readonly TokenPair[];
  readonly maxLength: number;
  /** Absent: training waits for each review. */
  readonly beside?: ReviewsBeside;
  /** Told what reviews and the reference take. */
  readonly meter?: CostMeter;
  readonly onReviews: (records: readonly ReviewRecord[]) => void;
}

/** Everything that a source remembers; plain JSON. */
export interface PairSourceState {
  readonly replay: ReplayState;
  readonly references: readonly (readonly [string, ReferenceLogps])[];
  readonly priors: readonly (readonly [string, LabelLogps])[];
  /** Prompts reviewed so far, by source. */
  readonly reviewed: PromptsTaken;
  /** Reviews beside training that are not taken up yet. */
  readonly pending?: readonly PendingReview[];
  /** Absent where there is no alarm, and in checkpoints of earlier versions. */
  readonly alarm?: AlarmState;
  /** Absent where reviews come at even distances. */
  readonly times?: ReviewTimesState;
}

/** The pairs that a step draws. */
export interface PairDraw {
  readonly pairs: readonly TrainingPair[];
  /** Mean age of the online pairs, steps; null when there were none. */
  readonly age: number | null;
  /** Steps that the pairs stand for, a factor on λ. Default 1. */
  readonly weight?: number;
}

/** Where a step's pairs come from. */
export interface PairDrawer {
  /** @param step optimiser steps already made */
  draw(step: number): Promise<PairDraw>;
}

/** Says when the policy is reviewed, and keeps what comes of it. */
export interface Reviewer {
  /**
   * The stages of the review that is due.
   *
   * @param step optimiser steps already made
   * @returns    undefined when none is due
   */
  review(step: number): ConscienceStages | undefined;
  /**
   * Where reviews run beside training: begins the one that is due, and gives the one that is to be taken up.
   * Absent: they do not.
   */
  readonly takeTurns?: (step: number) => Promise<ConscienceResult | undefined>;
  /** Takes up what a review made. */
  keep(made: ConscienceResult): void;
}

export class PairSource implements PairDrawer, Reviewer {
  readonly takeTurns?: (step: number) => Promise<ConscienceResult | undefined>;
  private replay: ReplayBuffer;
  /** Reference log-probabilities by pair id; only while the reference is frozen. */
  private readonly references = new Map<string, ReferenceLogps>();
  private readonly priors = new Map<string, LabelLogps>();
  private readonly prompts: ReviewPrompts;
  private readonly times: ReviewTimes;
  private flags: AlarmState = NO_ALARM;

  constructor(private readonly options: PairSourceOptions) {
    const { replayCapacity: capacity, seed, beside } = options;
    this.replay = new ReplayBuffer({ capacity, seed });
    this.prompts = new ReviewPrompts(options, options);
    this.times = new ReviewTimes(options);
    if (beside) this.takeTurns = (step) => this.reviewBeside(beside, step);
  }

  /** Whether the conscience is on. */
  get reviewing(): boolean {
    return this.options.conscience !== undefined;
  }

  /** Pairs made in the whole run. */
  get total(): number {
    return this.replay.total;
  }

  /** Whether too many of the last responses were flagged; null until enough could be read, undefined where nobody asks. */
  get alarm(): boolean | null | undefined {
    if (this.options.alarm === undefined) return undefined;
    return shareOf(this.flags) === null ? null : this.flags.raised;
  }

  review(step: number): ConscienceStages | undefined {
    const { conscience } = this.options;
    if (!conscience || !this.times.isDue(step)) return undefined;
    this.times.begun(step);
    const { engine, amplify = 1, seed, frozenConscience, meter } = this.options;
    return new ConscienceStages({
      ...conscience,
      ...(amplify === 1 ? {} : { policy: amplifying(engine).amplified(amplify) }),
      trainable: (pair) => isTrainable(pair, engine, this.options.maxLength),
      ...(frozenConscience ? { priorCache: this.priors } : {}),
      prompts: this.prompts.take(step),
      step,
      seed,
      ...(meter ? { meter } : {}),
    });
  }

  keep({ reviews, pairs, counts }: ConscienceResult): void {
    this.options.onReviews(reviews);
    this.replay.add(pairs);
    this.forgetOldReferences();
    const [first] = reviews;
    this.times.heard(counts);
    if (first) this.watch(counts, first.step);
  }

  async draw(step: number): Promise<PairDraw> {
    const { passed = (steps) => steps, totalSteps = Infinity, beside } = this.options;
    const { pairsPerStep, pairsEvery = 1, fixed, seed } = this.options;
    // pairs of a review that comes later are drawn as much later
    const at = step - (beside?.lag ?? 0);
    if (at < 0 || !isDue(at, pairsEvery, passed)) return { pairs: [], age: null };
    // half of each kind; of an odd number the extra one alternates
    const wanted = fixed.length === 0 ? pairsPerStep : Math.floor((pairsPerStep + (step % 2)) / 2);
    const online = this.replay.sample(wanted, step);
    const pairs: TrainingPair[] = [];
    for (const { pair } of online) pairs.push(await this.withReference(pair.id, this.rowsOf(pair)));
    const random = new Random(seed, 'fixed pairs', step);
    for (const i of random.draw(pairsPerStep - online.length, fixed.length)) {
      pairs.push(await this.withReference(`fixed:${i}`, fixed[i]));
    }
    return {
      pairs,
      age: meanAge(online),
      weight: stepsUntilDue(at, pairsEvery, passed, totalSteps - (step - at)),
    };
  }

  /** Forgets the frozen copy's scores of pairs and prompts: another copy takes its place. */
  forgetFrozen(): void {
    this.references.clear();
    this.priors.clear();
  }

  /** Waits for reviews that run beside training: a checkpoint has what they made. */
  async state(): Promise<PairSourceState> {
    const { beside } = this.options;
    return {
      ...(beside ? { pending: await beside.state() } : {}),
      ...(this.options.alarm === undefined ? {} : { alarm: this.flags }),
      ...(this.times.state ? { times: this.times.state } : {}),
      replay: this.replay.state(),
      references: [...this.references],
      priors: [...this.priors],
      reviewed: this.prompts.taken,
    };
  }

  restore({ replay, references, priors, reviewed, ...rest }: PairSourceState): void {
    const { pending = [], alarm = NO_ALARM, times } = rest;
    const { replayCapacity: capacity, seed } = this.options;
    this.replay = ReplayBuffer.fromState(replay, { capacity, seed });
    for (const [id, logps] of references) this.references.set(id, logps);
    for (const [key, logps] of priors) this.priors.set(key, logps);
    this.prompts.taken = reviewed;
    this.flags = alarm;
    if (times) this.times.restore(times);
    this.options.beside?.restore(pending);
  }

  /** Tells when too many responses are flagged, and when they no longer are. */
  private watch(counts: ConscienceCounts, step: number): void {
    const { alarm: limit, amplify = 1, onAlarm } = this.options;
    if (limit === undefined) return;
    const before = this.flags;
    this.flags = afterReview(before, counts, limit);
    const line = alarmLine(before, this.flags, { step, limit, amplify });
    if (line !== undefined) onAlarm?.(line);
  }

  /** Begins a review, unless training ends before it would be taken up. */
  private async reviewBeside(beside: ReviewsBeside, step: number): Promise<ConscienceResult | undefined> {
    const { engine, seed, totalSteps = Infinity, meter = new CostMeter() } = this.options;
    const answer = await meter.during('waiting', () => beside.due(step));
    if (answer) {
      for (const [key, logps] of answer.priors) this.priors.set(key, logps);
      for (const [id, logps] of answer.references) this.references.set(id, logps);
      for (const [stage, { tokens }] of Object.entries(answer.costs)) meter.count(stage as Stage, tokens);
    }
    if (step + beside.lag < totalSteps && this.times.isDue(step)) {
      this.times.begun(step);
      const weights = await openWeights(engine).weights();
      beside.begin({ step, seed, prompts: this.prompts.take(step), weights, priors: [...this.priors] });
    }
    return answer?.made;
  }

  private rowsOf(pair: Pair): TokenPair {
    const { engine, maxLength } = this.options;
    const rows = pairToRows(pair, engine.tokenizer, maxLength);
    if (rows.kind !== 'pair') throw new Error(`internal: ${pair.id} is kept and too long`);
    return rows;
  }

  private async withReference(id: string, rows: TokenPair): Promise<TrainingPair> {
    const { engine, reference: set, meter = new CostMeter() } = this.options;
    const { chosen, rejected } = rows;
    const reference = this.references.get(id) ?? (await referenceOf(rows, engine, { set, meter }));
    if (set !== 'policy') this.references.set(id, reference);
    return { chosen, rejected, reference };
  }

  private forgetOldReferences(): void {
    const kept = new Set(this.replay.state().entries.map(({ pair }) => pair.id));
    for (const id of this.references.keys()) {
      if (!id.startsWith('fixed:') && !kept.has(id)) this.references.delete(id);
    }
  }
}

/** Whether a pair has rows that training can read. */
export const isTrainable = (pair: Pair, engine: TrainingEngine, maxLength: number): boolean =>
  pairToRows(pair, engine.tokenizer, maxLength).kind === 'pair';

/** Log-probabilities of pairs under the reference, by pair. */
export async function referencesOf(
  pairs: readonly Pair[],
  engine: TrainingEngine,
  { maxLength, ...how }: { set: WeightSet; maxLength: number; meter: CostMeter },
): Promise<[string, ReferenceLogps][]> {
  const found: [string, ReferenceLogps][] = [];
  for (const pair of pairs) {
    const rows = pairToRows(pair, engine.tokenizer, maxLength);
    if (rows.kind === 'pair') found.push([pair.id, await referenceOf(rows, engine, how)]);
  }
  return found;
}

/** Scored pair by pair: a result that does not depend on what else was in a batch resumes exactly. */
async function referenceOf(
  { chosen, rejected }: TokenPair,
  engine: TrainingEngine,
  { set, meter }: { set: WeightSet; meter: CostMeter },
): Promise<ReferenceLogps> {
  const [a, b] = await meter.during('reference', () => engine.sequenceLogps([chosen, rejected], set));
  meter.count('reference', chosen.ids.length + rejected.ids.length);
  return { chosen: a.logpSum, rejected: b.logpSum };
}
