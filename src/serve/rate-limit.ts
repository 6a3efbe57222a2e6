/** How much each key may ask a minute: token buckets that fill steadily, by a clock that nobody sets. */
import { ApiError } from './errors.js';
import type { KeyLimits } from './keys.js';

export class RateLimiter {
  private readonly buckets = new Map<string, { requests: Bucket; tokens: Bucket }>();

  /**
   * @param defaults of keys without limits of their own
   * @param now      milliseconds of a clock that does not jump
   */
  constructor(
    private readonly defaults: KeyLimits,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Takes a request. @throws ApiError 429 that says when to come again */
  admit(name: string, limits: KeyLimits = {}): void {
    const { requests, tokens } = this.of(name, limits);
    const wait = Math.max(requests.waitFor(1, this.now()), tokens.waitFor(1, this.now()));
    if (wait > 0) {
      const retryAfterSeconds = Math.ceil(wait / 1000);
      throw new ApiError(429, {
        type: 'rate_limit_error',
        code: 'rate_limit_exceeded',
        message: `Too many ${tokens.waitFor(1, this.now()) > 0 ? 'tokens' : 'requests'}; try again in ${retryAfterSeconds} s.`,
        retryAfterSeconds,
      });
    }
    requests.take(1, this.now());
  }

  /** Charges what an answer has cost; the next request waits until the debt is filled up. */
  charge(name: string, limits: KeyLimits = {}, tokens = 0): void {
    this.of(name, limits).tokens.take(tokens, this.now());
  }

  private of(name: string, limits: KeyLimits) {
    const known = this.buckets.get(name);
    if (known) return known;
    const { requestsPerMinute, tokensPerMinute } = { ...this.defaults, ...limits };
    const made = {
      requests: new Bucket(requestsPerMinute, this.now()),
      tokens: new Bucket(tokensPerMinute, this.now()),
    };
    this.buckets.set(name, made);
    return made;
  }
}

class Bucket {
  private level: number;

  constructor(
    private readonly perMinute: number | undefined,
    private at: number,
  ) {
    this.level = Math.max(1, perMinute ?? 0);
  }

  /** Milliseconds until `amount` may be taken. */
  waitFor(amount: number, now: number): number {
    if (this.perMinute === undefined) return 0;
    this.fill(now);
    return Math.max(0, ((amount - this.level) * 60_000) / this.perMinute);
  }

  take(amount: number, now: number): void {
    this.fill(now);
    this.level -= amount;
  }

  private fill(now: number): void {
    const { perMinute = 0 } = this;
    const passed = Math.max(0, now - this.at);
    this.level = Math.min(Math.max(1, perMinute), this.level + (passed * perMinute) / 60_000);
    this.at = now;
  }
}
