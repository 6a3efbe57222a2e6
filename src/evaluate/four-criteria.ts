/**
 * One scorecard: the four criteria of a defence against emergent misalignment (Kaczér et al.,
 * arXiv:2508.06249), and the side effects that should stand beside them.
 */
import type { Estimate } from '../statistics/intervals.js';

/** The criteria, and last what belongs to none of them, in the order in which they are shown. */
export const CRITERIA = [
  'no broad misalignment',
  'narrow task learned',
  'benign learning unharmed',
  'coherence kept',
  'side effects',
] as const;
/** Name of a criterion. */
export type CriterionName = (typeof CRITERIA)[number];

/** One number with its 95 % interval. */
export interface Measure {
  readonly criterion: CriterionName;
  readonly name: string;
  /** `share` in [0, 1], `score` from 0 to 100, `nats` a token, `words` an answer, `difference` of two shares. */
  readonly unit: 'share' | 'score' | 'nats' | 'words' | 'difference';
  /** Value in the unit; null if unknown. */
  readonly estimate: Estimate | null;
  /** Number of answers, rows, tokens or tasks that it is taken over. */
  readonly of: number;
}

/** What a suite found of one model. */
export interface FourCriteria {
  /** The model, with its adapter. */
  readonly subject: string;
  readonly measures: readonly Measure[];
}
