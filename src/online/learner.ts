/**
 * The learner: judges what was said, and when there are enough new pairs trains a copy of the live
 * adapter on them, sends it through the gate, and writes the version that came of it.
 *
 * Nothing is kept in memory that the store does not have, so that it may be killed at any moment.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { builtInCanaries, CANARIES_FILE, canariesOf } from '../conscience/canaries.js';
import { FRAMEWORKS } from '../conscience/frameworks.js';
import { loadFormat } from '../conscience/plain-format.js';
import { builtInProbes, PROBES_FILE } from '../conscience/probes.js';
import { readPreferenceRows, readPrompts, readTrainingRows } from '../data/dataset.js';
import { splitRows } from '../data/split.js';
import { tokeniseRows } from '../data/tokenise.js';
import { openWeights } from '../engine/capabilities.js';
import type { TrainingEngine } from '../engine/training-engine.js';
import { ModelError } from '../errors.js';
import { resolveModel } from '../hub/pull.js';
import { knownConfig } from '../model/config.js';
import type { Tensor, Weights } from '../model/model.js';
import { loadModel } from '../model/weights.js';
import { requestedCalibration } from '../open/calibration.js';
import { openEngine } from '../open/engine.js';
import { Acquaintance, keptWeights } from './callers.js';
import { Coherence } from './coherence.js';
import { Gate, type GateReport, type Measured } from './gate.js';
import { type JudgeOptions, judgeRecords, rulesOf } from './judge.js';
import { type RoundOptions, rowsOfPair, trainRound } from './round.js';
import type { OnlineSettings } from './settings.js';
import { Shown } from './shown.js';
import type { OnlineStore } from './store.js';
import type { StoredPair } from './stored.js';
import { openVersion, readVersion, writeVersion } from './versions.js';

export interface LearnerOptions {
  /** Folder, .gguf file, alias or Hugging Face id. */
  readonly model: string;
  /** 0: one per core. */
  readonly threads: number;
  readonly settings: OnlineSettings;
  /** Has a live version. */
  readonly store: OnlineStore;
  /** Told in a line what happens. */
  readonly onEvent?: (what: string, detail: object) => void;
}

/** The gate's report of a version, with what the round did. */
export interface VersionReport extends GateReport {
  readonly round: {
    readonly steps: number;
    readonly loss: number;
    /** Fraction of the update that went live; less than 1 if the gate shortened it. */
    readonly portion: number;
    readonly newPairs: number;
    readonly replayed: number;
  };
}

/** Built-in probes that the gate asks: every kind at least twice. It asks each several times, and again for every candidate. */
const BUILT_IN_ASKED = 48;

/** Records that are judged together. */
const atOnce = 32;
/** How often the learner's clock is written down. */
const clockMs = 5000;
/** Fractions of a round's update, tried in turn. */
const portions = [1, 0.5, 0.25];
const idleMs = 500;
const tooFewMs = 60_000;
const DAY = 24 * 60 * 60 * 1000;

export class Learner {
  /** When there were enough pairs for a round, by `performance.now()`. */
  private readySince?: number;
  /** Until then there are too few pairs, unless more are made. */
  private tooFewUntil = 0;

  private constructor(
    private readonly options: LearnerOptions,
    private readonly engine: TrainingEngine,
    private readonly judging: JudgeOptions,
    private readonly gate: Gate,
    private readonly shown: Shown,
    private readonly anchor: RoundOptions['anchor'],
  ) {}

  /** Reads the model and all files. @throws UserError when one cannot be used */
  static async open(options: LearnerOptions): Promise<Learner> {
    const { settings, store, threads } = options;
    const path = await resolveModel(options.model);
    const base = await loadModel(path);
    const { adapter, model } = await openVersion(store, store.live!, base);
    const { tokenizer } = model;
    if (!tokenizer.hasChatTemplate) {
      throw new ModelError({
        where: path,
        what: 'the tokenizer has no chat template',
        next: 'use the instruct version',
      });
    }
    const engine = await openEngine({
      ...{ model, threads, lora: adapter.config, adapter: adapter.tensors, baseTokenizer: base.tokenizer },
    });
    const format = await loadFormat(path, { specialTokens: engine.specialTokens });
    const { question, calibration } = settings.conscience;
    const found =
      question === undefined ? await requestedCalibration(options.model, base.hash, calibration) : undefined;
    const asking = {
      ...{ format, settings, framework: FRAMEWORKS[question ?? 'asimov'] },
      ...(found ? { calibration: found } : {}),
    };
    const rules = rulesOf(asking);
    for (const { framework } of rules.parts ?? [rules]) format.adapt(framework);

    const maxLength = Math.min(settings.training.max_length, model.config.maxPositions);
    const note = (line: string) => options.onEvent?.('data', { note: line });
    const all = await readTrainingRows(settings.data, note);
    const { train, evaluation } = splitRows(
      all,
      all.length > 1 ? settings.eval_split : 0,
      settings.training.seed,
    );
    const tokenised = async (rows: typeof all) =>
      rows.length === 0 ? [] : (await tokeniseRows(rows, tokenizer, { maxLength, lossOn: 'last' })).rows;
    const own = (name: string) => (existsSync(join(path, name)) ? join(path, name) : undefined);
    const probes = settings.probes ?? own(PROBES_FILE);
    const canaries = settings.canaries ?? own(CANARIES_FILE);

    const prompts =
      probes === undefined
        ? builtInProbes.slice(0, BUILT_IN_ASKED)
        : await readPrompts(probes, 'probe', note);
    const { samples, max_tokens: maxTokens } = settings.gate;
    const coherence = new Coherence({ engine, prompts, samples, maxTokens });
    const judging = {
      ...{ frozen: engine.model('base'), coherence, ...asking },
      fits: (pair: Parameters<JudgeOptions['fits']>[0]) =>
        rowsOfPair(pair, tokenizer, maxLength) !== undefined,
    };
    const gate: Gate = new Gate({
      start: () => shown.of(0),
      ...{ engine, coherence, probes: prompts, ...asking },
      canaries:
        canaries === undefined ? builtInCanaries : canariesOf(await readPreferenceRows(canaries, note)),
      heldOut: await tokenised(evaluation),
    });
    const shown = new Shown(store, engine, gate);
    const fitted = {
      ...options,
      settings: { ...settings, training: { ...settings.training, max_length: maxLength } },
    };
    return new Learner(fitted, engine, judging, gate, shown, await tokenised(train));
  }

  /** Learns until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const { store, settings } = this.options;
    let swept = 0;
    let ran = performance.now();
    while (!signal.aborted) {
      const since = Math.floor(performance.now() - ran);
      if (since > clockMs) {
        store.hasRun(since);
        ran += since;
      }
      if (Date.now() - swept > DAY / 24) {
        const deleted = store.forget({ before: Date.now() - settings.retention_days * DAY });
        if (deleted > 0) this.tell('deleted after the retention period', { records: deleted });
        swept = Date.now();
      }
      if (!(await this.work(signal))) await sleep(idleMs, undefined, { signal }).catch(() => {});
    }
  }

  /**
   * One piece of work: some records, or a round. A round waits for the records, but not for ever: under
   * steady load there are always some.
   *
   * @returns false when there was nothing to do
   */
  async work(signal?: AbortSignal): Promise<boolean> {
    const { store, settings } = this.options;
    if (!store.learning) return false;
    const records = store.pending(atOnce);
    const pairs = store.pinned || performance.now() < this.tooFewUntil ? undefined : this.enough();
    this.readySince = pairs && (this.readySince ?? performance.now());
    const waited = (performance.now() - (this.readySince ?? Infinity)) / 1000;
    if (records.length > 0 && waited < settings.training.patience_seconds) {
      await judgeRecords(records, store, this.judging);
      this.tooFewUntil = 0;
      return true;
    }
    if (!pairs) return false;
    this.readySince = undefined;
    await this.round(pairs, signal);
    return true;
  }

  /** The pairs of a round; undefined while there are too few. A pair that has lost weight counts as less. */
  private enough(): RoundPairs | undefined {
    const { store, settings } = this.options;
    const { min_pairs: least, replay } = settings.training;
    const fresh = store.newPairs();
    if (fresh.filter(({ tried }) => tried === 0).length < least) return undefined;
    const replayed = store.oldPairs(replay);
    const known = new Acquaintance(store.callers(), settings.quota);
    const kept = keptWeights([...fresh, ...replayed], settings.quota, known);
    const untried = fresh.reduce((sum, { tried }, i) => sum + (tried === 0 ? kept[i] : 0), 0);
    if (untried >= least) return { fresh, replayed, kept };
    // a flood of newcomers can make many pairs that weigh little; time alone makes them weigh more
    this.tooFewUntil = performance.now() + tooFewMs;
    return undefined;
  }

  async close(): Promise<void> {
    await this.engine.close();
  }

  private async round({ fresh, replayed, kept }: RoundPairs, signal?: AbortSignal): Promise<void> {
    const { store, settings } = this.options;
    const { training } = settings;
    const parent = store.live!;
    const version = store.nextVersion();
    const pairs = [...fresh, ...replayed];
    this.tell('round begins', { version, parent, pairs: pairs.length });

    const live = await readVersion(store, parent, knownConfig(this.engine.config, 'the deployed model'));
    const weights = openWeights(this.engine);
    await weights.replace('policy', live.tensors);
    const trained = await trainRound({
      ...{ engine: this.engine, anchor: this.anchor, pairs, kept, training, version },
      goOn: () => !signal?.aborted && store.learning,
    });
    if (trained.kind === 'stopped') return;
    const used = fresh.map(({ id }) => id);
    if (trained.kind === 'failed') {
      const reasons = [trained.reason];
      writeVersion(store, version, live);
      store.addVersion(
        { id: version, parent, verdict: 'refused', report: { reasons }, pairs: used.length },
        used,
      );
      this.tell('refused', { version, reasons });
      return;
    }

    const day = await this.day();
    const liveShows = await this.shown.of(parent);
    await weights.replace('start', live.tensors);
    const { report, portion, tensors } = await this.largestThatPasses(
      live.tensors,
      trained.weights,
      liveShows,
      day,
    );
    writeVersion(store, version, { ...live, tensors });
    const verdict = report.passed ? 'passed' : 'refused';
    const { steps, loss } = trained;
    const round = { steps, loss, portion, newPairs: fresh.length, replayed: replayed.length };
    const full: VersionReport = { ...report, round };
    const wentLive = store.addVersion(
      { id: version, parent, verdict, report: full, pairs: used.length },
      used,
    );
    if (report.passed) this.shown.keep(version, report.candidate);
    this.tell(wentLive ? 'went live' : verdict, { version, reasons: report.reasons });
  }

  /** Measures the candidate in the policy's place. Where nothing passes, it is all that the round trained. */
  private async largestThatPasses(
    live: Weights,
    trained: Weights,
    liveShows: Measured,
    day: readonly Measured[],
  ): Promise<{ report: GateReport; portion: number; tensors: Weights }> {
    const policy = openWeights(this.engine);
    let whole: GateReport | undefined;
    for (const portion of portions) {
      const tensors = blend(live, trained, portion);
      await policy.replace('policy', tensors);
      const report = await this.gate.compare(liveShows, await this.gate.measure('policy'), day);
      if (report.passed) return { report, portion, tensors };
      whole ??= report;
    }
    return { report: whole!, portion: 1, tensors: blend(live, trained, 1) };
  }

  /** Measurements of the versions that have been live within a day of running. */
  private async day(): Promise<Measured[]> {
    const measured: Measured[] = [];
    for (const id of this.options.store.liveWithin(DAY)) measured.push(await this.shown.of(id));
    return measured;
  }

  private tell(what: string, detail: object): void {
    this.options.onEvent?.(what, detail);
  }
}

interface RoundPairs {
  readonly fresh: readonly StoredPair[];
  /** Pairs that earlier rounds have drawn from. */
  readonly replayed: readonly StoredPair[];
  /** Weights of both, in this order (callers.ts). */
  readonly kept: readonly number[];
}

/** The point on the line between two sets of weights; portion 0 is `from`, 1 is `to`. */
function blend(from: Weights, to: Weights, portion: number): Weights {
  return new Map(
    [...to].map(([name, { shape, data: b }]): [string, Tensor] => {
      const a = from.get(name)!.data;
      return [name, { shape, data: a.map((x, i) => x + portion * (b[i] - x)) }];
    }),
  );
}
