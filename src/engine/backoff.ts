/** How long to wait before the next attempt. */

const FIRST = 500;
const LONGEST = 30_000;

/**
 * Exponential backoff with jitter, milliseconds: between half of 2ⁿ·0.5 s and all of it, at most 30 s.
 *
 * @param attempt attempts that failed before this one, from 0
 * @param random  uniform in [0, 1)
 */
export function backoff(attempt: number, random: () => number): number {
  const full = Math.min(LONGEST, FIRST * 2 ** attempt);
  return full * (0.5 + 0.5 * random());
}

/**
 * What the endpoint asks for, milliseconds: `retry-after-ms`, or `Retry-After` as seconds or a date
 * (RFC 9110 §10.2.3). Undefined where it asks for nothing that can be read.
 */
export function retryAfter(headers: Headers, now: number): number | undefined {
  const milliseconds = Number.parseFloat(headers.get('retry-after-ms') ?? '');
  if (milliseconds >= 0) return milliseconds;
  const value = headers.get('retry-after')?.trim();
  if (!value) return undefined;
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
