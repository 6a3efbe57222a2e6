/**
 * The thread that a person sees, from the thread that a command works in; cli/front.ts is the other side.
 *
 * A model's forward pass blocks its thread, for seconds where the model is large. Beside a thread that works, another
 * one redraws progress and hears Ctrl-C.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { CommandProgress } from './progress.js';

/** A stream of the process, as far as what is written depends on it. */
export interface Screen {
  readonly isTTY: boolean;
  readonly columns: number | undefined;
}

/** Streams that commands write to. */
type Stream = 'stdout' | 'stderr';

/** What the thread that works is given. */
export interface Backstage {
  readonly screens: Readonly<Record<Stream, Screen>>;
}

/** What it tells: that its work can be interrupted from now on, or no more; what it writes; and how it comes on. */
export type Told =
  | { readonly type: 'begin'; readonly json: boolean; readonly stopping: string }
  | { readonly type: 'end' }
  | { readonly type: 'write'; readonly stream: Stream; readonly chunk: string | Uint8Array }
  | { readonly type: 'progress'; readonly call: keyof CommandProgress; readonly given: readonly unknown[] };

/** Asks it to stop at a safe point. */
export const INTERRUPT = 'interrupt';

const given = (workerData as { backstage?: Backstage } | null)?.backstage;

/** The thread in front of this one; undefined where this one is it. */
export const front = given && {
  /**
   * Makes the streams of this thread look like those of the process. What is written takes the way that progress
   * takes: on a way of its own, as Node gives a thread's streams, an error could come before the note that it follows.
   */
  dress(): void {
    for (const name of ['stdout', 'stderr'] as const) {
      const stream = Object.assign(process[name], given.screens[name]);
      stream._write = (chunk: string | Uint8Array, _encoding, written) => {
        tell({ type: 'write', stream: name, chunk });
        written();
      };
      stream._writev = undefined;
    }
  },

  /** Begins work whose progress is drawn there. @param stopping is shown at the first Ctrl-C */
  begin(json: boolean, stopping: string): CommandProgress {
    tell({ type: 'begin', json, stopping });
    const passOn =
      (call: keyof CommandProgress) =>
      (...of: unknown[]) =>
        tell({ type: 'progress', call, given: of });
    const [start, update, phase, note, done] = (['start', 'update', 'phase', 'note', 'done'] as const).map(
      passOn,
    );
    return { start, update, phase, note, done, end: () => tell({ type: 'end' }) };
  },

  /** Listens for the first Ctrl-C. @returns ends that */
  onInterrupt(listener: () => void): () => void {
    const hear = (message: unknown) => {
      if (message === INTERRUPT) listener();
    };
    parentPort!.on('message', hear);
    return () => parentPort!.off('message', hear);
  },
};

const tell = (told: Told) => parentPort!.postMessage(told);
