/**
 * Largest difference of two arrays, relative to the largest element that was expected. Infinity where lengths differ,
 * NaN where an element is NaN: neither is below a tolerance.
 *
 * @param ofZeros what differences are relative to where only zeros are expected. Default 0: then nothing is near them
 */
export function relativeError(got: ArrayLike<number>, expected: ArrayLike<number>, ofZeros = 0): number {
  if (got.length !== expected.length) return Number.POSITIVE_INFINITY;
  let difference = 0;
  let scale = 0;
  for (let i = 0; i < expected.length; i++) {
    if (Number.isNaN(got[i])) return Number.NaN;
    difference = Math.max(difference, Math.abs(got[i] - expected[i]));
    scale = Math.max(scale, Math.abs(expected[i]));
  }
  return difference / (scale || ofZeros);
}
