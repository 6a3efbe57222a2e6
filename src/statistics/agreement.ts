/**
 * How well two raters of the same items agree.
 *
 * Correlations for scores, kappa for categories. All are dimensionless, in [-1, 1], and null
 * where they say nothing: fewer than two items, or no variance to speak of. An item that one
 * rater left unrated is for the caller to drop, and to count.
 */

/**
 * Pearson's product-moment correlation, r = Σ(a−ā)(b−b̄) / √(Σ(a−ā)²·Σ(b−b̄)²). Pearson 1895.
 *
 * @returns null over fewer than two items, or where either rater gives all the same score
 * @throws RangeError when the lengths differ
 */
export function pearson(a: readonly number[], b: readonly number[]): number | null {
  requireSameLength(a, b);
  // constant scores are told by comparing them: rounding of the mean leaves a variance above zero
  if (a.length < 2 || isConstant(a) || isConstant(b)) return null;
  const [dA, dB] = [deviations(a), deviations(b)];
  const r = dot(dA, dB) / (Math.sqrt(dot(dA, dA)) * Math.sqrt(dot(dB, dB)));
  // deviations so small that their squares underflow
  return Number.isFinite(r) ? Math.max(-1, Math.min(1, r)) : null;
}

/**
 * Spearman's rank correlation: Pearson's r of the ranks, where ties share the mean of theirs.
 * Spearman 1904; Kendall and Gibbons 1990, Rank Correlation Methods, 3.
 *
 * @returns null over fewer than two items, or where either rater gives all the same score
 * @throws RangeError when the lengths differ
 */
export function spearman(a: readonly number[], b: readonly number[]): number | null {
  return pearson(midRanks(a), midRanks(b));
}

/**
 * Cohen's kappa of two raters' categories, κ = (p_o − p_e) / (1 − p_e): observed agreement
 * beyond that of independent raters with the same frequencies. Cohen 1960, Educ. Psychol.
 * Meas. 20.
 *
 * @returns null over fewer than two items, or where both raters use the same one category
 * @throws RangeError when the lengths differ
 */
export function cohenKappa<Category extends string | number | boolean>(
  a: readonly Category[],
  b: readonly Category[],
): number | null {
  requireSameLength(a, b);
  if (a.length < 2) return null;
  const [timesA, timesB] = [frequencies(a), frequencies(b)];
  const n = a.length;
  const observed = a.filter((category, i) => category === b[i]).length;
  // n²·p_e, an integer, so that certain agreement is exactly n²
  let expected = 0;
  for (const [category, times] of timesA) expected += times * (timesB.get(category) ?? 0);
  return expected === n * n ? null : (n * observed - expected) / (n * n - expected);
}

/** Ranks from 1; equal values share the mean of the ranks that they span. */
function midRanks(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((i, j) => values[i] - values[j]);
  const ranks: number[] = new Array(values.length);
  for (let begin = 0; begin < order.length; ) {
    let end = begin;
    while (end < order.length && values[order[end]] === values[order[begin]]) end++;
    for (let i = begin; i < end; i++) ranks[order[i]] = (begin + 1 + end) / 2;
    begin = end;
  }
  return ranks;
}

function frequencies<T>(values: readonly T[]): Map<T, number> {
  const times = new Map<T, number>();
  for (const value of values) times.set(value, (times.get(value) ?? 0) + 1);
  return times;
}

function isConstant(values: readonly number[]): boolean {
  return values.every((value) => value === values[0]);
}

function deviations(values: readonly number[]): number[] {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return values.map((value) => value - mean);
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, x, i) => sum + x * b[i], 0);
}

function requireSameLength(a: readonly unknown[], b: readonly unknown[]): void {
  if (a.length !== b.length) throw new RangeError(`${a.length} ratings against ${b.length}`);
}
