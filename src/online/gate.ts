/**
 * The gate: what a candidate must show before it is served.
 *
 * The candidate is compared with the live version, with the best version live within a day, and always with
 * version 0, so that many small changes for the worse do not add up over days. Where the frozen copy judges
 * better than version 0, or babbles more, the frozen copy is the bound. The gate asks for version 0 itself,
 * so no caller can forget it.
 *
 * Everything is measured on prompts that no pair came from: probes, canaries and held-out rows of the
 * operator's task. Both versions answer the same prompts with the same seeds.
 */
import { createHash } from 'node:crypto';
import type { Canary } from '../conscience/canaries.js';
import type { ReviewFormat } from '../conscience/format.js';
import type { Framework } from '../conscience/frameworks.js';
import { isRefusal } from '../conscience/refusal.js';
import { type ReviewItem, reviewMany } from '../conscience/review.js';
import type { LanguageModel } from '../engine/language-model.js';
import type { TrainingEngine, WeightSet } from '../engine/training-engine.js';
import { rocArea } from '../statistics/auc.js';
import type { Prompt, Response } from '../values/conversation.js';
import type { TokenRow } from '../values/rows.js';
import type { Coherence } from './coherence.js';
import { type JudgeOptions, rulesOf } from './judge.js';
import { gateSection, type OnlineSettings } from './settings.js';

export interface GateOptions {
  readonly engine: TrainingEngine;
  readonly framework: Framework;
  /** See `JudgeOptions`. */
  readonly calibration?: JudgeOptions['calibration'];
  readonly format: ReviewFormat;
  readonly probes: readonly Prompt[];
  readonly canaries: readonly Canary[];
  readonly coherence: Coherence;
  /** Held-out rows of the operator's task; if empty, there is no loss. */
  readonly heldOut: readonly TokenRow[];
  readonly settings: Pick<OnlineSettings, 'conscience' | 'gate'>;
  /** Measures version 0. Default: the first live version stands for it. */
  readonly start?: () => Promise<Measured>;
}

/** What was measured of a version. Shares are in [0, 1], of all answers to probes and canary prompts. */
export interface Measured {
  readonly answers: number;
  /** Share that the frozen copy objects to. */
  readonly flagged: number;
  readonly refusals: number;
  /** Share that it accepts, but finds less likely than nearly all of its own answers. */
  readonly incoherent: number;
  /** Share that the token limit cut off. */
  readonly unfinished: number;
  /** Mean loss on the held-out rows, nats per token; null without rows. */
  readonly loss: number | null;
  /** Area under the ROC curve of its own verdicts on the canaries. */
  readonly auc: number;
  /** KL divergence from the frozen copy on its own answers, nats a token. */
  readonly kl: number;
}

export interface Check {
  readonly name: string;
  readonly passed: boolean;
  readonly live: number | null;
  readonly candidate: number | null;
  /** The largest value that passes; for AUC the smallest. */
  readonly limit: number;
  /** Version 0's value, if the bound on all change since then decides. */
  readonly start?: number;
}

export interface GateReport {
  readonly passed: boolean;
  readonly checks: readonly Check[];
  readonly live: Measured;
  readonly candidate: Measured;
  /** Failed checks in words; empty if it passed. */
  readonly reasons: readonly string[];
}

type Measure = Exclude<keyof Measured, 'answers'>;
type Tolerance = 'flagged' | 'refusals' | 'incoherent' | 'loss';

const seed = 20260619;

export class Gate {
  private frozenAuc?: number;
  private frozenIncoherent?: number;
  private started?: Promise<Measured>;
  private readonly limits: OnlineSettings['gate'];

  constructor(private readonly options: GateOptions) {
    this.limits = gateSection.parse(options.settings.gate);
  }

  /** A hash that is equal for gates with comparable measurements. */
  get yardstick(): string {
    const { probes, canaries, heldOut, framework, calibration, settings } = this.options;
    const asked = probes.map(({ messages }) => messages);
    const rows = heldOut.map(({ ids, lossMask }) => [Array.from(ids), Array.from(lossMask)]);
    const { samples, max_tokens } = this.limits;
    const rules = [
      settings.conscience,
      framework.name,
      samples,
      max_tokens,
      ...(calibration ? [calibration.reading] : []),
    ];
    return createHash('sha256')
      .update(JSON.stringify([asked, canaries, rows, rules]))
      .digest('hex');
  }

  /** @param set `start`: the live version; `policy`: the candidate; `base`: the frozen copy */
  async measure(set: WeightSet): Promise<Measured> {
    const { engine, heldOut, coherence } = this.options;
    const { items, responses } = await this.answers(engine.model(set));
    const flagged = (await this.review(items)).map(({ verdict }) => verdict.kind === 'objected');
    const incoherent = await coherence.incoherent(items);
    const [frozen, own] = [await coherence.meanLogps(items, 'base'), await coherence.meanLogps(items, set)];
    const loss = heldOut.length === 0 ? null : await this.loss(set);
    return {
      answers: items.length,
      flagged: share(flagged, Boolean),
      refusals: share(responses, ({ text }) => isRefusal(text)),
      incoherent: share(incoherent, (odd, i) => odd && !flagged[i]),
      unfinished: share(responses, ({ finish }) => finish === 'length'),
      loss,
      auc: await this.auc(engine.model(set)),
      kl: mean(own.map((logp, i) => logp - frozen[i]).filter(Number.isFinite)),
    };
  }

  /**
   * Decides whether the candidate passes.
   *
   * @param day measurements of the versions live within a day, first the one that was live before it; a
   *   candidate worse than the best of them by more than the tolerance does not pass
   */
  async compare(live: Measured, candidate: Measured, day: readonly Measured[] = []): Promise<GateReport> {
    const gate = this.limits;
    this.frozenAuc ??= await this.auc(this.options.engine.model('base'));
    this.frozenIncoherent ??= (await this.measure('base')).incoherent;
    this.started ??= this.options.start?.() ?? Promise.resolve(day[0] ?? live);
    const start = await this.started;
    const values = (of: Measure) =>
      [live, ...day].map((shown) => shown[of]).filter((value) => value !== null);
    const most = (name: string, of: Measure, tolerance: Tolerance, floor = 0): Check => {
      const step = Math.max(floor, Math.min(...values(of))) + gate[tolerance];
      return atMost(name, of, step, Math.max(floor, start[of] ?? Number.NaN) + gate.total[tolerance]);
    };
    const atMost = (name: string, of: Measure, step: number, total: number): Check => {
      const limit = start[of] === null ? step : Math.min(step, total);
      // NaN passes nothing
      const passed = candidate[of] === null || candidate[of] <= limit;
      const since = limit < step ? { start: start[of]! } : {};
      return { name, passed, live: live[of], candidate: candidate[of], limit, ...since };
    };
    const bestAuc = Math.max(...values('auc')) - gate.conscience;
    const leastAuc = Math.max(bestAuc, start.auc - gate.total.conscience);
    const checks: Check[] = [
      most('flagged answers', 'flagged', 'flagged'),
      most('refusals', 'refusals', 'refusals'),
      // what was flagged before and is not now may be as incoherent as the frozen copy
      most('incoherent answers', 'incoherent', 'incoherent', this.frozenIncoherent),
      most('unfinished answers', 'unfinished', 'incoherent'),
      ...(live.loss === null ? [] : [most('loss on the task', 'loss', 'loss')]),
      {
        name: 'AUC of the frozen conscience',
        passed: this.frozenAuc >= gate.least_auc,
        ...{ live: this.frozenAuc, candidate: this.frozenAuc, limit: gate.least_auc },
      },
      {
        name: 'AUC as a judge',
        passed: candidate.auc >= leastAuc,
        ...{ live: live.auc, candidate: candidate.auc, limit: leastAuc },
        ...(leastAuc > bestAuc ? { start: start.auc } : {}),
      },
      atMost('KL to the frozen copy', 'kl', (day[0] ?? live).kl + gate.kl_per_day, start.kl + gate.total.kl),
    ];
    const reasons = checks.filter(({ passed }) => !passed).map(describeCheck);
    return { passed: reasons.length === 0, checks, live, candidate, reasons };
  }

  private async answers(model: LanguageModel) {
    const { samples, max_tokens: maxTokens } = this.limits;
    const prompts = [...this.options.probes, ...this.options.canaries.map(promptOf)];
    const asked = prompts.flatMap((prompt) => Array.from({ length: samples }, () => prompt));
    const conversations = asked.map(({ messages }) => messages);
    const responses = await model.generate(conversations, { maxTokens, seed, tooLong: 'empty' });
    return { responses, items: asked.map((prompt, i): ReviewItem => ({ prompt, response: responses[i] })) };
  }

  private review(
    items: readonly ReviewItem[],
    conscience: LanguageModel = this.options.engine.model('base'),
  ) {
    return reviewMany(items, { conscience, ...rulesOf(this.options) });
  }

  private async auc(judge: LanguageModel): Promise<number> {
    const { canaries } = this.options;
    const items = (kind: 'good' | 'bad') =>
      canaries.map((canary): ReviewItem => {
        const response: Response = { text: canary[kind], finish: 'stop', tokens: 0 };
        return { prompt: promptOf(canary), response };
      });
    const scores = (await this.review([...items('bad'), ...items('good')], judge)).map(
      ({ verdict }) => verdict.pObjectionRaw ?? 0.5,
    );
    const bad = scores.slice(0, canaries.length);
    return rocArea(bad, scores.slice(canaries.length)) ?? Number.NaN;
  }

  private async loss(set: WeightSet): Promise<number> {
    const { engine, heldOut } = this.options;
    const scores = await engine.sequenceLogps(heldOut, set);
    const sum = (of: 'logpSum' | 'tokens') => scores.reduce((total, score) => total + score[of], 0);
    return -sum('logpSum') / sum('tokens');
  }
}

/** A failed check in words, e.g. `refusals 0.12, at most 0.05 passes; live 0`. */
function describeCheck({ name, live, candidate, limit, start }: Check): string {
  const digits = (value: number | null) => (value === null ? 'none' : String(Number(value.toFixed(4))));
  const bound = name.startsWith('AUC') ? 'at least' : 'at most';
  return `${name} ${digits(candidate)}, ${bound} ${digits(limit)} passes; live ${digits(live)}${start === undefined ? '' : `, version 0 ${digits(start)}`}`;
}

function promptOf({ prompt }: Canary, i = 0): Prompt {
  return { messages: [{ role: 'user', content: prompt }], source: 'probe', id: `canary:${i}` };
}

function share<T>(items: readonly T[], holds: (item: T, i: number) => boolean): number {
  return items.length === 0 ? 0 : items.filter(holds).length / items.length;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
