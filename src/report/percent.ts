/** Shares in words, without false certainty. */
import type { Estimate } from '../statistics/intervals.js';

/** A share as `12 % [10, 14]`; `–` where there is none. */
export function percent(estimate: Estimate | null): string {
  if (!estimate) return '–';
  const { value, low, high } = estimate;
  return `${percentage(value)} % [${percentage(low)}, ${percentage(high)}]`;
}

/** Two digits, and no 100 or 0 that is only rounded. */
export function percentage(share: number): string {
  if (!Number.isFinite(share)) return '∞';
  // 0.9999999999999999 is 1 after a sum of floats
  const percents = Number((100 * share).toPrecision(12));
  const near = (percents > 0 && percents < 9.95) || (percents > 99 && percents < 100);
  return percents.toFixed(near ? 1 : 0);
}

/** A mean from 0 to 100 with its interval; `–` where there is none. */
export function mean(estimate: Estimate | null): string {
  if (!estimate) return '–';
  const { value, low, high } = estimate;
  return `${value.toFixed(1)} [${low.toFixed(1)}, ${high.toFixed(1)}]`;
}

/** A difference of two shares as `+12 [8, 17] points`; `–` where there is none. */
export function points(difference: Estimate | null): string {
  if (difference === null) return '–';
  // what rounding leaves of 0 has no sign
  const [value, low, high] = [difference.value, difference.low, difference.high].map((share) =>
    Math.abs(share) < 1e-9 ? 0 : share,
  );
  const signed = (share: number) => `${share < 0 ? '−' : ''}${percentage(Math.abs(share))}`;
  return `${value > 0 ? '+' : ''}${signed(value)} [${signed(low)}, ${signed(high)}] points`;
}

/** A p-value, to two digits; `–` where there is none. */
export function pValue(p: number | null): string {
  if (p === null) return '–';
  return p < 0.001 ? '< 0.001' : Number(p.toPrecision(2)).toString();
}
