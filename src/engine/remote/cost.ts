/**
 * What a remote run will cost, before it begins.
 *
 * Prices change and differ by endpoint, so they come from the user. The estimate counts
 * every answer at its full length, so that it errs to the dear side.
 */
import type { Message } from '../../values/conversation.js';

/** Per million tokens, in any one currency. */
export interface Prices {
  readonly input: number;
  readonly output: number;
}

export interface CostQuestion {
  /** Model and host, for the sentence. */
  readonly name: string;
  readonly requests: number;
  /** All requests together. */
  readonly promptTokens: number;
  /** Most tokens of all answers together. */
  readonly answerTokens: number;
  readonly prices?: Prices;
  /** Sign before amounts. Default `$`. */
  readonly currency?: string;
  readonly requestsPerMinute?: number;
}

export interface CostEstimate {
  readonly requests: number;
  readonly promptTokens: number;
  readonly answerTokens: number;
  /** Null without prices. */
  readonly cost: number | null;
  /** Least time that the rate limit leaves; null without one. */
  readonly minutes: number | null;
  readonly sentence: string;
}

/** The estimate, as numbers and as one sentence. */
export function estimateCost(question: CostQuestion): CostEstimate {
  const { name, requests, promptTokens, answerTokens, prices, currency = '$', requestsPerMinute } = question;
  const cost = prices ? (promptTokens * prices.input + answerTokens * prices.output) / 1e6 : null;
  const minutes = requestsPerMinute === undefined ? null : Math.max(0, requests - 1) / requestsPerMinute;
  const size = `${amount(requests)} requests to ${name}, about ${amount(promptTokens)} prompt tokens and at most ${amount(answerTokens)} answer tokens`;
  const price = cost === null ? 'cost unknown without prices' : `at most about ${currency}${money(cost)}`;
  const time = minutes === null ? '' : `; at least ${amount(Math.ceil(minutes))} min at the rate limit`;
  return { requests, promptTokens, answerTokens, cost, minutes, sentence: `${size}: ${price}${time}.` };
}

/** Tokens that a chat template adds to each message, roughly (role, start and end). */
const PER_MESSAGE = 4;

/** Tokens of all conversations: by the tokenizer, or one for four characters. */
export function countPromptTokens(
  conversations: readonly (readonly Message[])[],
  tokenizer?: { encode(text: string): ArrayLike<number> },
): number {
  let tokens = 0;
  for (const { content } of conversations.flat()) {
    tokens += PER_MESSAGE + (tokenizer ? tokenizer.encode(content).length : Math.ceil(content.length / 4));
  }
  return tokens;
}

function amount(value: number): string {
  return value.toLocaleString('en-US');
}

/** Two decimals, or enough to show that it is not nothing. */
function money(value: number): string {
  return value === 0 || value >= 0.01 ? value.toFixed(2) : value.toPrecision(1);
}
