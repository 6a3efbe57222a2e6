/**
 * Transcripts: conversations that were had, to be read and not to be learnt from.
 *
 * Rows are those of training in chat form: `messages`, `prompt` and `completion`, or what other tools call them. Logs of
 * Inspect, and of Petri's audits, are read as they are.
 */
import { existsSync, statSync } from 'node:fs';
import { DataError } from '../errors.js';
import type { Message } from '../values/conversation.js';
import { type Note, readSources } from './dataset.js';
import { labelOf, withoutLabel } from './forms.js';
import { conversationsOf } from './inspect-conversations.js';
import { isInspectLog, readInspectLog } from './inspect-log.js';
import { messageOf, parseTrainingRow } from './parse-row.js';
import { turnsOf } from './parse-turn.js';
import type { Fields, UnreadKeys } from './row-keys.js';

export interface Transcript {
  /** `file.jsonl:17`; `file.json`, or `file.json#3` for the third of a list; `log.eval#id` for a sample of Inspect. */
  readonly where: string;
  /** At least one is the assistant's. */
  readonly messages: readonly Message[];
}

/** Places that are named where rows are left out. */
const NAMED = 5;

/**
 * The conversations of files, in order. Rows without an assistant's turn are left out, and named.
 *
 * @throws DataError naming the first bad rows and counting the rest; also where nothing is left
 */
export async function readTranscripts(paths: readonly string[], note?: Note): Promise<Transcript[]> {
  const rows: Transcript[] = [];
  for (const path of paths) rows.push(...(await transcriptsOf(path, note)));
  const unanswered = rows.filter(({ messages }) => !isAnswered(messages));
  if (unanswered.length === rows.length) {
    throw new DataError({ where: paths.join(', '), what: 'no assistant turn to review' });
  }
  if (unanswered.length > 0) {
    const named = unanswered.slice(0, NAMED).map(({ where }) => where);
    const more = unanswered.length - named.length;
    const places = `${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
    note?.(
      unanswered.length === 1
        ? `1 row has no assistant turn and is left out: ${places}.`
        : `${unanswered.length} rows have no assistant turn and are left out: ${places}.`,
    );
  }
  return rows.filter(({ messages }) => isAnswered(messages));
}

async function transcriptsOf(path: string, note?: Note): Promise<readonly Transcript[]> {
  if (existsSync(path) && statSync(path).isFile() && (await isInspectLog(path))) {
    return (await readInspectLog(path)).samples.flatMap(conversationsOf);
  }
  return (await readSources([path], parseTranscript, note)).flatMap(({ rows }) => rows);
}

const isAnswered = (messages: readonly Message[]) => messages.some(({ role }) => role === 'assistant');

function parseTranscript(given: unknown, where: string, unread: UnreadKeys): Transcript {
  const isLabelled = labelOf(given) !== undefined;
  const value = isLabelled ? withoutLabel(given as Fields) : given;
  const { messages: listed } = Object(value) as Fields;
  if (Array.isArray(listed)) {
    // a row that training refuses for what it lacks is no mistake in a log
    const turns = listed.length === 0 ? [] : turnsOf(listed, 'messages', { where, unread });
    if (!isAnswered(turns)) return { where, messages: turns };
  }
  const row = parseTrainingRow(value, where, unread);
  switch (row.kind) {
    case 'messages':
      return { where, messages: row.messages.map(messageOf) };
    case 'completion':
      return {
        where,
        messages: [
          { role: 'user', content: row.prompt },
          { role: 'assistant', content: row.completion },
        ],
      };
    case 'text':
      throw new DataError({
        where,
        what: 'a row of text is no conversation',
        expected: 'messages, or prompt and completion',
      });
  }
}
