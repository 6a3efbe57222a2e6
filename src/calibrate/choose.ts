/**
 * Which reading tells careful from careless answers best, and at which threshold it flags.
 *
 * A reading's weights, bias and threshold are fitted on some folds and judged on the others; no topic is on both
 * sides. What is kept is fitted on all. That the best of several is chosen by these numbers makes them somewhat too good.
 */
import type { PriorKind, Reading, ReadingPart } from '../conscience/reading.js';
import { sigmoid } from '../conscience/verdict.js';
import { Random } from '../random.js';
import { auc, rocArea } from '../statistics/auc.js';
import { calibrationError } from '../statistics/calibration-error.js';
import { type Estimate, wilson } from '../statistics/intervals.js';
import { fitLogistic } from './logistic.js';

/** An answer, and what should be said of it. */
export interface Answered {
  readonly topic: string;
  readonly careless: boolean;
}

/** What the questions said of one answer. */
export interface MeasuredAnswer extends Answered {
  /** Log-odds of the objection after each part, nats; NaN where it could not be read. */
  readonly odds: readonly number[];
  /** The same where there is nothing to judge; absent where that was not asked. */
  readonly priors?: readonly number[];
}

/** Parts that are read together, by place, and the prior that is taken away. */
export interface Candidate {
  readonly parts: readonly number[];
  readonly prior: Extract<PriorKind, 'off' | 'neutral'>;
}

/** How a candidate does on answers that it was not fitted on. */
export interface HeldOut {
  /** Share of answers that cannot be read. */
  readonly unreadable: number;
  /** Of those that can be. */
  readonly auc: Estimate | null;
  readonly recall: Estimate | null;
  readonly falseAlarms: Estimate | null;
  readonly calibrationError: number | null;
}

export interface Choice {
  readonly candidate: Candidate;
  readonly reading: Pick<Reading, 'bias' | 'threshold'> & { readonly weights: readonly number[] };
  readonly heldOut: HeldOut;
}

export const FOLDS = 5;
/** A candidate that asks more must be better by so much, as AUC. */
export const WORTH = 0.01;

/** The fitted rule of a candidate: p = σ(bias + Σ weight · odds), flagged where p is at least the threshold. */
interface Fit {
  readonly weights: readonly number[];
  readonly bias: number;
  readonly threshold: number;
}

/**
 * The best of the candidates by AUC on held-out folds; one that asks more questions than another has to be better
 * by 0.01.
 *
 * @param candidates at least one
 * @param falseAlarms share of careful answers that may be flagged
 */
export function choose(
  answers: readonly MeasuredAnswer[],
  candidates: readonly Candidate[],
  { falseAlarms, seed }: { falseAlarms: number; seed: number },
): Choice {
  const folds = foldsOf(answers, seed);
  const judged = candidates
    .map((candidate) => ({ candidate, shares: heldOutShares(answers, folds, candidate, falseAlarms) }))
    .map((one) => ({ ...one, area: areaOf(answers, one.shares) }))
    .sort((a, b) => questionsOf(a.candidate) - questionsOf(b.candidate));
  const best = judged.reduce((kept, one) => {
    const dearer = questionsOf(one.candidate) > questionsOf(kept.candidate);
    return one.area > kept.area + (dearer ? WORTH : 0) ? one : kept;
  });
  return {
    candidate: best.candidate,
    reading: fitRule(answers, best.candidate, falseAlarms),
    heldOut: score(answers, best.shares),
  };
}

/** Questions that a review asks; a prior is asked for once a prompt. */
const questionsOf = ({ parts, prior }: Candidate): number => parts.length * (prior === 'off' ? 1 : 2);

/** The reading that a choice amounts to. @param parts all parts that candidates name by place */
export function readingOf(
  { candidate, reading: { weights, bias, threshold } }: Choice,
  parts: readonly Omit<ReadingPart, 'weight'>[],
): Reading {
  return {
    parts: candidate.parts.map((place, i) => ({ ...parts[place], weight: weights[i] })),
    ...{ bias, threshold, prior: candidate.prior },
  };
}

/** How a reading does on answers that it was not fitted on. @param answers measured on the reading's own parts */
export function judge(
  answers: readonly MeasuredAnswer[],
  { parts, bias, prior, threshold }: Reading,
): HeldOut {
  const candidate: Candidate = { parts: [...parts.keys()], prior: prior === 'off' ? 'off' : 'neutral' };
  const rule = { weights: parts.map(({ weight }) => weight), bias, threshold };
  return score(
    answers,
    answers.map((answer) => shareOf(answer, candidate, rule)),
  );
}

/** Fold of each answer; topics are dealt at random, the largest first, to the fold that has fewest answers. */
export function foldsOf(answers: readonly Pick<Answered, 'topic'>[], seed: number): number[] {
  const sizes = new Map<string, number>();
  for (const { topic } of answers) sizes.set(topic, (sizes.get(topic) ?? 0) + 1);
  const topics = new Random(seed, 'folds').shuffle([...sizes.keys()]);
  topics.sort((a, b) => sizes.get(b)! - sizes.get(a)!);
  const filled = new Array<number>(FOLDS).fill(0);
  const foldOf = new Map<string, number>();
  for (const topic of topics) {
    const fold = filled.indexOf(Math.min(...filled));
    filled[fold] += sizes.get(topic)!;
    foldOf.set(topic, fold);
  }
  return answers.map(({ topic }) => foldOf.get(topic)!);
}

/** The objection's share of each answer, and whether it is flagged, by what was fitted on the other folds. */
interface Share {
  readonly odds: number;
  readonly flagged: boolean;
}

function heldOutShares(
  answers: readonly MeasuredAnswer[],
  folds: readonly number[],
  candidate: Candidate,
  falseAlarms: number,
): (Share | null)[] {
  const fits = Array.from({ length: FOLDS }, (_, fold) =>
    fitRule(
      answers.filter((_, i) => folds[i] !== fold),
      candidate,
      falseAlarms,
    ),
  );
  return answers.map((answer, i) => shareOf(answer, candidate, fits[folds[i]]));
}

/** Null for an answer that could not be read. */
function shareOf(
  answer: MeasuredAnswer,
  candidate: Candidate,
  { weights, bias, threshold }: Fit,
): Share | null {
  const odds = weighted(oddsOf(answer, candidate), weights, bias);
  return Number.isNaN(odds) ? null : { odds, flagged: sigmoid(odds) >= threshold };
}

function oddsOf({ odds, priors }: MeasuredAnswer, { parts, prior }: Candidate): number[] {
  return parts.map((part) => odds[part] - (prior === 'off' ? 0 : (priors?.[part] ?? Number.NaN)));
}

const weighted = (odds: readonly number[], weights: readonly number[], bias: number): number =>
  odds.reduce((sum, one, i) => sum + weights[i] * one, bias);

/**
 * Weights, bias and threshold. Parts count alike in units of their standard deviations, so that few answers do;
 * one slope and the bias are fitted by logistic regression.
 */
function fitRule(all: readonly MeasuredAnswer[], candidate: Candidate, falseAlarms: number): Fit {
  const readable = all
    .map((answer) => ({ careless: answer.careless, odds: oddsOf(answer, candidate) }))
    .filter(({ odds }) => odds.every(Number.isFinite));
  const scales = candidate.parts.map(
    (_, p, { length }) => 1 / (deviation(readable.map(({ odds }) => odds[p])) || 1) / length,
  );
  const { slope, bias } = fitLogistic(
    readable.map(({ odds }) => weighted(odds, scales, 0)),
    readable.map(({ careless }) => careless),
  );
  const weights = scales.map((scale) => scale * slope);
  const of = (kind: boolean) =>
    readable.flatMap(({ careless, odds }) => (careless === kind ? [weighted(odds, weights, bias)] : []));
  return { weights, bias, threshold: sigmoid(thresholdOdds(of(false), of(true), falseAlarms)) };
}

/**
 * Log-odds from which on an answer is flagged. Of n careful answers at most ⌊(n + 1)·f⌋ − 1 are, so that a further
 * one is with a probability of at most f, whatever the odds' distribution (split conformal prediction: Vovk et al. 2005).
 * With fewer than 1/f − 1 answers the rate cannot be had: none of them is flagged, and a further one with up to 1/(n + 1).
 */
export function thresholdOdds(
  careful: readonly number[],
  careless: readonly number[],
  falseAlarms: number,
): number {
  if (careful.length === 0) return Number.POSITIVE_INFINITY;
  const highest = [...careful].sort((a, b) => b - a);
  const allowed = Math.max(0, Math.floor((careful.length + 1) * falseAlarms) - 1);
  const last = highest[Math.min(allowed, highest.length - 1)];
  const above = Math.min(...[...careful, ...careless].filter((odds) => odds > last));
  return Number.isFinite(above) ? (last + above) / 2 : last + 0.1;
}

function deviation(values: readonly number[]): number {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

function byKind<T>(answers: readonly Answered[], shares: readonly (Share | null)[], of: (share: Share) => T) {
  const kind = (careless: boolean) =>
    shares.flatMap((share, i) => (share && answers[i].careless === careless ? [of(share)] : []));
  return { careful: kind(false), careless: kind(true) };
}

function areaOf(answers: readonly MeasuredAnswer[], shares: readonly (Share | null)[]): number {
  const { careful, careless } = byKind(answers, shares, ({ odds }) => odds);
  return readableArea(careless, careful, answers.length) ?? 0;
}

/**
 * AUC of the answers that can be read, drawn to chance by the share that cannot: a reading that tells two of twelve
 * apart is no better than one that guesses. Null where none can be read.
 */
export function readableArea(
  careless: readonly number[],
  careful: readonly number[],
  answers: number,
): number | null {
  const area = rocArea(careless, careful);
  return area === null ? null : drawnToChance(area, careless.length + careful.length, answers);
}

/** What an AUC of the answers that can be read is worth, where so many of all are. */
export const drawnToChance = (area: number, readable: number, all: number): number =>
  0.5 + ((area - 0.5) * readable) / all;

/** How shares do that nothing was fitted on; null: it could not be read. */
export function score(answers: readonly Answered[], shares: readonly (Share | null)[]): HeldOut {
  const odds = byKind(answers, shares, (share) => share.odds);
  const flagged = byKind(answers, shares, (share) => share.flagged);
  const rate = (flags: readonly boolean[], of: number) => wilson(flags.filter(Boolean).length, of);
  const count = (careless: boolean) => answers.filter((answer) => answer.careless === careless).length;
  return {
    unreadable: shares.filter((share) => share === null).length / Math.max(1, shares.length),
    auc: auc(odds.careless, odds.careful),
    // an answer that cannot be read is not flagged
    recall: rate(flagged.careless, count(true)),
    falseAlarms: rate(flagged.careful, count(false)),
    calibrationError: calibrationError([
      ...odds.careful.map((x) => ({ predicted: sigmoid(x), observed: 0 })),
      ...odds.careless.map((x) => ({ predicted: sigmoid(x), observed: 1 })),
    ]),
  };
}
