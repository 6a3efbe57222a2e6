/** Logistic regression on one score, as Platt 1999 calibrates classifiers. */
import { sigmoid } from '../conscience/verdict.js';

/** Newton steps at most; it converges in fewer than ten. */
const STEPS = 50;

/**
 * P(positive) = σ(bias + slope · score) of highest likelihood, with Platt's softened targets, which keep it finite
 * where the groups do not overlap. A slope below 0 is 0: lower scores never mean more.
 *
 * @param scores in units of about 1
 */
export function fitLogistic(
  scores: readonly number[],
  positive: readonly boolean[],
): { readonly slope: number; readonly bias: number } {
  const positives = positive.filter(Boolean).length;
  const negatives = positive.length - positives;
  const target = positive.map((is) => (is ? (positives + 1) / (positives + 2) : 1 / (negatives + 2)));
  let [slope, bias] = [0, 0];
  for (let step = 0; step < STEPS; step++) {
    // gradient and Hessian of the negative log-likelihood, with a ridge that only singular data feel
    let [gs, gb, hss, hsb, hbb] = [0, 0, 1e-9, 0, 1e-9];
    for (const [i, score] of scores.entries()) {
      const p = sigmoid(bias + slope * score);
      const [error, weight] = [p - target[i], p * (1 - p)];
      gs += error * score;
      gb += error;
      hss += weight * score * score;
      hsb += weight * score;
      hbb += weight;
    }
    const determinant = hss * hbb - hsb * hsb;
    const [ds, db] = [(hbb * gs - hsb * gb) / determinant, (hss * gb - hsb * gs) / determinant];
    slope -= ds;
    bias -= db;
    if (Math.abs(ds) + Math.abs(db) < 1e-10) break;
  }
  if (slope >= 0) return { slope, bias };
  return { slope: 0, bias: Math.log((positives + 1) / (negatives + 1)) };
}
