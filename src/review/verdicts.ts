/** Verdicts on the turns of transcripts, kept in a folder so that no turn is reviewed twice. */
import type { Review, ReviewItem } from '../conscience/review.js';
import { type GroupStore, groupOf } from '../evaluate/store.js';
import type { Progress } from '../metrics/progress.js';
import { NO_USAGE } from '../values/usage.js';
import type { Guard } from '../zero-shot/guard.js';
import type { TranscriptTurn } from './turns.js';

/** A verdict without its threshold, which may be another one next time. */
export interface StoredVerdict {
  /** Objection's share; null where the verdict is unreadable. */
  readonly pObjection: number | null;
  /** The verdict where it was given in words: no threshold moves it. */
  readonly inWords?: 'accepted' | 'objected';
  /** Characters that the conscience was not shown; absent: it saw all. */
  readonly omitted?: number;
}

/** Turns that are reviewed together, and stored as soon as all of them are. */
const CHUNK = 8;

export interface Reviewing {
  readonly guard: Pick<Guard, 'review'>;
  readonly store: GroupStore<StoredVerdict>;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

/** Turns whose texts no stored verdict is about, each text once. */
export function unreviewed(
  turns: readonly TranscriptTurn[],
  store: GroupStore<StoredVerdict>,
): TranscriptTurn[] {
  const seen = new Set<string>();
  return turns.filter(({ item }) => {
    const key = keyOf(item);
    const isNew = store.get(key) === undefined && !seen.has(key);
    seen.add(key);
    return isNew;
  });
}

/** In the order of the turns. @returns undefined when the signal stopped it; the same call goes on */
export async function verdictsOn(
  turns: readonly TranscriptTurn[],
  { guard, store, progress, signal }: Reviewing,
): Promise<StoredVerdict[] | undefined> {
  const open = unreviewed(turns, store);
  progress.start(open.length, 'reviews');
  for (let first = 0; first < open.length; first += CHUNK) {
    if (signal?.aborted) return undefined;
    const some = open.slice(first, first + CHUNK);
    const drafts = some.map(({ item: { prompt, response } }) => ({
      ...{ messages: prompt.messages, response, usage: NO_USAGE },
    }));
    const reviewed = await guard.review(drafts);
    for (const [i, { review }] of reviewed.entries()) store.add(keyOf(some[i].item), [stored(review)]);
    progress.update({ step: first + some.length });
  }
  progress.done(`reviews: ${open.length}`);
  return turns.map(({ item }) => store.get(keyOf(item))![0]);
}

function stored({ verdict, omitted, text }: Review): StoredVerdict {
  return {
    pObjection: verdict.kind === 'unreadable' ? null : verdict.pObjection,
    ...(text !== undefined && verdict.kind !== 'unreadable' ? { inWords: verdict.kind } : {}),
    ...(omitted === undefined ? {} : { omitted }),
  };
}

/** The same texts have the same key, wherever they stand. */
function keyOf({ prompt, response }: ReviewItem): string {
  return groupOf([prompt.messages, response]);
}
