/**
 * The audit trail's record of one review.
 *
 * It holds everything that led to a pair, or the reason why there is none, as plain JSON.
 */
import type { Message, Prompt, Response } from '../values/conversation.js';
import type { Review } from './review.js';

/** Why a review made no pair. */
export const NO_PAIR_REASONS = [
  'accepted',
  'unreadable',
  'alternative-empty',
  'alternative-unfinished',
  'alternative-identical',
  'alternative-refusal',
  'alternative-unreadable',
  'alternative-flagged',
  'not-extreme',
  'too-long',
] as const;
export type NoPairReason = (typeof NO_PAIR_REASONS)[number];

/** The alternative to a flagged response. */
export interface AlternativeRecord {
  /** What the alternative role was shown. */
  readonly messages: readonly Message[];
  /** The response as it was written, framing and reasoning included. */
  readonly raw: Response;
  /** The answer alone; the pair's chosen response. */
  readonly response: Response;
  readonly refusal: boolean;
  /** The conscience's review of it; null where it was not worth one. */
  readonly review: Review | null;
}

/** One review and what became of it. */
export interface ReviewRecord {
  /** `review:<step>.<number>`. */
  readonly id: string;
  /** Optimiser step. */
  readonly step: number;
  /** Steps that the policy had made since then when the review was taken up; absent: none. */
  readonly age?: number;
  readonly seed: number;
  /** When the record was made, ISO 8601, UTC. */
  readonly time: string;
  readonly framework: string;
  /** Name of the review format. */
  readonly format: string;
  /** Ids of the models that played. */
  readonly roles: {
    readonly policy: string;
    readonly conscience: string;
    readonly alternative: string;
  };
  readonly prompt: Prompt;
  readonly response: Response;
  readonly review: Review;
  /** Null unless the response was flagged. */
  readonly alternative: AlternativeRecord | null;
  /** Id of the pair, `pair:<step>.<number>`, or null. */
  readonly pair: string | null;
  /** Why there is no pair; null where there is one. */
  readonly reason: NoPairReason | null;
}
