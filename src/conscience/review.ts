/**
 * A review: the conscience is shown (prompt, response) and asked its question.
 *
 * All reviews of a call go to the model in one batch, together with the priors that the
 * correction still lacks. A review keeps all that led to its verdict, for the audit.
 */
import { createHash } from 'node:crypto';
import type { LanguageModel } from '../engine/language-model.js';
import type { Message, Prompt, Response, Usage } from '../values/conversation.js';
import type { Verdict } from '../values/pair.js';
import type { ReviewFormat } from './format.js';
import type { Framework } from './frameworks.js';
import { charsOf, omittedChars, shortened } from './omission.js';
import { parseVerdict } from './parse-verdict.js';
import { isEmpty, projection, responseStates } from './probe.js';
import type { PriorKind, ReadingPart } from './reading.js';
import { type LabelLogps, logOdds, type VerdictRule, verdictOfParts } from './verdict.js';

/** What is reviewed. */
export interface ReviewItem {
  readonly prompt: Prompt;
  readonly response: Response;
}

/** How reviews are done. */
export interface ReviewSettings extends VerdictRule {
  readonly conscience: LanguageModel;
  readonly framework: Framework;
  readonly format: ReviewFormat;
  /** The questions of a calibrated reading, at least one, in place of the framework's own. Default: that one. */
  readonly parts?: readonly ReadingPart[];
  /** Added to the weighted log-odds of the objection, nats. Default 0. */
  readonly bias?: number;
  /** Default `off`. */
  readonly prior?: PriorKind;
  /** Priors measured before. Give one only when the conscience is frozen: it is never emptied. */
  readonly priorCache?: PriorCache;
  /**
   * `labels` compares label probabilities; `text` generates and parses, for remote models
   * that give no probabilities: pObjection and mass are then 0 or 1 by definition, and
   * there is no prior. Default `labels`.
   */
  readonly reading?: 'labels' | 'text';
  /** Called with what the review of an item has taken. */
  readonly onUsage?: (item: number, usage: Usage) => void;
  readonly signal?: AbortSignal;
}

/** One question about a response, and what was said. */
export interface AskedQuestion {
  /** What the conscience was shown. */
  readonly messages: readonly Message[];
  readonly question: string;
  readonly labels: readonly [accept: string, object: string];
  /** Nats; null with `reading: text`, and where a probe was read. */
  readonly logps: LabelLogps | null;
  /** The two log-probabilities where there is nothing to judge, nats; null without the correction. */
  readonly prior: LabelLogps | null;
  /** What the probe read, nats; null where there was nothing to read; absent without one. */
  readonly projection?: number | null;
  /** Factor on its log-odds; absent: 1. */
  readonly weight?: number;
}

/** One review with all that led to its verdict. */
export interface Review extends AskedQuestion {
  readonly threshold: number;
  readonly verdict: Verdict;
  /** The further questions of a reading that has several; the review itself holds the first. */
  readonly further?: readonly AskedQuestion[];
  /** Added to the weighted log-odds, nats; absent: 0. */
  readonly bias?: number;
  /** Characters of prompt and response that the conscience was not shown; absent where it saw all. */
  readonly omitted?: number;
  /** What the conscience wrote, with `reading: text`. */
  readonly text?: string;
}

/** Priors by (judge, messages): the two log-probabilities, nats. */
export type PriorCache = Map<string, LabelLogps>;

/** Fewer characters of each text than these tell a judge nothing. */
const fewestChars = 60;

/**
 * One review per item, in order. What is longer than the conscience can read is asked again with half of
 * each text, head and tail, until it can; only what never fits is unreadable.
 *
 * @throws ConfigError when the format does not know the framework
 */
export async function reviewMany(items: readonly ReviewItem[], settings: ReviewSettings): Promise<Review[]> {
  if (items.length === 0) return [];
  const { maxChars } = settings.format;
  const reviews = await ask(items, settings);
  const shown = items.map((item) => omittedChars(item, maxChars));
  let long = items.map((_, i) => i).filter((i) => tooLong(reviews[i], items[i]));
  const longest = Math.max(0, ...long.map((i) => Math.min(maxChars, charsOf(items[i]))));
  for (
    let chars = Math.floor(longest / 2);
    long.length > 0 && chars >= fewestChars;
    chars = Math.floor(chars / 2)
  ) {
    const asked = long;
    const onUsage = (k: number, usage: Usage) => settings.onUsage?.(asked[k], usage);
    const again = await ask(
      asked.map((i) => shortened(items[i], chars)),
      { ...settings, onUsage },
    );
    for (const [k, i] of asked.entries()) {
      reviews[i] = again[k];
      shown[i] = omittedChars(items[i], chars);
    }
    long = asked.filter((i) => tooLong(reviews[i], items[i]));
  }
  return reviews.map((review, i) => (shown[i] > 0 ? { ...review, omitted: shown[i] } : review));
}

/** Whether the conscience could not read the question whole. */
function tooLong({ text, verdict, further = [], ...first }: Review, { response }: ReviewItem): boolean {
  if (verdict.kind !== 'unreadable') return false;
  if (text !== undefined) return text === '';
  return [first, ...further].some(({ logps, projection }) =>
    logps === null
      ? projection === null && !isEmpty(response)
      : Number.isNaN(logps.accept) && Number.isNaN(logps.object),
  );
}

function ask(items: readonly ReviewItem[], settings: ReviewSettings): Promise<Review[]> {
  const { format, framework, parts = [{ framework, weight: 1 }] } = settings;
  const questions = parts.map((part) => ({ ...part, framework: format.adapt(part.framework) }));
  return settings.reading === 'text'
    ? readTexts(items, questions[0].framework, settings)
    : readLabels(items, questions, settings);
}

async function readLabels(
  items: readonly ReviewItem[],
  parts: readonly ReadingPart[],
  settings: ReviewSettings,
): Promise<Review[]> {
  const { conscience, framework, bias = 0, threshold } = settings;
  const answers = await askQuestions(items, parts, settings);
  const context = { framework: framework.name, judge: conscience.id };
  return answers.map((asked) => {
    const said = asked.map(({ logps, prior, projection, weight = 1 }) =>
      logps === null
        ? { projection: projection ?? Number.NaN, weight }
        : { logps, prior: prior === null ? 0 : logOdds(prior), weight },
    );
    const verdict = verdictOfParts(said, bias, settings, context);
    const [first, ...further] = asked;
    return {
      ...{ ...first, threshold, verdict },
      ...(further.length > 0 ? { further } : {}),
      ...(bias === 0 ? {} : { bias }),
    };
  });
}

/** What each question about each item says: the labels' in one batch, the probes' in another. @returns [item][part] */
async function askQuestions(
  items: readonly ReviewItem[],
  parts: readonly ReadingPart[],
  settings: ReviewSettings,
): Promise<AskedQuestion[][]> {
  const questions = items.flatMap((item, i) => parts.map((part) => ({ item, part, place: i })));
  const ask = async (how: typeof askLabels, probed: boolean) => {
    const of = questions.filter(({ part }) => (part.probe !== undefined) === probed);
    const asked =
      of.length > 0
        ? await how(of, settings, (question, usage) => settings.onUsage?.(of[question].place, usage))
        : [];
    return asked.values();
  };
  const [labelled, probed] = [await ask(askLabels, false), await ask(askProbes, true)];
  const next = ({ probe }: ReadingPart) => (probe ? probed : labelled).next().value!;
  return items.map(() => parts.map(next));
}

/** @param onUsage told of what each question has taken */
async function askProbes(
  questions: readonly Question[],
  { conscience, format, signal }: ReviewSettings,
  onUsage: (question: number, usage: Usage) => void,
): Promise<AskedQuestion[]> {
  const probings = questions.map(({ item, part: { framework, probe } }) => ({
    ...{ item, framework, layers: [probe!.layer] },
  }));
  const states = await responseStates(probings, { conscience, format, onUsage, signal });
  return questions.map(({ item: { prompt, response }, part: { framework, probe, weight } }, q) => ({
    ...{ messages: format.review(prompt, response, framework, 'first'), question: framework.question },
    ...{ labels: labelsOf(framework), logps: null, prior: null },
    projection: states[q] && projection(states[q], probe!, conscience),
    ...(weight === 1 ? {} : { weight }),
  }));
}

interface Question {
  readonly item: ReviewItem;
  readonly part: ReadingPart;
}

/** @param onUsage told of what each question has taken */
async function askLabels(
  questions: readonly Question[],
  { conscience, format, prior = 'off', priorCache = new Map(), signal }: ReviewSettings,
  onUsage: (question: number, usage: Usage) => void,
): Promise<AskedQuestion[]> {
  const shown = questions.map(({ item: { prompt, response }, part: { framework, order } }) =>
    format.review(prompt, response, framework, order),
  );
  const neutral = questions.map(({ item: { prompt }, part: { framework, order } }) =>
    prior === 'off'
      ? null
      : format.review(prior === 'neutral' ? prompt : format.neutralPrompt, format.neutral, framework, order),
  );
  const labels = questions.map(({ part: { framework } }) => labelsOf(framework));
  const keys = neutral.map((messages, q) => messages && priorKey(conscience.id, messages, labels[q]));
  const missing = new Map<string, number>();
  keys.forEach((key, q) => {
    if (key !== null && !priorCache.has(key) && !missing.has(key)) missing.set(key, q);
  });

  const asked = [...shown, ...[...missing.values()].map((q) => neutral[q]!)];
  // a prior is charged to the first question that lacked it
  const owner = [...shown.keys(), ...missing.values()];
  const all = [...new Set(labels.flat())];
  const rows = await conscience.labelLogps(asked, all, {
    prefix: format.reviewPrefix,
    signal,
    onUsage: (i, usage) => onUsage(owner[i], usage),
  });
  const logps = rows.map((row, i): LabelLogps => {
    const [accept, object] = labels[owner[i]].map((label) => row[all.indexOf(label)]);
    return { accept, object };
  });
  [...missing.keys()].forEach((key, i) => {
    priorCache.set(key, logps[shown.length + i]);
  });

  return questions.map(({ part: { framework, weight } }, q) => {
    const key = keys[q];
    return {
      ...{ messages: shown[q], question: framework.question, labels: labels[q] },
      ...{ logps: logps[q], prior: key === null ? null : priorCache.get(key)! },
      ...(weight === 1 ? {} : { weight }),
    };
  });
}

const labelsOf = ({ labels: { accept, object } }: Framework) => [accept, object] as const;

/** Upper limit of a verdict in words, in tokens: a model may reason before it. */
const VERDICT_TOKENS = 512;

async function readTexts(
  items: readonly ReviewItem[],
  framework: Framework,
  { conscience, format, threshold, onUsage, signal }: ReviewSettings,
): Promise<Review[]> {
  const conversations = items.map(({ prompt, response }) => format.review(prompt, response, framework));
  const answers = await conscience.generate(conversations, {
    maxTokens: VERDICT_TOKENS,
    temperature: 0,
    tooLong: 'empty',
    prefix: format.reviewPrefix,
    onUsage,
    signal,
  });
  signal?.throwIfAborted();
  const context = { framework: framework.name, judge: conscience.id };
  return answers.map(({ text, finish }, i) => {
    // A text that was cut off may have named a label on the way to the other one.
    const parsed = finish === 'stop' ? parseVerdict(text, framework.labels) : undefined;
    const pObjection = parsed === 'objected' ? 1 : 0;
    const verdict: Verdict =
      parsed === undefined
        ? { kind: 'unreadable', raw: text, ...context }
        : { kind: parsed, pObjection, pObjectionRaw: pObjection, mass: 1, ...context };
    return {
      messages: conversations[i],
      question: framework.question,
      labels: [framework.labels.accept, framework.labels.object],
      logps: null,
      prior: null,
      threshold,
      verdict,
      text,
    };
  });
}

function priorKey(judge: string, messages: readonly Message[], labels: readonly string[]): string {
  return createHash('sha256')
    .update(JSON.stringify([judge, labels, messages]))
    .digest('hex');
}
