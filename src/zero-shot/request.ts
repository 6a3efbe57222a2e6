/** A request that was reviewed before anything was drafted, and the answer that comes of it. */
import { NOTHING_SAID } from '../conscience/input-question.js';
import type { Message } from '../values/conversation.js';
import { addUsage, NO_USAGE } from '../values/usage.js';
import type { AnswerOptions, ReviewedAnswer } from './answer.js';
import type { ReviewedDraft, ReviewedRequest } from './guard.js';

/** An unreadable verdict lets a request pass, as the draft is reviewed, too. */
export function mayBeAnswered({ review: { verdict } }: ReviewedRequest): boolean {
  return verdict.kind !== 'objected';
}

/** What stands for the draft of a request that may not be answered as it asks; what was spent on it is told apart. */
export function undrafted(messages: readonly Message[], { review }: ReviewedRequest): ReviewedDraft {
  return { messages, response: NOTHING_SAID, usage: NO_USAGE, review, reviewUsage: NO_USAGE };
}

/** The answer with the review of its request, and what that has taken. */
export function withRequest(answer: ReviewedAnswer, { review, usage }: ReviewedRequest): ReviewedAnswer {
  const spent = { ...answer.usage, review: addUsage(answer.usage.review, usage) };
  return { ...answer, input: review, usage: spent };
}

/** Options of a batch that is part of another: what is told of its k-th answer is told of `indices[k]`. */
export function fromIndices(
  { onSpent, onDraft, ...asked }: AnswerOptions,
  indices: readonly number[],
): AnswerOptions {
  return {
    ...asked,
    ...(onSpent ? { onSpent: (k, use, usage) => onSpent(indices[k], use, usage) } : {}),
    ...(onDraft ? { onDraft: (k, draft) => onDraft(indices[k], draft) } : {}),
  };
}
