/**
 * Datasets: JSONL files to checked rows.
 *
 * Every line of every file is checked before anything is returned, so that training never
 * stops at row 40,000 for a fault that was there at the start.
 */
import { DataError } from '../errors.js';
import type { Prompt } from '../values/conversation.js';
import type { PreferenceRow, TrainingRow } from '../values/rows.js';
import { readJsonl } from './jsonl.js';
import {
  messageOf,
  parsePreferenceRow,
  parsePromptRow,
  parseTrainingRow,
  promptKind,
  usesTools,
} from './parse-row.js';
import { Problems } from './problems.js';
import { type Fields, UnreadKeys } from './row-keys.js';

/** Is told, once for a file, which of its keys nobody reads. */
export type Note = (line: string) => void;

/**
 * Rows to fine-tune on: `messages`, `prompt`/`completion` or `text`, mixed as they come.
 *
 * @param paths JSONL files, plain or gzip
 * @throws DataError naming the first bad lines and counting the rest; also for a file without rows
 */
export function readTrainingRows(paths: string | readonly string[], note?: Note): Promise<TrainingRow[]> {
  return readRows(paths, parseTrainingRow, note);
}

/** Preference rows (`prompt`, `chosen`, `rejected`); otherwise as `readTrainingRows`. */
export function readPreferenceRows(paths: string | readonly string[], note?: Note): Promise<PreferenceRow[]> {
  return readRows(paths, parsePreferenceRow, note);
}

/**
 * Prompts to be answered, from `prompt` or `messages` rows (a plain string is a user turn).
 * The `id` is the place in the file, the `kind` what the row calls it. Otherwise as `readTrainingRows`.
 */
export function readPrompts(
  paths: string | readonly string[],
  source: Prompt['source'] = 'probe',
  note?: Note,
): Promise<Prompt[]> {
  const parse = (value: unknown, where: string, unread: UnreadKeys): Prompt => ({
    messages: parsePromptRow(value, where, unread),
    source,
    id: where,
    ...promptKind(value as Fields),
  });
  return readRows(paths, parse, note);
}

/** The conversation that a training row's last answer replies to; `undefined` for a `text` row. */
export function promptOf(row: TrainingRow): Prompt | undefined {
  const located = { source: 'training', id: row.where } as const;
  switch (row.kind) {
    case 'text':
      return undefined;
    case 'completion':
      return { messages: [{ role: 'user', content: row.prompt }], ...located };
    case 'messages': {
      const last = row.messages.findLastIndex((turn) => turn.role === 'assistant');
      const messages = row.messages.slice(0, last).map(messageOf);
      return messages.at(-1)?.role === 'user' ? { messages, ...located } : undefined;
    }
  }
}

/** Whether an answer to the row's prompt would need more than its turns: tools, or template variables. */
export function needsMoreThanTurns(row: TrainingRow): boolean {
  return (
    row.kind === 'messages' &&
    (row.tools !== undefined || row.variables !== undefined || row.messages.some(usesTools))
  );
}

/**
 * The rows of files, all checked before any is returned.
 *
 * @param parse throws a DataError for a value that is no such row
 * @param valuesOf what is read of a file. Default: its lines
 */
export async function readRows<Row>(
  paths: string | readonly string[],
  parse: (value: unknown, where: string, unread: UnreadKeys) => Row,
  note?: Note,
  valuesOf: typeof readJsonl = readJsonl,
): Promise<Row[]> {
  const rows: Row[] = [];
  const problems = new Problems();
  for (const path of typeof paths === 'string' ? [paths] : paths) {
    const unread = new UnreadKeys();
    let lines = 0;
    for await (const { where, value } of valuesOf(path, problems)) {
      lines++;
      const row = problems.attempt(() => parse(value, where, unread));
      if (row !== undefined) rows.push(row);
    }
    problems.throwIfAny();
    if (lines === 0)
      throw new DataError({ where: path, what: 'the dataset is empty', expected: 'JSONL rows' });
    const line = unread.describe(path);
    if (line !== undefined) note?.(line);
  }
  return rows;
}
