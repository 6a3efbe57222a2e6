/**
 * A reading: which questions a conscience is asked about a response, and how their labels' probabilities become
 * one verdict.
 *
 * With the labels' log-probabilities a and o of each question, and its prior's log-odds p,
 *
 *     P(objection) = σ(bias + Σ weight · (o − a − p))
 *
 * which is calibrated by logistic regression (Platt 1999) where `ealign calibrate` chose weights and bias. One
 * question of weight 1, without bias and at a threshold of ½, is what a model is asked that nobody has calibrated.
 *
 * A question with a probe is not answered in words: what the model thinks of its response, having been asked, is
 * read off its hidden states (probe.ts), and takes the place of o − a − p.
 */
import type { QuestionOrder } from './format.js';
import type { Framework } from './frameworks.js';
import type { Probe } from './probe.js';

/** Where the prior is measured: the same prompt with an empty answer, an empty prompt with an empty answer, or not at all. */
export type PriorKind = 'off' | 'neutral' | 'content-free';

/** One question, and how much it counts. */
export interface ReadingPart {
  readonly framework: Framework;
  /** Default `last`. */
  readonly order?: QuestionOrder;
  /** Factor on its log-odds. */
  readonly weight: number;
  /** Absent: the labels' probabilities are read. */
  readonly probe?: Probe;
}

export interface Reading {
  /** At least one. */
  readonly parts: readonly ReadingPart[];
  /** Added to the weighted log-odds, nats. */
  readonly bias: number;
  readonly prior: PriorKind;
  /** Flagged when the calibrated objection's share is at least this. In [0, 1). */
  readonly threshold: number;
}

/** How a calibration may read verdicts: by the labels' probabilities, by a probe, or by the better of the two. */
export const READINGS = ['auto', 'labels', 'probe'] as const;
export type ReadingChoice = (typeof READINGS)[number];
