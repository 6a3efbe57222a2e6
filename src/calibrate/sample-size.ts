/** How many answers an interval needs. */

/** The AUC that is expected; a lower one needs somewhat more answers. */
const EXPECTED = 0.85;
const Z95 = 1.96;

/**
 * Pairs of answers after which the AUC's 95 % interval is about ± `half`, by Hanley and McNeil 1982 (Radiology 143),
 * whose standard error is that of two groups of one size.
 */
export function pairsFor(half: number): number {
  const a = EXPECTED;
  const [q1, q2] = [a / (2 - a), (2 * a * a) / (1 + a)];
  for (let n = 10; ; n++) {
    const variance = (a * (1 - a) + (n - 1) * (q1 - a * a + q2 - a * a)) / (n * n);
    if (Z95 * Math.sqrt(variance) <= half) return n;
  }
}
