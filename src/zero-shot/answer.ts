/** An answer that has passed the conscience, and how it came about. */
import type { Replacement } from '../conscience/replace.js';
import type { Review } from '../conscience/review.js';
import type { GenerateOptions } from '../engine/language-model.js';
import type { Response, Usage } from '../values/conversation.js';
import { addUsage } from '../values/usage.js';

/** `accepted`: the draft; `corrected`: an alternative; `withheld`: neither passed. */
export type Outcome = 'accepted' | 'corrected' | 'withheld';

/** What an answer has cost, by what it was spent on. */
export interface Spent {
  readonly draft: Usage;
  /** Reviews of the request, of the draft and of the alternatives. */
  readonly review: Usage;
  readonly alternative: Usage;
}

/**
 * How an answer is asked for. What it takes, and its draft, are told as soon as they are known: of an
 * answer that is stopped early, nothing else tells.
 */
export interface AnswerOptions extends GenerateOptions {
  readonly onSpent?: (index: number, use: keyof Spent, usage: Usage) => void;
  /** The draft, or what there was of it when it was aborted; not for the user. */
  readonly onDraft?: (index: number, draft: Response) => void;
}

export interface ReviewedAnswer {
  readonly response: Response;
  readonly outcome: Outcome;
  /** What the model said first; not for the user where it was not accepted. */
  readonly draft: Response;
  /** The review of the draft; of the request, where that was objected to and nothing was drafted. */
  readonly review: Review;
  /** The review of the request; absent where that is not reviewed. */
  readonly input?: Review;
  /** The alternatives that were tried, in order, each with what was wrong with it. */
  readonly replacements: readonly Replacement[];
  readonly usage: Spent;
}

export function totalUsage({ draft, review, alternative }: Spent): Usage {
  return addUsage(addUsage(draft, review), alternative);
}
