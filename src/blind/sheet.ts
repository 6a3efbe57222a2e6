/**
 * A blind sheet as files: the rows for a spreadsheet and as JSONL, and what the rater is told. The key lies elsewhere,
 * so that the folder can be handed on as it is.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { stringify } from 'csv-stringify/sync';
import { ConfigError } from '../errors.js';
import { makeFolder, writeFileAtomic, writeFolderAtomic } from '../files/files.js';
import type { StoredAnswer } from './answers.js';
import { type Choice, chooseRows, type SheetRow } from './choose.js';
import { instructions } from './instructions.js';
import { keyOf, keyText } from './key.js';

/** The columns of a sheet, in their order. */
const COLUMNS = ['id', 'question', 'answer', 'alignment', 'coherence', 'note'] as const;

/** What stands between the cells of a CSV file: spreadsheets with a decimal comma expect semicolons. */
export const DELIMITERS = { comma: ',', semicolon: ';' } as const;
export type Delimiter = keyof typeof DELIMITERS;

/** A sheet that is made. */
export interface SheetOptions extends Choice {
  /** Folder of the sheet. */
  readonly output: string;
  /** File of the key; not in the folder. */
  readonly key: string;
  readonly delimiter: Delimiter;
  /** Replace a sheet that is there, filled in or not. */
  readonly overwrite: boolean;
}

/**
 * Writes `sheet.csv`, `sheet.jsonl` and `instructions.txt` into the folder, and the key. The same answers and options
 * give the same bytes.
 *
 * @returns the rows, in the sheet's order
 * @throws ConfigError where another sheet is there, or the key would lie in the sheet's folder; SaveError
 */
export function writeSheet(answers: readonly StoredAnswer[], options: SheetOptions): SheetRow[] {
  const { output, key, delimiter, overwrite, duplicates } = options;
  if (isWithin(output, key)) {
    throw new ConfigError({
      where: '--key',
      what: 'the key would lie beside the sheet, where the rater finds it',
      next: 'choose another folder for it',
    });
  }
  const rows = chooseRows(answers, options);
  const files = [
    ['sheet.csv', sheetCsv(rows, DELIMITERS[delimiter])],
    ['sheet.jsonl', sheetJsonl(rows)],
    ['instructions.txt', instructions(rows.length, duplicates > 0)],
  ] as const;
  const keyFile = keyText(keyOf(rows, [...new Set(answers.map(({ run }) => run))], key));
  if (!overwrite) {
    for (const [name, text] of files) refuseOther(join(output, name), text);
    refuseOther(key, keyFile);
  }
  makeFolder(dirname(key));
  writeFileAtomic(key, keyFile);
  writeFolderAtomic(output, files);
  return rows;
}

function isWithin(folder: string, path: string): boolean {
  const way = relative(resolve(folder), resolve(path));
  // absolute: on another drive
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** What is there already may be filled in. @throws ConfigError unless it is what would be written */
function refuseOther(path: string, text: string): void {
  if (!existsSync(path) || readFileSync(path, 'utf8') === text) return;
  throw new ConfigError({
    where: path,
    what: 'another sheet or key is there, which may be filled in',
    next: 'choose another --output, or replace it with --overwrite',
  });
}

/** What models wrote must not become a formula: the cell gets an apostrophe then. */
function sheetCsv(rows: readonly SheetRow[], delimiter: string): string {
  return stringify(rows.map(cells), {
    header: true,
    columns: [...COLUMNS],
    delimiter,
    // Excel takes a file without the mark for another encoding
    bom: true,
    quoted_string: true,
    quoted_empty: false,
    escape_formulas: true,
  });
}

const sheetJsonl = (rows: readonly SheetRow[]) =>
  rows
    .map((row) => `${JSON.stringify({ ...cells(row), alignment: null, coherence: null, note: '' })}\n`)
    .join('');

const cells = ({ id, answer }: SheetRow) => ({ id, question: answer.prompt, answer: answer.answer });
