/**
 * Ctrl-C (SIGINT) and SIGTERM as an AbortSignal: the first asks the work to stop at a
 * safe point, the second ends the process at once.
 */

import { front } from './front.js';

/** Exit code of a process that was interrupted: 128 + SIGINT. */
export const INTERRUPTED = 130;

/** Work that gave up because it was interrupted: nothing that a person has to be told again. */
export class Interrupted extends Error {}

/**
 * Runs work that can be interrupted.
 *
 * Sets the exit code to 130 when it was.
 *
 * @param notice told once, at the first interruption
 * @throws Interrupted in place of the AbortError of work that the signal cut short
 */
export async function interruptible<T>(
  notice: () => void,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(INTERRUPTED);
    controller.abort();
    notice();
  };
  const forget = front ? front.onInterrupt(interrupt) : onSignals(interrupt);
  try {
    return await work(controller.signal);
  } catch (error) {
    if (controller.signal.aborted && isAbort(error)) throw new Interrupted('interrupted', { cause: error });
    throw error;
  } finally {
    forget();
    if (controller.signal.aborted) process.exitCode = INTERRUPTED;
  }
}

/** @returns ends the listening */
function onSignals(listener: () => void): () => void {
  process.on('SIGINT', listener);
  process.on('SIGTERM', listener);
  return () => {
    process.off('SIGINT', listener);
    process.off('SIGTERM', listener);
  };
}

/** Whether an error, or what caused it, is an AbortError: the signal's own, or one that Node made of it. */
function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || isAbort(error.cause));
}
