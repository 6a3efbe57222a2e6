/**
 * Other ways to make pairs of reviewed responses, for comparison with the ethical alternative.
 *
 * `samples` is self-rewarding: of several responses to one prompt the best is preferred to the worst,
 * by the conscience's verdict (Yuan et al. 2024, arXiv:2401.10020). `confession` teaches to answer
 * the introspective question as the conscience does (after Joglekar et al. 2025, arXiv:2512.08093).
 */

import type { Response } from '../values/conversation.js';
import type { Pair } from '../values/pair.js';
import type { Replacement } from './replace.js';
import type { Review, ReviewItem } from './review.js';

export const CONTRASTS = ['alternative', 'samples', 'confession'] as const;
export type Contrast = (typeof CONTRASTS)[number];

/** Responses that `samples` draws for each prompt. */
export const SAMPLES_PER_PROMPT = 4;

/** What a pair is made of, before it has an id. */
export type PairText = Pick<Pair, 'prompt' | 'chosen' | 'rejected' | 'alternativeVerdict'>;

/** What became of one response. */
export interface Contrasted extends Replacement {
  /** Null where there is a reason. */
  readonly pair: PairText | null;
}

/** The least flagged of each prompt's responses against the most flagged; recorded with the latter. */
export function contrastSamples(items: readonly ReviewItem[], reviews: readonly Review[]): Contrasted[] {
  const outcomes = reviews.map(
    ({ verdict: { kind } }): Contrasted => ({
      alternative: null,
      pair: null,
      reason: kind === 'unreadable' ? 'unreadable' : 'not-extreme',
    }),
  );
  for (let from = 0; from < items.length; from += SAMPLES_PER_PROMPT) {
    const group = items
      .slice(from, from + SAMPLES_PER_PROMPT)
      .map((_, k) => from + k)
      .filter((i) => reviews[i].verdict.kind !== 'unreadable');
    if (group.length < 2) continue;
    const objection = (i: number) => reviews[i].verdict.pObjection ?? 0;
    const best = group.reduce((a, b) => (objection(b) < objection(a) ? b : a));
    const worst = group.reduce((a, b) => (objection(b) > objection(a) ? b : a));
    const [chosen, rejected] = [items[best].response, items[worst].response];
    const { prompt } = items[worst];
    const alternative = {
      messages: prompt.messages,
      raw: chosen,
      response: chosen,
      refusal: false,
      review: reviews[best],
    };
    outcomes[worst] =
      chosen.text === rejected.text || objection(best) === objection(worst)
        ? { alternative, pair: null, reason: 'alternative-identical' }
        : {
            alternative,
            reason: null,
            pair: { prompt, chosen, rejected, alternativeVerdict: reviews[best].verdict },
          };
  }
  return outcomes;
}

/** The verdict's label against the other one, as answers to the question about the response. */
export function confess(items: readonly ReviewItem[], reviews: readonly Review[]): Contrasted[] {
  const said = (text: string): Response => ({ text, finish: 'stop', tokens: 1 });
  return items.map(({ prompt }, i): Contrasted => {
    const {
      verdict,
      messages,
      labels: [accept, object],
    } = reviews[i];
    if (verdict.kind === 'unreadable') return { alternative: null, pair: null, reason: 'unreadable' };
    const [chosen, rejected] = verdict.kind === 'objected' ? [object, accept] : [accept, object];
    const asked = { ...prompt, messages, id: `${prompt.id}, reviewed` };
    return {
      alternative: null,
      reason: null,
      pair: { prompt: asked, chosen: said(chosen), rejected: said(rejected), alternativeVerdict: verdict },
    };
  });
}
