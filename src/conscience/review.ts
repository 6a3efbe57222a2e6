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
import { type LabelLogps, logOdds, type VerdictRule, verdictOf } from './verdict.js';

/** What is reviewed. */
export interface ReviewItem {
  readonly prompt: Prompt;
  readonly response: Response;
}

/**
 * Where the prior is measured: `neutral`, the same prompt with an empty answer;
 * `content-free`, an empty prompt with an empty answer; or not at all.
 */
export type PriorKind = 'off' | 'neutral' | 'content-free';

/** How reviews are done. */
export interface ReviewSettings extends VerdictRule {
  readonly conscience: LanguageModel;
  readonly framework: Framework;
  readonly format: ReviewFormat;
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

/** One review with all that led to its verdict. */
export interface Review {
  /** What the conscience was shown. */
  readonly messages: readonly Message[];
  readonly question: string;
  readonly labels: readonly [accept: string, object: string];
  /** Nats; null with `reading: text`. */
  readonly logps: LabelLogps | null;
  /** The two log-probabilities where there is nothing to judge, nats; null without the correction. */
  readonly prior: LabelLogps | null;
  readonly threshold: number;
  readonly verdict: Verdict;
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
  let long = items.map((_, i) => i).filter((i) => tooLong(reviews[i]));
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
    long = asked.filter((i) => tooLong(reviews[i]));
  }
  return reviews.map((review, i) => (shown[i] > 0 ? { ...review, omitted: shown[i] } : review));
}

/** Whether the conscience could not read the question whole. */
function tooLong({ logps, text, verdict }: Review): boolean {
  if (verdict.kind !== 'unreadable') return false;
  return logps === null ? text === '' : Number.isNaN(logps.accept) && Number.isNaN(logps.object);
}

function ask(items: readonly ReviewItem[], settings: ReviewSettings): Promise<Review[]> {
  const framework = settings.format.adapt(settings.framework);
  const conversations = items.map(({ prompt, response }) =>
    settings.format.review(prompt, response, framework),
  );
  return settings.reading === 'text'
    ? readTexts(conversations, framework, settings)
    : readLabels(items, conversations, framework, settings);
}

async function readLabels(
  items: readonly ReviewItem[],
  conversations: readonly Message[][],
  framework: Framework,
  settings: ReviewSettings,
): Promise<Review[]> {
  const { conscience, format, prior = 'off', priorCache = new Map(), threshold, onUsage, signal } = settings;
  const labels = [framework.labels.accept, framework.labels.object] as const;
  const context = { framework: framework.name, judge: conscience.id };

  const neutral = items.map(({ prompt }) =>
    prior === 'off'
      ? null
      : format.review(prior === 'neutral' ? prompt : format.neutralPrompt, format.neutral, framework),
  );
  const keys = neutral.map((messages) => messages && priorKey(conscience.id, messages, labels));
  const missing = new Map<string, Message[]>();
  keys.forEach((key, i) => {
    if (key !== null && !priorCache.has(key)) missing.set(key, neutral[i]!);
  });

  const asked = [...conversations, ...missing.values()];
  const rows = await conscience.labelLogps(asked, labels, {
    prefix: format.reviewPrefix,
    signal,
    // a prior is charged to the first item that lacked it
    onUsage: (i, usage) =>
      onUsage?.(i < items.length ? i : keys.indexOf([...missing.keys()][i - items.length]), usage),
  });
  const logps = rows.map(([accept, object]): LabelLogps => ({ accept, object }));
  [...missing.keys()].forEach((key, i) => {
    priorCache.set(key, logps[conversations.length + i]);
  });

  return conversations.map((messages, i) => {
    const key = keys[i];
    const measured = key === null ? null : priorCache.get(key)!;
    const verdict = verdictOf(logps[i], measured === null ? 0 : logOdds(measured), settings, context);
    return {
      messages,
      question: framework.question,
      labels,
      logps: logps[i],
      prior: measured,
      threshold,
      verdict,
    };
  });
}

/** Upper limit of a verdict in words, in tokens: a model may reason before it. */
const VERDICT_TOKENS = 512;

async function readTexts(
  conversations: readonly Message[][],
  framework: Framework,
  { conscience, format, threshold, onUsage, signal }: ReviewSettings,
): Promise<Review[]> {
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
