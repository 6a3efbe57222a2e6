/** Several tests at once: Holm's correction. */

/**
 * Adjusted p-values: reject those ≤ α, and the chance of any false rejection among all of them is ≤ α,
 * however they depend on each other. Holm 1979, Scand. J. Statist. 6, 65–70.
 *
 * p̃₍ᵢ₎ = max over j ≤ i of min(1, (m − j + 1)·p₍ⱼ₎), in ascending order of the p.
 *
 * @param ps null: was not tested, and does not count to m
 * @returns in the order given
 */
export function holm(ps: readonly (number | null)[]): (number | null)[] {
  const tested = ps.flatMap((p, at) => (p === null ? [] : [{ p, at }])).sort((a, b) => a.p - b.p);
  const adjusted: (number | null)[] = ps.map(() => null);
  let greatest = 0;
  tested.forEach(({ p, at }, i) => {
    greatest = Math.max(greatest, Math.min(1, (tested.length - i) * p));
    adjusted[at] = greatest;
  });
  return adjusted;
}
