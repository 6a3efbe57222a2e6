/** Rows that are scored some at a time, and stored as they are scored, so that a killed measurement resumes. */
import type { Progress } from '../../metrics/progress.js';
import type { GroupStore } from '../store.js';

/** How rows are scored. */
interface Scoring<Row, Scored> {
  /** A chunk's group in it is named by the number of the chunk's first row. */
  readonly store: GroupStore<Scored>;
  /** Rows that are scored, and stored, together. */
  readonly chunk: number;
  /** What rows are called in the progress. */
  readonly label: string;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
  score(rows: readonly Row[]): Promise<readonly Scored[]>;
}

/** Scores what is not in the store yet. @returns false when the signal stopped it */
export async function scoreInChunks<Row, Scored>(
  rows: readonly Row[],
  { store, chunk, label, progress, signal, score }: Scoring<Row, Scored>,
): Promise<boolean> {
  progress.start(rows.length, label);
  for (let first = 0; first < rows.length; first += chunk) {
    if (signal?.aborted) return false;
    const some = rows.slice(first, first + chunk);
    if (store.get(String(first)) === undefined) store.add(String(first), await score(some));
    progress.update({ step: first + some.length });
  }
  return true;
}
