/**
 * pass@k: the probability that at least one of k sampled programs is right.
 *
 * Chen et al. 2021, arXiv:2107.03374, Eq. 1. The naive 1 − (1 − c/n)^k is biased.
 */

/** How one task went. */
export interface TaskCount {
  /** Programs that were sampled. */
  readonly samples: number;
  /** Those among them that passed. */
  readonly passed: number;
}

/**
 * 1 − C(n − c, k) / C(n, k): the share of all k-subsets of the n samples that hold a right one.
 *
 * Computed as 1 − Π_{i=n−c+1}^{n} (1 − k/i): the binomials themselves overflow.
 *
 * @param samples n
 * @param passed  c, 0 to n
 * @param k       1 to n: with fewer samples they do not say
 * @throws RangeError counts that cannot be
 */
export function passAtK({ samples: n, passed: c }: TaskCount, k: number): number {
  const counts = [n, c, k].every(Number.isInteger) && c >= 0 && c <= n && k >= 1 && k <= n;
  if (!counts) throw new RangeError(`passAtK: n ${n}, c ${c}, k ${k}: expected 0 ≤ c ≤ n and 1 ≤ k ≤ n`);
  if (n - c < k) return 1;
  let allWrong = 1;
  for (let i = n - c + 1; i <= n; i++) allWrong *= 1 - k / i;
  return 1 - allWrong;
}
