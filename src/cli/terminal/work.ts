/** Runs the long part of a command: with progress, and stopped well by Ctrl-C. */
import type { Progress } from '../../metrics/progress.js';
import { front } from './front.js';
import { interruptible } from './interrupt.js';
import { createProgress } from './progress.js';

/** What every long-running command hands to the code that does the work. */
export interface Work {
  progress: Progress;
  /** Aborted by the first Ctrl-C or SIGTERM: stop at a safe point and return. */
  signal: AbortSignal;
}

/**
 * @param json progress as JSON lines on stdout instead of text on stderr
 * @param stopping what to tell the user at the first Ctrl-C
 */
export async function work<T>(
  { json, stopping }: { json: boolean; stopping: string },
  body: (work: Work) => Promise<T>,
): Promise<T> {
  const progress = front ? front.begin(json, stopping) : createProgress({ json });
  try {
    return await interruptible(front ? () => {} : () => progress.note(stopping), (signal) =>
      body({ progress, signal }),
    );
  } finally {
    progress.end();
  }
}
