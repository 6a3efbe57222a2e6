/** One file of rows, whatever its format: told by content, and CSV by its name. */
import { arrowRows } from './arrow.js';
import { csvRows } from './csv.js';
import { type FileRow, jsonRows } from './json.js';
import { parquetRows } from './parquet.js';
import type { Problems } from './problems.js';
import { begins, readHead, textBytes, unpackedName } from './text-bytes.js';

/** A file of rows. */
export interface DataFile {
  readonly path: string;
  /** What it is called in places and errors; default: its path. */
  readonly name?: string;
}

/**
 * What holds of a row because of its format. `json`: values have the types that they were written with;
 * `typed`: all rows have all columns, each of one type (Parquet, Arrow); `text`: the same, all text (CSV).
 */
export type Cells = 'json' | 'typed' | 'text';

/** The values of a file, and of which kind they are. */
export interface FileRows {
  readonly cells: Cells;
  readonly rows: AsyncIterable<FileRow>;
}

const bytesOf = (text: string) => [...Buffer.from(text)];
/** The length of a first message, -1 for a long one: how an Arrow stream begins, since version 0.15. */
const ARROW_STREAM = [0xff, 0xff, 0xff, 0xff];

/**
 * @param problems takes rows that cannot be parsed, where reading can go on after them
 * @throws DataError when there is no such file, or it cannot be read
 */
export async function readFile({ path, name = path }: DataFile, problems: Problems): Promise<FileRows> {
  const head = await readHead(path, 6, name);
  if (begins(head, bytesOf('PAR1'))) return { cells: 'typed', rows: parquetRows(path, name) };
  if (begins(head, ARROW_STREAM) || begins(head, bytesOf('ARROW1'))) {
    return { cells: 'typed', rows: arrowRows(path, name) };
  }
  const bytes = textBytes(path, name);
  if (/\.(csv|tsv|tab)$/i.test(unpackedName(name))) return { cells: 'text', rows: csvRows(bytes, name) };
  return { cells: 'json', rows: jsonRows(bytes, name, problems) };
}
