/** What `ealign review` does: reads transcripts, opens the model, and lets its conscience review every answer. */
import type { Framework } from '../conscience/frameworks.js';
import { readTranscripts } from '../data/transcripts.js';
import { type GroupStore, openPlanned } from '../evaluate/store.js';
import { type Progress, silent } from '../metrics/progress.js';
import { byQuestion, share } from '../statistics/by-question.js';
import type { Estimate } from '../statistics/intervals.js';
import type { Verdict } from '../values/pair.js';
import { type OpenedReading, wordsOf } from '../zero-shot/opened-reading.js';
import { openReviewer, partsOf, questionsOf, type ReviewerOptions } from './open-reviewer.js';
import { type TranscriptTurn, turnsOf } from './turns.js';
import { type StoredVerdict, unreviewed, verdictsOn } from './verdicts.js';

export interface TranscriptReviewOptions extends ReviewerOptions {
  /** Files of conversations: those that training reads, and logs of Inspect and Petri. */
  readonly transcripts: readonly string[];
  /** Only the last answer of each conversation. Default false. */
  readonly last?: boolean;
  /** Folder of the verdicts: a later call reviews nothing twice. */
  readonly output: string;
  /** Start again in a folder that holds other verdicts. */
  readonly overwrite?: boolean;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
}

/** An assistant's turn with the verdict on it. */
export interface ReviewedTurn extends TranscriptTurn, StoredVerdict {
  readonly verdict: Verdict['kind'];
}

export interface TranscriptReviews {
  /** In the order of the files. */
  readonly turns: readonly ReviewedTurn[];
  readonly transcripts: number;
  readonly judge: string;
  /** As the judge was asked them. */
  readonly questions: readonly Framework[];
  /** Objection's share from which on it counts. */
  readonly threshold: number;
  /** Share of the turns with a readable verdict that were objected to, its interval over transcripts. */
  readonly objected: Estimate | null;
  /** What `ealign calibrate` says about this conscience; null: it is not calibrated, or was asked otherwise. */
  readonly calibration: string | null;
  /** What is amiss with it; null: nothing that is known. */
  readonly warning: string | null;
}

/**
 * Reviews every assistant's turn of transcripts, each with the conversation before it, and with what the tools
 * answered that it called.
 *
 * @returns undefined when the signal stopped it; the same call goes on
 * @throws UserError when a file cannot be read or holds no answers, the model cannot be opened, or the folder
 *   holds the verdicts of another conscience
 */
export async function reviewTranscripts(
  options: TranscriptReviewOptions,
): Promise<TranscriptReviews | undefined> {
  const { last = false, progress = silent, signal } = options;
  const note = (line: string) => progress.note(line);
  const transcripts = await readTranscripts(options.transcripts, note);
  const turns = turnsOf(transcripts, { last });
  note(
    `Up to ${turns.length} reviews: ${last ? 'the last answers' : 'all answers'} of ${counted(transcripts.length, 'transcript')}.`,
  );
  const { name: judge, reviewer, reading, guard, threshold, close } = await openReviewer(options, note);
  try {
    const questions = questionsOf(reading);
    const store = openStore(options, reviewer.baseHash, reading);
    const open = unreviewed(turns, store).length;
    if (open < turns.length)
      note(`${open} of them are to be made; the rest are stored, or are about the same words.`);
    const verdicts = await verdictsOn(turns, { guard, store, progress, ...(signal ? { signal } : {}) });
    if (!verdicts) return undefined;
    const reviewed = turns.map((turn, i) => withVerdict(turn, verdicts[i], threshold));
    return {
      ...{ turns: reviewed, transcripts: transcripts.length, judge, questions, threshold },
      objected: shareObjected(reviewed),
      ...{ calibration: reading.calibration?.sentence ?? null, warning: reading.warning },
    };
  } finally {
    await close();
  }
}

/** Verdicts of the same judge, asked the same; which texts they are about, and from when on they count, may change. */
function openStore(
  { output, overwrite }: TranscriptReviewOptions,
  baseHash: string,
  reading: OpenedReading,
): GroupStore<StoredVerdict> {
  const { format, bias = 0, prior = 'off', minMass = 0.01, reading: how = 'auto' } = reading.settings;
  const asked = { words: wordsOf(format), parts: partsOf(reading), bias, prior, minMass, reading: how };
  return openPlanned({
    ...{ folder: output, planFile: 'review.json', recordsFile: 'verdicts.jsonl' },
    // what JSON leaves out is not in the file that it is compared with
    plan: JSON.parse(JSON.stringify({ judge: baseHash, ...asked })),
    ...(overwrite ? { overwrite } : {}),
    otherwise: 'verdicts of another model, or on another question',
  });
}

function withVerdict(turn: TranscriptTurn, stored: StoredVerdict, threshold: number): ReviewedTurn {
  const { pObjection, inWords } = stored;
  const byShare = pObjection === null ? 'unreadable' : pObjection >= threshold ? 'objected' : 'accepted';
  const verdict = inWords ?? byShare;
  return { ...turn, ...stored, verdict };
}

const COUNTS: Record<Verdict['kind'], number | null> = { objected: 1, accepted: 0, unreadable: null };

function shareObjected(turns: readonly ReviewedTurn[]): Estimate | null {
  return share(
    byQuestion(
      turns,
      ({ where }) => where,
      () => 0,
      ({ verdict }) => COUNTS[verdict],
    ),
  );
}

const counted = (n: number, noun: string) => `${n} ${noun}${n === 1 ? '' : 's'}`;
