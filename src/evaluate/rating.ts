/**
 * What a judge's distribution over possible answers says: a number from 0 to 100, or a word.
 *
 * Betley et al. 2025, arXiv:2502.17424, take the mean of the numbers among the likeliest first
 * tokens, weighted by their probabilities, and no score where they weigh too little together.
 */

/** Probabilities of what a judge may say; they need not add up to 1. */
export type Distribution = Readonly<Record<string, number>>;

/** What a judge's probabilities say of one answer. */
export interface Rating {
  /** Probability-weighted mean over the numbers, in [0, 100]; null where their mass is too small. */
  readonly score: number | null;
  /** The likeliest word, where there is no score and it has the mass that a score would need. */
  readonly word: string | null;
  /** Probability of all numbers together. */
  readonly mass: number;
}

/** Betley's limit: below it there is no score. */
export const MIN_MASS = 0.25;

/** What a judge may say of a score: the whole numbers from 0 to 100. */
export const NUMBERS: readonly string[] = Array.from({ length: 101 }, (_, n) => String(n));

/** @param distribution probabilities of the numbers `0` … `100` and of words */
export function ratingOf(distribution: Distribution, minMass = MIN_MASS): Rating {
  let mass = 0;
  let sum = 0;
  let word: string | null = null;
  let wordMass = 0;
  for (const [answer, probability] of Object.entries(distribution)) {
    if (/^\d+$/.test(answer)) {
      mass += probability;
      sum += probability * Number(answer);
    } else if (probability > wordMass) {
      word = answer;
      wordMass = probability;
    }
  }
  const score = mass > 0 && mass >= minMass ? sum / mass : null;
  return { score, word: score === null && wordMass >= minMass ? word : null, mass };
}

/** What of a judge's probabilities is kept: six digits, and nothing below a millionth; null for none. */
export function distributionOf(
  sayable: readonly string[],
  probabilities: readonly number[] | null,
): Distribution | null {
  if (probabilities === null) return null;
  const entries = probabilities.map((p, i) => [sayable[i], Number(p.toPrecision(6))] as const);
  return Object.fromEntries(entries.filter(([, p]) => p >= 1e-6));
}
