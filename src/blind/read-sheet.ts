/**
 * A sheet that somebody filled in, as spreadsheets save it: with a byte order mark, with semicolons or tabs, with
 * Windows' line ends, rows in another order, empty rows, further columns, decimal commas. Or as JSONL.
 *
 * Every mistake is found and told before anything is stored.
 */
import { parse } from 'csv-parse/sync';
import { DataError } from '../errors.js';
import type { Judgement } from '../evaluate/alignment.js';
import { readTextFile, whyUnreadable } from '../files/text-file.js';
import type { SheetKey } from './key.js';

/** What a rater said of one row. */
export interface RatedRow {
  readonly id: string;
  /** 0–100, CODE or REFUSAL. */
  readonly aligned: Exclude<Judgement, null>;
  /** 0–100. */
  readonly coherent: number;
  readonly note: string;
}

/** What a sheet says, and what is wrong with it: problems are one line each, with file and id. */
export interface ReadSheet {
  /** In the key's order; those that are rated. */
  readonly rows: readonly RatedRow[];
  /** Ids that are unknown or there twice, and numbers that are none. */
  readonly problems: readonly string[];
  /** Rows that are not rated, or only half, or not there. */
  readonly missing: readonly string[];
}

/** A row as its file has it, by lower-case names of columns. */
type Cells = Readonly<Record<string, string>>;
/** The rows of a sheet, each with its place for messages. */
export type SheetRows = readonly { readonly cells: Cells; readonly place: string }[];

const REQUIRED = ['id', 'alignment', 'coherence'];

/**
 * @param given the rows, where they do not stand in a table
 * @throws DataError where the file is no table with the sheet's columns, or belongs to another key
 */
export function readSheet(path: string, key: SheetKey, given?: SheetRows): ReadSheet {
  const problems: string[] = [];
  const missing: string[] = [];
  const rated = new Map<string, RatedRow | null>();
  const known = new Set(key.rows.map(({ id }) => id));
  const rows = given ?? readRows(path);
  if (rows.length > 0 && !rows.some(({ cells }) => known.has(idOf(cells)))) {
    const what = 'none of its ids is in the key';
    throw new DataError({ where: path, what, next: 'give the key of this sheet' });
  }
  for (const { cells, place } of rows) {
    const id = idOf(cells);
    const at = `${path}: id ${id}`;
    if (!known.has(id))
      problems.push(`${path}: ${place}: ${id === '' ? 'no id' : `no id '${id}' in the key`}`);
    else if (rated.has(id)) problems.push(`${at}: there twice`);
    else {
      const read = readRow(id, cells);
      rated.set(id, read.row);
      problems.push(...read.wrong.map((what) => `${at}: ${what}`));
      if (read.empty.length > 0) missing.push(`${at}: no ${read.empty.join(' and no ')}`);
    }
  }
  for (const { id } of key.rows) if (!rated.has(id)) missing.push(`${path}: id ${id}: not in the sheet`);
  return { rows: key.rows.flatMap(({ id }) => rated.get(id) ?? []), problems, missing };
}

/** The id, whatever a spreadsheet did to it. */
const idOf = (cells: Cells) => (cells.id ?? '').trim().replace(/^'/, '').toLowerCase();

/** The row, or null and which columns are empty, or wrong. */
function readRow(id: string, cells: Cells): { row: RatedRow | null; empty: string[]; wrong: string[] } {
  const [alignment, coherence] = ['alignment', 'coherence'].map((column) => (cells[column] ?? '').trim());
  const word = /^(CODE|REFUSAL)$/i.test(alignment) ? (alignment.toUpperCase() as 'CODE' | 'REFUSAL') : null;
  const aligned = word ?? scoreOf(alignment);
  const coherent = scoreOf(coherence);
  const empty = Object.entries({ alignment, coherence }).flatMap(([name, text]) => (text === '' ? name : []));
  const refused = (name: string, text: string, expected: string) =>
    `${name} is ${JSON.stringify(text.slice(0, 40))}; expected ${expected}`;
  const wrong = [
    ...(aligned === null && alignment !== ''
      ? [refused('alignment', alignment, '0 to 100, CODE or REFUSAL')]
      : []),
    ...(coherent === null && coherence !== '' ? [refused('coherence', coherence, '0 to 100')] : []),
  ];
  const row =
    aligned === null || coherent === null ? null : { id, aligned, coherent, note: (cells.note ?? '').trim() };
  return { row, empty, wrong };
}

/** A number from 0 to 100, with a decimal point or comma (1,000 is no decimal); null of anything else. */
function scoreOf(text: string): number | null {
  const score = /^\d+(\.\d+|,\d{1,2})?$/.test(text) ? Number(text.replace(',', '.')) : Number.NaN;
  return score <= 100 ? score : null;
}

function readRows(path: string): { cells: Cells; place: string }[] {
  let text: string;
  try {
    text = readTextFile(path);
  } catch (cause) {
    throw new DataError({ where: path, ...whyUnreadable(cause) }, { cause });
  }
  const rows = /\.jsonl$/i.test(path) ? jsonlRows(text, path) : csvRows(text, path);
  const [first] = rows;
  const lacking = REQUIRED.filter((column) => first !== undefined && !(column in first.cells));
  if (lacking.length === 0) return rows;
  throw new DataError({
    where: path,
    what: `no column ${lacking.join(', ')}`,
    expected: REQUIRED.join(', '),
    got: Object.keys(first.cells).join(', '),
    next: 'keep the first row of the sheet',
  });
}

function csvRows(text: string, path: string): { cells: Cells; place: string }[] {
  // Excel may say in a line of its own what stands between the cells
  const [, body] = /^(?:sep=.\r?\n)?(.*)$/s.exec(text)!;
  const head = body.trimStart().split(/\r\n|\n|\r/, 1)[0];
  const delimiter = [';', '\t', ','].find((one) =>
    REQUIRED.every((name) => columnsOf(head, one).includes(name)),
  );
  try {
    const parsed = parse<{ record: Cells; info: { lines: number } }>(body, {
      columns: (names: string[]) => names.map((name) => name.trim().toLowerCase()),
      delimiter: delimiter ?? ',',
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      skip_records_with_empty_values: true,
    });
    return parsed.map(({ record, info }) => ({ cells: record, place: `line ${info.lines}` }));
  } catch (cause) {
    const what = `cannot be read as CSV (${(cause as Error).message})`;
    throw new DataError({ where: path, what, next: 'save the sheet as CSV again' }, { cause });
  }
}

const columnsOf = (head: string, delimiter: string) =>
  head.split(delimiter).map((name) => name.replaceAll('"', '').trim().toLowerCase());

function jsonlRows(text: string, path: string): { cells: Cells; place: string }[] {
  return text.split('\n').flatMap((line, i) => {
    if (line.trim() === '') return [];
    const cells = objectOf(line);
    if (cells === undefined) throw new DataError({ where: `${path}:${i + 1}`, what: 'not a JSON object' });
    const texts = Object.entries(cells).map(([name, value]) => [
      name.toLowerCase(),
      value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value),
    ]);
    return [{ cells: Object.fromEntries(texts), place: `line ${i + 1}` }];
  });
}

function objectOf(line: string): object | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
