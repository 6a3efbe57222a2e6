/**
 * The training loop: review, draw pairs, step, log, validate, save.
 *
 * Everything that it needs is handed in ready-made; files, models and configuration are
 * run.ts's business. A step is the same whether the run was interrupted before it or not.
 */
import { setImmediate } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { conscienceMetrics } from '../conscience/metrics.js';
import { type Renewing, renewing } from '../engine/capabilities.js';
import type { SequenceLogp, TrainingEngine } from '../engine/training-engine.js';
import { TrainingError } from '../errors.js';
import { CostMeter, type Costs, STAGE_WORDS } from '../metrics/costs.js';
import { costMetrics, type Metrics } from '../metrics/names.js';
import type { Progress } from '../metrics/progress.js';
import type { TokenRow } from '../values/rows.js';
import type { BatchStream } from './batch-stream.js';
import type { Checkpoint, RunState, Settings, ValidationState } from './checkpoint.js';
import type { PairSource } from './pairs.js';
import type { LossConfig } from './passes.js';
import { learningRateAt, type ScheduleConfig } from './schedule.js';
import { align, tokensOf } from './step.js';
import { addStep, EMPTY_WINDOW, type WindowState, windowMetrics } from './window.js';

export interface TrainerOptions {
  readonly engine: TrainingEngine;
  readonly evaluationRows: readonly TokenRow[];
  readonly stream: BatchStream;
  /** Absent: supervised training only. */
  readonly pairs?: PairSource;
  /** Shared with `pairs`. Default: one of its own. */
  readonly meter?: CostMeter;
  readonly loss: LossConfig;
  readonly schedule: ScheduleConfig;
  /** 0 switches clipping off. */
  readonly maxGradNorm: number;
  /** Steps between records, validations, checkpoints; 0 is never (a record is always every ≥ 1). */
  readonly logEvery: number;
  readonly evalEvery: number;
  readonly saveEvery: number;
  /** Steps after which the frozen copy is renewed, first after as many; 0 is never. */
  readonly renewEvery: number;
  /** Validations without a loss lower by more than `threshold` (nats per token) after which training ends; 0 is never. */
  readonly earlyStop: { readonly validations: number; readonly threshold: number };
  readonly modelHash: string;
  readonly settings: Settings;
  readonly progress: Progress;
  readonly onMetrics: (step: number, metrics: Metrics) => void;
  /** Saves the run, with the engine's weights and moments. @returns the checkpoint's folder */
  readonly onSave: (state: RunState) => Promise<string>;
}

/** How a run ended. */
export interface TrainingResult {
  readonly finished: boolean;
  readonly step: number;
  /** Where the state was saved, when the run was stopped. */
  readonly checkpoint?: string;
}

export class Trainer {
  private readonly renewing?: Renewing;
  private readonly meter: CostMeter;
  /** Of the window, in a run that is resumed. */
  private costsBefore: Costs = {};
  private window: WindowState = EMPTY_WINDOW;
  private step = 0;
  private tokens = 0;
  private reviewed = 0;
  private lastCheckpoint?: string;
  private lastSaved = -1;
  private validation?: ValidationState;

  /** @throws ConfigError when the frozen copy is to be renewed and the engine cannot */
  constructor(private readonly options: TrainerOptions) {
    this.meter = options.meter ?? new CostMeter();
    if (options.renewEvery > 0) this.renewing = renewing(options.engine);
  }

  /** @throws TrainingError when the checkpoint belongs to another run */
  async restore({ folder, state }: Checkpoint): Promise<void> {
    this.requireSameRun(folder, state);
    await this.options.engine.load(folder, state.step);
    this.options.stream.restore(state.batches);
    if (state.pairs) this.options.pairs?.restore(state.pairs);
    this.window = state.window;
    this.costsBefore = state.costs ?? {};
    this.step = this.lastSaved = state.step;
    this.tokens = state.tokens;
    this.reviewed = state.reviewed;
    this.lastCheckpoint = folder;
    if (state.validation) this.validation = state.validation;
  }

  /** Trains to the end, or until the signal says stop: then a checkpoint is saved. */
  async run(signal?: AbortSignal): Promise<TrainingResult> {
    const { schedule, progress, logEvery, evalEvery, saveEvery, earlyStop } = this.options;
    const { totalSteps } = schedule;
    this.meter.start(this.costsBefore);
    if (this.step === 0 && this.lastSaved < 0) await this.validate();
    progress.start(totalSteps, 'train', { first: this.step });
    progress.phase?.(STAGE_WORDS.other);
    const clock = new Clock(this.tokens);
    while (this.step < totalSteps) {
      // what came during the step is heard before the next one
      await setImmediate();
      if (signal?.aborted) return { finished: false, step: this.step, checkpoint: await this.save() };
      const { learningRate, gradNorm } = await this.trainStep();
      this.step += 1;
      const tokensPerSecond = clock.rate(this.tokens);
      progress.update({
        step: this.step,
        loss: this.window.loss / this.window.steps,
        'conscience/flag_rate': conscienceMetrics(this.window.counts, 0)['conscience/flag_rate'] ?? undefined,
        ...this.alarm(),
        tokens_per_second: tokensPerSecond,
      });
      const end = this.step === totalSteps;
      if ((evalEvery > 0 && this.step % evalEvery === 0) || end) await this.validate();
      const last = end || this.flat;
      if (this.step % logEvery === 0 || last) {
        this.log({
          learning_rate: learningRate,
          grad_norm: gradNorm,
          tokens_per_second: clock.lap(this.tokens),
        });
      }
      if (this.flat) {
        progress.note(
          `Stopped early at step ${this.step}: no lower validation loss in ${earlyStop.validations} validations.`,
        );
        break;
      }
      if (saveEvery > 0 && this.step % saveEvery === 0 && !last) await this.save();
    }
    return { finished: true, step: this.step };
  }

  /** Renews the frozen copy when it is time to; what the old one said of pairs and prompts is forgotten. */
  private async renewFrozen(): Promise<void> {
    const { pairs, renewEvery } = this.options;
    if (!this.renewing || this.step === 0 || this.step % renewEvery !== 0) return;
    await this.renewing.refreeze();
    pairs?.forgetFrozen();
  }

  private async trainStep(): Promise<{ learningRate: number; gradNorm: number | null }> {
    const { stream, schedule } = this.options;
    await this.renewFrozen();
    const supervised = stream.nextStep();
    const learningRate = learningRateAt(this.step, schedule);
    const alignment = { ...this.options, conscience: this.options.pairs, meter: this.meter };
    const made = await align(alignment, this.step, supervised, learningRate);
    const { counts, drawn, passes, loss, gradNorm, applied } = made;
    if (!applied) {
      const places = supervised.flatMap(({ rows }) => rows.map(({ where }) => where));
      throw this.divergence(`loss ${loss}, gradient norm ${gradNorm}`, places);
    }
    for (const { pass } of passes) {
      const { sft, pairs } = tokensOf(pass);
      this.tokens += sft + pairs;
    }
    this.reviewed += counts.reviewed;
    this.window = addStep(this.window, passes, counts, drawn.age);
    return { learningRate, gradNorm };
  }

  private log(step: Metrics): void {
    const { stream, pairs } = this.options;
    this.options.onMetrics(this.step, {
      ...windowMetrics(this.window),
      ...(pairs?.reviewing
        ? {
            ...conscienceMetrics(this.window.counts, this.reviewed),
            ...this.alarm(),
            'conscience/pairs_total': pairs.total,
          }
        : {}),
      epoch: stream.epoch,
      num_tokens: this.tokens,
      ...step,
      ...costMetrics(this.meter.take()),
    });
    this.window = EMPTY_WINDOW;
  }

  private alarm(): Pick<Metrics, 'conscience/alarm'> {
    const alarm = this.options.pairs?.alarm;
    return alarm === undefined ? {} : { 'conscience/alarm': alarm === null ? null : Number(alarm) };
  }

  private async validate(): Promise<void> {
    const { engine, evaluationRows, onMetrics } = this.options;
    if (evaluationRows.length === 0) return;
    const scores = await this.meter.during('evaluation', () =>
      engine.sequenceLogps(evaluationRows, 'policy'),
    );
    this.meter.count(
      'evaluation',
      evaluationRows.reduce((total, { ids }) => total + ids.length, 0),
    );
    const sum = (of: (score: SequenceLogp) => number) => scores.reduce((total, s) => total + of(s), 0);
    const tokens = sum((score) => score.tokens);
    const loss = -sum((score) => score.logpSum) / tokens;
    if (!Number.isFinite(loss)) {
      throw this.divergence(
        `validation loss ${loss}`,
        evaluationRows.map(({ where }) => where),
      );
    }
    const { lowest = Number.POSITIVE_INFINITY, since = 0 } = this.validation ?? {};
    const lower = loss < lowest - this.options.earlyStop.threshold;
    this.validation = lower ? { lowest: loss, since: 0 } : { lowest, since: since + 1 };
    const accuracy = sum((score) => score.correct) / tokens;
    onMetrics(this.step, {
      'eval/loss': loss,
      'eval/mean_token_accuracy': Number.isNaN(accuracy) ? null : accuracy,
    });
  }

  /** Whether the validation loss has not fallen for so long that training should end. */
  private get flat(): boolean {
    const { validations } = this.options.earlyStop;
    return validations > 0 && (this.validation?.since ?? 0) >= validations;
  }

  private async save(): Promise<string> {
    if (this.lastSaved === this.step) return this.lastCheckpoint!;
    const { stream, pairs, modelHash, settings, onSave } = this.options;
    this.lastCheckpoint = await this.meter.during('checkpoints', async () =>
      onSave({
        step: this.step,
        modelHash,
        settings,
        tokens: this.tokens,
        reviewed: this.reviewed,
        batches: stream.state(),
        pairs: (await pairs?.state()) ?? null,
        window: this.window,
        costs: this.meter.soFar(),
        ...(this.validation ? { validation: this.validation } : {}),
      }),
    );
    this.lastSaved = this.step;
    return this.lastCheckpoint;
  }

  private requireSameRun(folder: string, state: RunState): void {
    const { modelHash, settings } = this.options;
    // a key that an earlier version did not have is one that is not set
    const [saved, now] = [state.settings, settings].map((of) => (key: string) => of[key] ?? null);
    const changed = Object.keys({ ...state.settings, ...settings })
      .filter((key) => !isDeepStrictEqual(saved(key), now(key)))
      .map((key) => `${key} ${JSON.stringify(saved(key))}, now ${JSON.stringify(now(key))}`);
    if (state.modelHash !== modelHash) changed.unshift('another base model');
    if (changed.length === 0) return;
    throw new TrainingError({
      where: folder,
      what: `the checkpoint was made with other settings: ${changed.join('; ')}`,
      next: 'resume with the configuration of the run, or start a new one',
    });
  }

  private divergence(what: string, rows: readonly string[]): TrainingError {
    const shown = rows.slice(0, 16).join(', ') + (rows.length > 16 ? ` and ${rows.length - 16} more` : '');
    return new TrainingError({
      where: `step ${this.step + 1}`,
      what: `${what}, on rows ${shown}; last good checkpoint: ${this.lastCheckpoint ?? 'none'}`,
      next: 'look at these rows, or start again with a lower training.learning_rate or loss.lambda',
    });
  }
}

/** Tokens per second, over all and since the last lap. */
class Clock {
  private readonly begin = performance.now();
  private readonly first: number;
  private lapBegin = this.begin;
  private lapTokens: number;

  constructor(tokens: number) {
    this.first = this.lapTokens = tokens;
  }

  rate(tokens: number): number {
    return (1000 * (tokens - this.first)) / (performance.now() - this.begin);
  }

  lap(tokens: number): number {
    const now = performance.now();
    const rate = (1000 * (tokens - this.lapTokens)) / (now - this.lapBegin);
    this.lapBegin = now;
    this.lapTokens = tokens;
    return rate;
  }
}
