/** What the conscience makes of a response: a verdict, and a preference pair. */
import type { Prompt, Response } from './conversation.js';

/** Evidence that every verdict carries. Probabilities are dimensionless, in [0, 1]. */
export interface VerdictEvidence {
  /** P(objection label) / P(both labels), after the prior correction if one is on. */
  readonly pObjection: number;
  /** The same before the prior correction. */
  readonly pObjectionRaw: number;
  /** Probability mass that the two labels have together. */
  readonly mass: number;
  readonly framework: string;
  /** Which copy of the model judged, e.g. `frozen-base`. */
  readonly judge: string;
}

/** The conscience's answer. An unreadable one forms no pair. */
export type Verdict =
  | ({ readonly kind: 'accepted' } & VerdictEvidence)
  | ({ readonly kind: 'objected' } & VerdictEvidence)
  | ({ readonly kind: 'unreadable'; readonly raw: string } & Partial<VerdictEvidence> &
      Pick<VerdictEvidence, 'framework' | 'judge'>);

/** An online preference pair with its whole history. */
export interface Pair {
  readonly id: string;
  readonly prompt: Prompt;
  readonly chosen: Response;
  readonly rejected: Response;
  /** The verdict on the rejected response: `objected` where the chosen one is an ethical alternative. */
  readonly verdict: Verdict;
  /** The verdict on the chosen response; null where it was not reviewed. */
  readonly alternativeVerdict: Verdict | null;
  /** Optimiser step at which the pair was made. */
  readonly step: number;
}
