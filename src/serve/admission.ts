/** How many requests run at once, and how many wait for it: keys take turns, so that none starves another. */
import { ApiError } from './errors.js';

interface Waiting {
  enter(): void;
}

export class Admission {
  private running = 0;
  /** Waiting requests by key; the first key in the map is next. */
  private readonly queues = new Map<string, Set<Waiting>>();
  private waitingCount = 0;

  constructor(
    private readonly concurrency: number,
    private readonly longestQueue: number,
  ) {}

  get active(): number {
    return this.running;
  }

  get waiting(): number {
    return this.waitingCount;
  }

  /**
   * Waits for a place.
   *
   * @returns gives the place back; calling it again does nothing
   * @throws ApiError 429 when too many wait; the signal's reason when aborted
   */
  async enter(key: string, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.running < this.concurrency) {
      this.running += 1;
    } else {
      if (this.waitingCount >= this.longestQueue) {
        throw new ApiError(429, {
          type: 'rate_limit_error',
          code: 'queue_full',
          message: 'Too many requests wait already; try again in a moment.',
          retryAfterSeconds: 1,
        });
      }
      await this.wait(key, signal);
    }
    let left = false;
    return () => {
      if (left) return;
      left = true;
      if (!this.handOver()) this.running -= 1;
    };
  }

  private wait(key: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.remove(key, waiting);
        reject(signal.reason);
      };
      const waiting: Waiting = {
        enter: () => {
          signal.removeEventListener('abort', leave);
          this.remove(key, waiting);
          resolve();
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      const queue = this.queues.get(key) ?? new Set();
      this.queues.set(key, queue.add(waiting));
      this.waitingCount += 1;
    });
  }

  /** Gives a place that has become free to who waits. */
  private handOver(): boolean {
    const first = this.queues.entries().next();
    if (first.done) return false;
    const [key, queue] = first.value;
    // to the end: the next place is another key's
    this.queues.delete(key);
    this.queues.set(key, queue);
    for (const waiting of queue) {
      waiting.enter();
      return true;
    }
    return false;
  }

  private remove(key: string, waiting: Waiting): void {
    const queue = this.queues.get(key);
    if (!queue?.delete(waiting)) return;
    this.waitingCount -= 1;
    if (queue.size === 0) this.queues.delete(key);
  }
}
