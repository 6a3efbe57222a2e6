/** Student's t for intervals from few clusters. */

/**
 * The t with P(|T| ≤ t) = 0.95 for a whole number of degrees of freedom: 12.71 at 1, 2.07 at
 * 23, 1.96 at infinity. Dimensionless. Abramowitz and Stegun 1964, 26.7.3 and 26.7.4, inverted
 * by bisection.
 *
 * @throws RangeError unless degrees of freedom are an integer ≥ 1
 */
export function studentT95(freedom: number): number {
  if (!Number.isInteger(freedom) || freedom < 1) throw new RangeError(`studentT95(${freedom})`);
  // in θ = atan(t/√ν), which runs over (0, π/2); 60 halvings leave nothing of a double
  let [low, high] = [0, Math.PI / 2];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (within(middle, freedom) < 0.95) low = middle;
    else high = middle;
  }
  return Math.sqrt(freedom) * Math.tan((low + high) / 2);
}

/** P(|T| ≤ √ν·tan θ): a finite series in cos² θ. */
function within(theta: number, freedom: number): number {
  const [sin, cos] = [Math.sin(theta), Math.cos(theta)];
  const odd = freedom % 2;
  let term = odd ? cos : 1;
  let sum = 0;
  for (let k = odd; k <= freedom - 2; k += 2) {
    sum += term;
    term *= ((k + 1) / (k + 2)) * cos ** 2;
  }
  return odd ? (2 / Math.PI) * (theta + sin * sum) : sin * sum;
}
