/**
 * When the next request may start: evenly spread to a rate, and not while the endpoint
 * has asked for a pause.
 *
 * A token bucket that holds one token, so that no minute sees more than the rate allows.
 */
import { setTimeout as delay } from 'node:timers/promises';

/** Time as the pace and the retries see it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** @throws the signal's reason when it aborts */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(milliseconds, signal) {
    try {
      await delay(milliseconds, undefined, { signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
};

export class Pace {
  private readonly interval: number;
  private next = 0;
  private pausedUntil = 0;

  /** @param perMinute requests per minute; undefined is no limit */
  constructor(
    perMinute: number | undefined,
    private readonly clock: Clock,
  ) {
    this.interval = perMinute === undefined ? 0 : 60_000 / perMinute;
  }

  /** Nobody starts for so many milliseconds. */
  pause(milliseconds: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, this.clock.now() + milliseconds);
  }

  /** Waits for this request's turn. */
  async turn(signal?: AbortSignal): Promise<void> {
    for (;;) {
      signal?.throwIfAborted();
      const now = this.clock.now();
      const wait = Math.max(this.next, this.pausedUntil) - now;
      if (wait <= 0) {
        this.next = now + this.interval;
        return;
      }
      await this.clock.sleep(wait, signal);
    }
  }
}
