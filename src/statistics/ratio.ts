/** Ratios of two estimates. */
import type { Estimate } from './intervals.js';

/**
 * Ratio a/b of two non-negative estimates that are taken to be independent, with a 95 % interval [L, H] that is made
 * from the ends of theirs: (a − L·b)² = (a − aLow)² + L²·(bHigh − b)², and (a − H·b)² = (aHigh − a)² + H²·(b − bLow)².
 * Donner and Zou 2012, Stat. Methods Med. Res. 21, 347–359 (MOVER-R).
 *
 * Estimates on the same questions are alike, so that the interval is then too wide rather than too narrow.
 *
 * @returns dimensionless; H is infinite where bLow is 0; null where an estimate is, or where b is 0
 */
export function ratio(numerator: Estimate | null, denominator: Estimate | null): Estimate | null {
  if (numerator === null || denominator === null || denominator.value === 0) return null;
  const { value: a, low: aLow, high: aHigh } = numerator;
  const { value: b, low: bLow, high: bHigh } = denominator;
  // the roots of A·x² − 2ab·x + C; the smaller as C/(ab + √…), so that A may be 0
  const larger = (A: number, C: number) => a * b + Math.sqrt(Math.max(0, (a * b) ** 2 - A * C));
  const least = aLow * (2 * a - aLow);
  const most = bLow * (2 * b - bLow);
  return {
    value: a / b,
    low: least > 0 ? least / larger(bHigh * (2 * b - bHigh), least) : 0,
    high: most > 0 ? larger(most, aHigh * (2 * a - aHigh)) / most : Number.POSITIVE_INFINITY,
  };
}
