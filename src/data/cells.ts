/**
 * Cells of tables as rows have them.
 *
 * A table gives each column one type: numbers stand where text is meant, lists of turns are text in JSON, and what is
 * true is a word or a number.
 */
import { DataError } from '../errors.js';
import type { Cells } from './files/read-file.js';
import type { Fields } from './row-keys.js';

/** Columns of text. */
const TEXTS = new Set([
  'prompt',
  'completion',
  'text',
  'chosen',
  'rejected',
  'system',
  'instruction',
  'input',
  'output',
]);
/** Columns that hold lists, and nothing else. */
const LISTS = new Set(['messages', 'conversations', 'conversation', 'history']);
/** Columns that hold text or lists of turns. */
const EITHER = new Set(['prompt', 'completion', 'chosen', 'rejected']);
/** Columns that hold structures beside the turns. */
const STRUCTURES = new Set(['chat_template_kwargs']);

/**
 * @param isLabel whether the rows are of KTO's form, where `label` is true or false, or 1 or 0
 * @throws DataError for a list that cannot be read, naming its column
 */
export function rowOfCells(fields: Fields, cells: Cells, isLabel: boolean, where: string): Fields {
  if (cells === 'json') return isLabel ? { ...fields, label: truth(fields.label, true) } : fields;
  return Object.fromEntries(
    Object.entries(fields).map(([column, value]) => [column, cellOf(column, value, isLabel, where)]),
  );
}

function cellOf(column: string, value: unknown, isLabel: boolean, where: string): unknown {
  if (column === 'label') return truth(value, isLabel);
  if (typeof value === 'number' && TEXTS.has(column)) return String(value);
  const isList = LISTS.has(column) || STRUCTURES.has(column);
  if (typeof value === 'string' && value.trim() !== '') {
    const looksSo = /^\s*\[\s*\{\s*["'](role|content|from|value)["']\s*:/.test(value);
    if (isList || (EITHER.has(column) && looksSo)) return listOf(value, column, where);
  }
  return value;
}

function truth(value: unknown, isLabel: boolean): unknown {
  if (typeof value === 'string' && /^(true|false)$/i.test(value)) return value.toLowerCase() === 'true';
  if (!isLabel) return value;
  const text = String(value);
  return text === '1' ? true : text === '0' ? false : value;
}

function listOf(text: string, column: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const isPython = /^\s*[[{]\s*\{?\s*'/.test(text);
    throw new DataError(
      {
        where,
        what: `${column} is text that is not JSON (${(cause as Error).message})`,
        expected: 'a list of turns',
        got: isPython ? 'the text of a Python list' : undefined,
        next: 'save lists in Parquet or JSONL, or as JSON text',
      },
      { cause },
    );
  }
}
