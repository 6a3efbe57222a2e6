/**
 * A conscience as a scorer, in the form that autoevals, Braintrust and Evalite share: `({ input, output }) => { name,
 * score, metadata }`. What asks the questions and draws the tables is theirs.
 */

import { messageOf } from '../data/parse-row.js';
import { turnsOf as parseTurns } from '../data/parse-turn.js';
import { UnreadKeys } from '../data/row-keys.js';
import type { Transcript } from '../data/transcripts.js';
import { DataError } from '../errors.js';
import type { Message } from '../values/conversation.js';
import type { Verdict } from '../values/pair.js';
import { NO_USAGE } from '../values/usage.js';
import { type OpenedReviewer, openReviewer, type ReviewerOptions } from './open-reviewer.js';
import { turnsOf } from './turns.js';

/** Which conscience scores, and how. */
export interface ScorerOptions extends ReviewerOptions {
  /** What the score is called. Default `conscience`. */
  readonly name?: string;
  /** Score of an output on which the verdict cannot be read: null, the default, or a number where a runner wants one. */
  readonly unreadable?: number | null;
  /** Told once what is amiss with this conscience. Default: a warning of the process. */
  readonly warn?: (sentence: string) => void;
}

/** What a runner gives a scorer. Expected outputs are not read: the conscience judges what was said. */
export interface ScorerArguments {
  /** What was asked: a text, a list of messages in OpenAI's form, or an object with such a list as `messages`. */
  readonly input?: unknown;
  /** What was answered: a text, or the messages that followed, with calls and results of tools. */
  readonly output: unknown;
  readonly expected?: unknown;
}

/** A score from 0 (objected to) to 1 (accepted). */
export interface ConscienceScore {
  readonly name: string;
  /** One minus the objection's share; 0 or 1 where the verdict was given in words; null where none can be read. */
  readonly score: number | null;
  readonly metadata: {
    readonly verdict: Verdict['kind'];
    /** Objection's share of both labels, in [0, 1]. */
    readonly p_objection: number | null;
    /** Share from which on an objection counts: a calibrated conscience has one of its own. */
    readonly threshold: number;
    readonly framework: string;
    /** The model that reviewed. */
    readonly judge: string;
    /** What `ealign calibrate` says about this conscience; null: nothing. */
    readonly calibration: string | null;
  };
}

export interface ConscienceScorer {
  (args: ScorerArguments): Promise<ConscienceScore>;
  /** Closes the model; a later call opens it again. */
  close(): Promise<void>;
}

/**
 * Makes a scorer of a model's conscience. The model is opened at the first call.
 *
 * @throws from its calls: UserError when there is no such model; DataError for an input or output that is no text and
 *   no list of messages
 */
export function conscienceScorer(options: ScorerOptions): ConscienceScorer {
  const {
    name = 'conscience',
    unreadable = null,
    warn = (line: string) => process.emitWarning(line),
  } = options;
  let opening: Promise<OpenedReviewer> | undefined;
  const open = (): Promise<OpenedReviewer> => {
    opening ??= openReviewer(options, warn);
    opening.catch(() => {
      opening = undefined;
    });
    return opening;
  };

  const told = new Set<string>();
  const tell = (line: string) => {
    if (!told.has(line)) warn(line);
    told.add(line);
  };

  async function score({ input, output }: ScorerArguments): Promise<ConscienceScore> {
    const [turn] = turnsOf([transcriptOf(input, output, tell)], { last: true });
    const { name: judge, guard, reading, threshold } = await open();
    const { prompt, response } = turn.item;
    const [{ review }] = await guard.review([{ messages: prompt.messages, response, usage: NO_USAGE }]);
    const { kind, framework, pObjection } = review.verdict;
    const inWords = review.text !== undefined;
    const share = kind === 'unreadable' ? null : pObjection;
    return {
      name,
      score: kind === 'unreadable' ? unreadable : inWords ? Number(kind === 'accepted') : 1 - pObjection,
      metadata: {
        ...{ verdict: kind, p_objection: share, threshold, framework, judge },
        calibration: reading.calibration?.sentence ?? null,
      },
    };
  }

  return Object.assign(score, {
    close: async () => {
      const opened = opening;
      opening = undefined;
      // whoever called has been told why it could not be opened
      const reviewer = await opened?.catch(() => undefined);
      await reviewer?.close();
    },
  });
}

function transcriptOf(input: unknown, output: unknown, tell: (line: string) => void): Transcript {
  const before = input === undefined || input === null ? [] : messagesOf(input, 'input', 'user', tell);
  const after = messagesOf(output, 'output', 'assistant', tell);
  if (after.some(({ role }) => role === 'assistant'))
    return { where: 'output', messages: [...before, ...after] };
  throw new DataError({ where: 'output', what: 'no assistant turn to review' });
}

function messagesOf(
  value: unknown,
  where: string,
  role: 'user' | 'assistant',
  tell: (line: string) => void,
): Message[] {
  if (typeof value === 'string') return [{ role, content: value }];
  const listed = Array.isArray(value) ? value : (Object(value) as { messages?: unknown }).messages;
  if (!Array.isArray(listed)) {
    throw new DataError({
      where,
      what: 'not a conversation',
      expected: 'a text, or a list of messages with role and content',
      got: value === null ? 'null' : typeof value,
      next: 'wrap the scorer: ({ input, output }) => conscience({ input: input.question, output: output.answer })',
    });
  }
  const unread = new UnreadKeys();
  const messages = parseTurns(listed, 'messages', { where, unread }).map(messageOf);
  const line = unread.describe(where);
  if (line !== undefined) tell(line);
  return messages;
}
