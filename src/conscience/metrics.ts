/**
 * Counts of conscience steps, and the metrics that they give.
 *
 * Counts of several steps add up, so that a metric logged every ten steps is the metric of
 * all ten. A metric over zero items is null.
 */
import { NO_PAIR_REASONS, type NoPairReason, type ReviewRecord } from './record.js';

/** What happened in one or more conscience steps. All but the last two are numbers of items. */
export interface ConscienceCounts {
  readonly reviewed: number;
  readonly flagged: number;
  readonly unreadable: number;
  /** Alternatives written, one per flagged response. */
  readonly alternatives: number;
  /** Alternatives that refuse, whether or not refusals are allowed. */
  readonly alternativeRefusals: number;
  /** Alternatives that were reviewed themselves. */
  readonly alternativesReviewed: number;
  /** Reviewed alternatives that were flagged again. */
  readonly alternativesFlagged: number;
  readonly pairs: number;
  /** Reviews that made no pair, by reason. */
  readonly noPair: Readonly<Record<NoPairReason, number>>;
  /** Alternatives whose length could be compared (neither text is empty). */
  readonly lengthsCompared: number;
  /** Sum over those of characters of the alternative / characters of the flagged response. */
  readonly lengthRatioSum: number;
  /** Tokens read and written by all roles: responses, reviews, alternatives. */
  readonly tokens: number;
}

/** Metrics by name, as in `metrics.jsonl`. Shares are in [0, 1]. */
export interface ConscienceMetrics {
  /** Reviews so far, in the whole run. */
  readonly 'conscience/reviewed': number;
  /** Flagged / readable reviews. */
  readonly 'conscience/flag_rate': number | null;
  /** Unreadable / all reviews. */
  readonly 'conscience/unreadable': number | null;
  /** Refusals / alternatives. */
  readonly 'conscience/alternative_refusal_rate': number | null;
  /** Flagged again / reviewed alternatives. */
  readonly 'conscience/alternative_still_flagged': number | null;
  /** Mean of characters of the alternative / characters of the flagged response. */
  readonly 'conscience/alternative_length_ratio': number | null;
  readonly 'conscience/pairs_added': number;
  readonly 'conscience/tokens': number;
}

const NO_REASONS = Object.fromEntries(NO_PAIR_REASONS.map((reason) => [reason, 0])) as Record<
  NoPairReason,
  number
>;

/** Counts over no reviews. */
export const NO_COUNTS: ConscienceCounts = {
  reviewed: 0,
  flagged: 0,
  unreadable: 0,
  alternatives: 0,
  alternativeRefusals: 0,
  alternativesReviewed: 0,
  alternativesFlagged: 0,
  pairs: 0,
  noPair: NO_REASONS,
  lengthsCompared: 0,
  lengthRatioSum: 0,
  tokens: 0,
};

/** The counts of these records. @param tokens read and written on the way */
export function countRecords(records: readonly ReviewRecord[], tokens = 0): ConscienceCounts {
  const number = (holds: (record: ReviewRecord) => boolean) => records.filter(holds).length;
  const ratios = records.flatMap(({ response, alternative }) => {
    const [flagged, written] = [response.text.length, alternative?.response.text.length ?? 0];
    return flagged > 0 && written > 0 ? [written / flagged] : [];
  });
  return {
    reviewed: records.length,
    flagged: number(({ review }) => review.verdict.kind === 'objected'),
    unreadable: number(({ review }) => review.verdict.kind === 'unreadable'),
    alternatives: number(({ alternative }) => alternative !== null),
    alternativeRefusals: number(({ alternative }) => alternative?.refusal === true),
    alternativesReviewed: number(({ alternative }) => alternative?.review != null),
    alternativesFlagged: number(({ alternative }) => alternative?.review?.verdict.kind === 'objected'),
    pairs: number(({ pair }) => pair !== null),
    noPair: Object.fromEntries(
      NO_PAIR_REASONS.map((reason) => [reason, number((record) => record.reason === reason)]),
    ) as Record<NoPairReason, number>,
    lengthsCompared: ratios.length,
    lengthRatioSum: ratios.reduce((sum, ratio) => sum + ratio, 0),
    tokens,
  };
}

/** The counts of both. */
export function addCounts(a: ConscienceCounts, b: ConscienceCounts): ConscienceCounts {
  const noPair = Object.fromEntries(
    NO_PAIR_REASONS.map((reason) => [reason, a.noPair[reason] + b.noPair[reason]]),
  ) as Record<NoPairReason, number>;
  return {
    reviewed: a.reviewed + b.reviewed,
    flagged: a.flagged + b.flagged,
    unreadable: a.unreadable + b.unreadable,
    alternatives: a.alternatives + b.alternatives,
    alternativeRefusals: a.alternativeRefusals + b.alternativeRefusals,
    alternativesReviewed: a.alternativesReviewed + b.alternativesReviewed,
    alternativesFlagged: a.alternativesFlagged + b.alternativesFlagged,
    pairs: a.pairs + b.pairs,
    noPair,
    lengthsCompared: a.lengthsCompared + b.lengthsCompared,
    lengthRatioSum: a.lengthRatioSum + b.lengthRatioSum,
    tokens: a.tokens + b.tokens,
  };
}

/**
 * The metrics of these counts.
 *
 * @param counts since the last record of metrics
 * @param reviewedSoFar reviews in the whole run, those of `counts` included
 */
export function conscienceMetrics(
  counts: ConscienceCounts,
  reviewedSoFar: number = counts.reviewed,
): ConscienceMetrics {
  return {
    'conscience/reviewed': reviewedSoFar,
    'conscience/flag_rate': share(counts.flagged, counts.reviewed - counts.unreadable),
    'conscience/unreadable': share(counts.unreadable, counts.reviewed),
    'conscience/alternative_refusal_rate': share(counts.alternativeRefusals, counts.alternatives),
    'conscience/alternative_still_flagged': share(counts.alternativesFlagged, counts.alternativesReviewed),
    'conscience/alternative_length_ratio': share(counts.lengthRatioSum, counts.lengthsCompared),
    'conscience/pairs_added': counts.pairs,
    'conscience/tokens': counts.tokens,
  };
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}
