/**
 * Ctrl-C (SIGINT) and SIGTERM as an AbortSignal: the first asks the work to stop at a
 * safe point, the second ends the process at once.
 */

/** Exit code of a process that was interrupted: 128 + SIGINT. */
const INTERRUPTED = 130;

/**
 * Runs work that can be interrupted.
 *
 * Sets the exit code to 130 when it was.
 *
 * @param notice told once, at the first interruption
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
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    return await work(controller.signal);
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
    if (controller.signal.aborted) process.exitCode = INTERRUPTED;
  }
}
