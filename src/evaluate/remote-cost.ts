/** What an evaluation will ask of endpoints, before it asks. */

import { type CostEstimate, countPromptTokens, estimateCost, type Prices } from '../engine/remote/cost.js';
import { ConfigError } from '../errors.js';
import { isRemote } from '../open/named.js';
import type { Evaluation } from './evaluation.js';
import { judgePrompt } from './questions.js';

/** What endpoints cost, and what may be spent. */
export interface Budget {
  /** Prices by the name of the endpoint. */
  readonly prices?: Readonly<Record<string, Prices>>;
  /** More than this is not spent. */
  readonly maxCost?: number;
  readonly requestsPerMinute?: number;
}

/**
 * One estimate for each endpoint that is asked: answers at their full length, judgements of those that
 * are there and of those to come.
 */
export function remoteCosts(
  evaluation: Evaluation,
  subject: string | undefined,
  judges: readonly string[],
  { prices = {}, requestsPerMinute }: Budget = {},
): CostEstimate[] {
  const { sampling, questions } = evaluation.plan;
  const missing = subject === undefined ? [] : evaluation.unanswered();
  const shared = requestsPerMinute === undefined ? {} : { requestsPerMinute };
  const priced = (name: string) => (prices[name] ? { prices: prices[name] } : {});
  const costs: CostEstimate[] = [];
  if (subject !== undefined && isRemote(subject)) {
    const requests = missing.length;
    const promptTokens = countPromptTokens(missing);
    const answerTokens = requests * sampling.maxTokens;
    costs.push(
      estimateCost({ name: subject, requests, promptTokens, answerTokens, ...priced(subject), ...shared }),
    );
  }
  for (const name of judges.filter(isRemote)) {
    const known = evaluation.unjudged(name);
    const share = missing.length / Math.max(1, questions.length);
    const coming = questions.flatMap(({ paraphrases: [question], criteria }) =>
      criteria.map((criterion) => judgePrompt(criterion, question, '')),
    );
    const promptTokens =
      countPromptTokens(known) +
      share *
        (countPromptTokens([coming.map((content) => ({ role: 'user', content }))]) +
          coming.length * sampling.maxTokens);
    const requests = known.length + Math.round(share * coming.length);
    const tokens = { promptTokens: Math.ceil(promptTokens), answerTokens: requests };
    costs.push(estimateCost({ name, requests, ...tokens, ...priced(name), ...shared }));
  }
  return costs;
}

/** @throws ConfigError when the estimates together exceed the budget, or cannot be told */
export function requireWithin(costs: readonly CostEstimate[], { maxCost }: Budget): void {
  if (maxCost === undefined || costs.length === 0) return;
  const next = 'raise --max-cost, or take fewer --samples';
  if (costs.some(({ cost }) => cost === null)) {
    throw new ConfigError({
      where: '--max-cost',
      what: 'the cost cannot be told without prices',
      next: 'give --price <endpoint>=<input>,<output> for each endpoint',
    });
  }
  const total = costs.reduce((sum, { cost }) => sum + cost!, 0);
  if (total > maxCost) {
    const what = `up to $${total.toFixed(2)} may be spent, more than $${maxCost.toFixed(2)}`;
    throw new ConfigError({ where: '--max-cost', what, next });
  }
}
