/**
 * What a run will send to a server that speaks Tinker's API, in tokens, and what that costs at the user's prices:
 * known before anything is sent.
 *
 * Rows are counted exactly. Of reviews and pairs it is the most that there can be: every answer of full length, every
 * response flagged, every label asked for by itself, and nothing kept from one review to the next.
 */
import { CANARIES } from '../conscience/check.js';
import { isPlayer } from '../conscience/roles.js';
import { promptTokens } from '../tokenizer/answer-tokens.js';
import type { ChatTokenizer } from '../tokenizer/tokenizer.js';
import type { Message, Prompt } from '../values/conversation.js';
import { isDue, passedBy } from './cadence.js';
import type { TrainConfig } from './config/schema.js';
import { batchesOf, type TrainPlan } from './plan.js';
import { countReviews } from './review-times.js';
import { askingOf } from './show-reviews.js';

/** Tokens by the kinds that have a price. */
export interface HostedTokens {
  /** Of passes that a gradient is computed from. */
  readonly train: number;
  /** Of answers. */
  readonly sample: number;
  /** Of prompts, and of forward passes. */
  readonly prefill: number;
}

/** Of the prompts with the most characters so many are measured in tokens; the longest of them stands for all. */
const MEASURED = 16;

/** @throws UserError when the conscience's question or its calibration cannot be used */
export async function hostedTokens(plan: TrainPlan): Promise<HostedTokens> {
  const { rows, schedule, config } = plan;
  const stream = batchesOf(config, rows);
  let supervised = 0;
  for (let step = 0; step < schedule.totalSteps; step++)
    for (const pass of stream.nextStep()) supervised += sentIn(pass.rows);
  const asked = config.conscience.enabled ? await reviewTokens(plan) : NOTHING;
  const pairs = pairTokens(plan, asked.longestPair);
  return {
    train: supervised + pairs,
    sample: asked.sample,
    // a pair is read twice before it is trained on: for its margin, and by the reference
    prefill: 2 * pairs + asked.prefill + evaluations(config, schedule.totalSteps) * sentIn(rows.evaluation),
  };
}

/** The tokens, and what they cost where there are prices, as one sentence. */
export function hostedCostLine(
  { train, sample, prefill }: HostedTokens,
  prices: TrainConfig['prices'],
): string {
  const { price_train, price_sample, price_prefill } = prices;
  const kinds = [
    { tokens: train, name: 'trained on', flag: '--price-train', price: price_train },
    { tokens: sample, name: 'sampled', flag: '--price-sample', price: price_sample },
    { tokens: prefill, name: 'read', flag: '--price-prefill', price: price_prefill },
  ];
  const sizes = kinds.map(({ tokens, name }) => `${tokens.toLocaleString('en-US')} ${name}`);
  const unknown = kinds.filter(({ tokens, price }) => tokens > 0 && price === undefined);
  const cost = kinds.reduce((sum, { tokens, price = 0 }) => sum + (tokens * price) / 1e6, 0);
  const size = `The run sends at most about ${sizes.join(', ')} tokens`;
  if (unknown.length === kinds.filter(({ tokens }) => tokens > 0).length) {
    return `${size}. Its cost is not known: give ${unknown.map(({ flag }) => flag).join(', ')} (for a million tokens).`;
  }
  const without = unknown.map(({ name, flag }) => `${name} (${flag})`).join(', ');
  return `${size}: at most about ${cost.toFixed(2)}${without === '' ? '.' : `, without what is ${without}.`}`;
}

/** A row's last token is predicted only. */
const sentIn = (rows: readonly { readonly ids: ArrayLike<number> }[]): number =>
  rows.reduce((sum, { ids }) => sum + Math.max(0, ids.length - 1), 0);

/** How often the validation rows are read: at the start, at each distance, and at the end. */
function evaluations({ training }: TrainConfig, totalSteps: number): number {
  const { eval_every: every } = training;
  return 1 + (every > 0 ? Math.ceil(totalSteps / every) : 1);
}

/** Of all pairs that steps draw. @param longest of an online pair, both rows */
function pairTokens({ config, rows, schedule }: TrainPlan, longest: number): number {
  const { conscience } = config;
  const fixed = rows.pairs.reduce(
    (most, { chosen, rejected }) => Math.max(most, sentIn([chosen, rejected])),
    0,
  );
  const each = Math.max(fixed, longest);
  if (each === 0) return 0;
  const passed = passedBy(conscience.cadence, schedule);
  let draws = 0;
  for (let step = 0; step < schedule.totalSteps; step++)
    if (isDue(step, conscience.pairs_every, passed)) draws++;
  return draws * conscience.pairs_per_step * each;
}

const NOTHING = { sample: 0, prefill: 0, longestPair: 0 };

async function reviewTokens(plan: TrainPlan): Promise<typeof NOTHING> {
  const { config, schedule, prompts, model } = plan;
  const { conscience } = config;
  const { every, first, cadence, adaptive, lag, samples, max_tokens: most, roles } = conscience;
  const flags = { reviewed: 1, unreadable: 0, flagged: 1 };
  const times = { every, first, adaptive, passed: passedBy(cadence, schedule) };
  const responses = samples * countReviews(times, { totalSteps: schedule.totalSteps, lag, flags });
  const pool = [...prompts.probes, ...prompts.trainingPrompts]
    .sort((a, b) => charactersOf(b) - charactersOf(a))
    .slice(0, MEASURED);
  const { prompt, review, requests, alternative } = await longestOf(plan, pool, model.tokenizer);
  // other models answer here, or at an endpoint of their own
  const judged = isPlayer(roles.conscience);
  const written = isPlayer(roles.alternative) && conscience.contrast === 'alternative' ? 1 : 0;
  const canaries = conscience.check === 'off' ? 0 : 2 * CANARIES;
  const reviews = judged ? responses * (written && conscience.review_alternatives ? 2 : 1) + canaries : 0;
  return {
    // a request that reads log-probabilities samples one token
    sample: responses * most * (1 + written) + reviews * requests,
    prefill: responses * (prompt + written * (alternative + most)) + reviews * requests * (review + most),
    longestPair: 2 * Math.min(config.training.max_length, prompt + most),
  };
}

const charactersOf = ({ messages }: Prompt): number =>
  messages.reduce((sum, { content }) => sum + content.length, 0);

/** The longest of some prompts, of the reviews of an empty response to them, and of what asks for an alternative. */
async function longestOf(plan: TrainPlan, pool: readonly Prompt[], tokenizer: ChatTokenizer) {
  const { rules, format } = await askingOf(plan);
  const { framework, parts = [{ framework }], prior } = rules;
  const length = (messages: readonly Message[], lead = '') => promptTokens(tokenizer, messages, lead).length;
  const empty = { text: '', finish: 'stop', tokens: 0 } as const;
  const of = (measure: (prompt: Prompt) => number) =>
    pool.reduce((longest, prompt) => Math.max(longest, measure(prompt)), 0);
  const question = format.adapt(framework);
  // each label, and where a prior is taken away the same for an answer without content
  const requests = parts.length * 2 * (prior === 'off' ? 1 : 2);
  return {
    prompt: of(({ messages }) => length(messages)),
    requests,
    review: of((prompt) => length(format.review(prompt, empty, question), format.reviewPrefix)),
    alternative: of((prompt) =>
      length(format.alternative(prompt, empty, question), format.alternativePrefix),
    ),
  };
}
