/**
 * Transcripts: conversations that were had, to be read and not to be learnt from.
 *
 * Rows are those of training in chat form: `messages`, or `prompt` and `completion`. A `.json` file holds one of
 * them or a list; every other file is JSONL, plain or gzip.
 */
import { readFileSync } from 'node:fs';
import { DataError } from '../errors.js';
import { decodeText, whyUnreadable } from '../files/text-file.js';
import type { Message } from '../values/conversation.js';
import { type Note, readRows } from './dataset.js';
import { type JsonLine, readJsonl } from './jsonl.js';
import { messageOf, parseTrainingRow } from './parse-row.js';
import { turnsOf } from './parse-turn.js';
import type { Problems } from './problems.js';
import type { Fields, UnreadKeys } from './row-keys.js';

export interface Transcript {
  /** `file.jsonl:17`; `file.json`, or `file.json#3` for the third of a list. */
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
  const rows = await readRows(paths, parseTranscript, note, valuesOf);
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

const isAnswered = (messages: readonly Message[]) => messages.some(({ role }) => role === 'assistant');

function parseTranscript(value: unknown, where: string, unread: UnreadKeys): Transcript {
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

async function* valuesOf(path: string, problems: Problems): AsyncGenerator<JsonLine> {
  if (/\.json$/i.test(path)) yield* jsonValues(path);
  else yield* readJsonl(path, problems);
}

/** The conversations of a file that is one JSON value. */
function* jsonValues(path: string): Generator<JsonLine> {
  const value = readWhole(path);
  if (!Array.isArray(value)) yield { where: path, value };
  else yield* value.map((one, i) => ({ where: `${path}#${i + 1}`, value: one }));
}

function readWhole(path: string): unknown {
  let text: string;
  try {
    text = decodeText(readFileSync(path), path);
  } catch (cause) {
    throw new DataError({ where: path, ...whyUnreadable(cause) }, { cause });
  }
  if (text.trim() === '') return [];
  try {
    return JSON.parse(text);
  } catch (cause) {
    const { message } = cause as Error;
    const next = 'a file with one JSON object a line is called .jsonl';
    throw new DataError({ where: placeOf(path, text, message), what: `not valid JSON (${message})`, next });
  }
}

/** Where the parser stopped, as far as it says: of a strange character it shows the surroundings instead. */
function placeOf(path: string, text: string, message: string): string {
  const [, position] = /at position (\d+)/.exec(message) ?? [];
  const ended = message.includes('end of JSON');
  if (position === undefined && !ended) return path;
  const before = ended ? text.trimEnd() : text.slice(0, Number(position));
  return `${path}:${before.split('\n').length}`;
}
