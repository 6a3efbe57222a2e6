/**
 * A controller that aborts with its parents and forgets them when released.
 *
 * `AbortSignal.any` would do, but keeps its dependents as long as a parent lives, and here
 * one parent sees a hundred thousand requests.
 */
import { setMaxListeners } from 'node:events';

export interface Linked {
  readonly signal: AbortSignal;
  abort(reason: unknown): void;
  release(): void;
}

export function linked(...parents: (AbortSignal | undefined)[]): Linked {
  const controller = new AbortController();
  const follow = ({ target }: Event) => controller.abort((target as AbortSignal).reason);
  for (const parent of parents) {
    if (parent === undefined) continue;
    // As many listen as requests are in flight; Node would warn of a leak from the eleventh on.
    setMaxListeners(0, parent);
    if (parent.aborted) controller.abort(parent.reason);
    else parent.addEventListener('abort', follow, { once: true });
  }
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    release: () => {
      for (const parent of parents) parent?.removeEventListener('abort', follow);
    },
  };
}

/**
 * Runs `work` for all items; the first failure aborts the rest and is thrown when all have ended.
 *
 * @returns results in the order of the items
 */
export async function together<T, R>(
  items: readonly T[],
  work: (item: T, index: number, signal: AbortSignal) => Promise<R>,
  parent?: AbortSignal,
): Promise<R[]> {
  const { signal, abort, release } = linked(parent);
  const running = items.map(async (item, index) => {
    try {
      return await work(item, index, signal);
    } catch (error) {
      abort(error);
      throw error;
    }
  });
  try {
    return await Promise.all(running);
  } finally {
    await Promise.allSettled(running);
    release();
  }
}
