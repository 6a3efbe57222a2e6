/** What to say of a run whose conscience changed nothing: it must not end like one that was corrected. */
import type { NoPairReason, ReviewRecord } from './record.js';

const REASONS: Readonly<Record<NoPairReason, string>> = {
  accepted: 'accepted',
  unreadable: 'unreadable',
  'alternative-empty': 'flagged, the alternative empty',
  'alternative-unfinished': 'flagged, the alternative not finished',
  'alternative-identical': 'flagged, the alternative the same text',
  'alternative-refusal': 'flagged, the alternative a refusal',
  'alternative-unreadable': 'flagged, the review of the alternative unreadable',
  'alternative-flagged': 'flagged, the alternative as well',
  'not-extreme': 'neither the best nor the worst of its prompt',
  'too-long': 'flagged, the pair too long',
};

/** Why there is no pair, in one or two sentences. @param records all reviews of the run */
export function withoutPairs(records: readonly Pick<ReviewRecord, 'reason'>[]): string {
  const untouched = 'The conscience taught this run nothing: it was trained as without one.';
  if (records.length === 0) return `${untouched} It never reviewed (conscience.first, conscience.every).`;
  const counts = new Map<NoPairReason, number>();
  for (const { reason } of records) if (reason) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const shares = [...counts].sort(([, a], [, b]) => b - a).map(([reason, n]) => `${n} ${REASONS[reason]}`);
  const reviews = records.length === 1 ? 'the one review' : `${records.length} reviews`;
  return `${untouched} No pair came of ${reviews}: ${shares.join('; ')}.`;
}
