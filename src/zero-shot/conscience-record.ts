/** An answer's verdict as callers of a server or an SDK get it: plain JSON, without what was withheld. */
import type { Usage } from '../values/conversation.js';
import type { Verdict } from '../values/pair.js';
import type { Outcome, ReviewedAnswer } from './answer.js';
import type { StreamPolicy } from './release.js';

/** Names are OpenAI's where it has one. */
export interface ConscienceRecord {
  readonly policy: StreamPolicy;
  readonly outcome: Outcome;
  /** On the draft; on the request, where that was objected to and nothing was drafted. */
  readonly verdict: Verdict['kind'];
  /** Objection's share of both labels, in [0, 1]; null where nothing could be read. */
  readonly p_objection: number | null;
  /** Probability of both labels together, in [0, 1]. */
  readonly mass: number | null;
  readonly framework: string;
  readonly judge: string;
  /** On the request; absent where that is not reviewed. */
  readonly input?: Pick<ConscienceRecord, 'verdict' | 'p_objection' | 'mass'>;
  /** Alternatives tried. */
  readonly attempts: number;
  readonly usage: Readonly<Record<'draft' | 'review' | 'alternative', WireUsage>>;
}

export interface WireUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
}

export function conscienceRecord(
  { outcome, review: { verdict }, input, replacements, usage }: ReviewedAnswer,
  policy: StreamPolicy,
): ConscienceRecord {
  const { framework, judge } = verdict;
  return {
    policy,
    outcome,
    ...onWire(verdict),
    framework,
    judge,
    ...(input ? { input: onWire(input.verdict) } : {}),
    attempts: replacements.length,
    usage: {
      draft: wireUsage(usage.draft),
      review: wireUsage(usage.review),
      alternative: wireUsage(usage.alternative),
    },
  };
}

function onWire({ kind, pObjection, mass }: Verdict) {
  const share = (value: number | undefined) => (value === undefined || Number.isNaN(value) ? null : value);
  return { verdict: kind, p_objection: share(pObjection), mass: share(mass) };
}

export function wireUsage({ promptTokens, answerTokens }: Usage): WireUsage {
  return { prompt_tokens: promptTokens, completion_tokens: answerTokens };
}
