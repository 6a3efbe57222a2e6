/** Standard errors of means, as other tools report them beside a mean. */
import { bySeed, type Measurement, pooled, seedVariance, totals } from '../../statistics/by-question.js';

/**
 * Standard error of the mean of all observations, over questions, and over seeds where there are several: what the
 * intervals of `estimate` are made from. se² = K/(K−1)·Σ_q (s_q − θ·n_q)²/N² + the seeds' variance.
 * Cochran 1977, Sampling Techniques, 6.3.
 *
 * @returns the unit of the observations; null over fewer than two questions, and where none differ: then it
 *   would say that nothing is uncertain, which the interval does not
 */
export function standardErrorByQuestion(measurement: Measurement): number | null {
  const asked = [...measurement.values()].map(pooled).filter((values) => values.length > 0);
  const K = asked.length;
  if (K < 2) return null;
  const { sums, counts } = totals(asked);
  const N = counts.reduce((a, b) => a + b, 0);
  const mean = sums.reduce((a, b) => a + b, 0) / N;
  const squares = sums.reduce((all, sum, q) => all + (sum - mean * counts[q]) ** 2, 0);
  const [seeds] = seedVariance([{ ...totals(bySeed(measurement)), sign: 1 }]);
  if (squares === 0) return null;
  return Math.sqrt(((K / (K - 1)) * squares) / N ** 2 + (seeds?.variance ?? 0));
}

/** Standard error of the mean of independent values: √(Σ(x − x̄)²/(n − 1)/n). @returns null over fewer than two */
export function standardError(values: readonly number[]): number | null {
  const n = values.length;
  if (n < 2) return null;
  const mean = values.reduce((a, b) => a + b, 0) / n;
  return Math.sqrt(values.reduce((all, x) => all + (x - mean) ** 2, 0) / (n - 1) / n);
}
