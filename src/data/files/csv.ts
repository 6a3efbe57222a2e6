/**
 * Rows of CSV and TSV files: RFC 4180, with the first row as the names of the columns.
 *
 * Quoted fields may hold line breaks. All values are text, and an empty field is the empty text. Streams.
 */
import { Readable } from 'node:stream';
import { TextDecoder } from 'node:util';
import { CsvError, parse } from 'csv-parse';
import { DataError } from '../../errors.js';
import type { FileRow } from './json.js';
import { type Bytes, unpackedName } from './text-bytes.js';

/**
 * @param name of the file, for places (`rows.csv:17`, the line where the row begins) and errors
 * @throws DataError for text that is not CSV, with the line
 */
export async function* csvRows(bytes: Bytes, name: string): AsyncGenerator<FileRow> {
  const text = decoded(bytes, name);
  const first = await text.next();
  if (first.done) return;
  const delimiter = delimiterOf(first.value, name);
  async function* whole() {
    yield first.value as string;
    yield* text;
  }
  const source = Readable.from(whole());
  const parser = parse({
    columns: (header: string[]) => namesOf(header, name),
    delimiter,
    info: true,
    skip_empty_lines: true,
  });
  source.on('error', (error) => parser.destroy(error));
  let [line, blank, twice] = [1, 0, 0];
  try {
    for await (const { record, info } of source.pipe(parser) as AsyncIterable<CsvRecord>) {
      const where = `${name}:${line + 1 + info.empty_lines - blank}`;
      // the parser counts up to the end of the record, and CR LF in a quoted field as two lines
      for (const field of Object.values(record)) twice += field.split('\r\n').length - 1;
      [line, blank] = [info.lines - twice, info.empty_lines];
      yield { where, value: record };
    }
  } catch (cause) {
    throw cause instanceof CsvError ? problemOf(cause, name, twice) : cause;
  } finally {
    source.destroy();
  }
}

interface CsvRecord {
  readonly record: Readonly<Record<string, string>>;
  readonly info: { readonly lines: number; readonly empty_lines: number };
}

async function* decoded(bytes: Bytes, name: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let line = 1;
  const decode = (piece: Uint8Array | undefined) => {
    try {
      return decoder.decode(piece, { stream: piece !== undefined });
    } catch (cause) {
      const where = `${name}:${line}`;
      const next = 'save the file as UTF-8';
      throw new DataError({ where, what: 'not UTF-8 text at or after this line', next }, { cause });
    }
  };
  for await (const piece of bytes) {
    const text = decode(piece);
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) line++;
    if (text !== '') yield text;
  }
  const rest = decode(undefined);
  if (rest !== '') yield rest;
}

/** A tab for `.tsv`; else what stands most often in the header: a comma, a semicolon or a tab. */
function delimiterOf(beginning: string, name: string): string {
  if (/\.(tsv|tab)$/i.test(unpackedName(name))) return '\t';
  const header = beginning
    .trimStart()
    .split('\n', 1)[0]
    .replace(/"[^"]*"/g, '');
  const count = (mark: string) => header.split(mark).length;
  return [',', ';', '\t'].reduce((best, mark) => (count(mark) > count(best) ? mark : best));
}

function namesOf(header: readonly string[], name: string): (string | false)[] {
  const twice = header.find((column, i) => column !== '' && header.indexOf(column) !== i);
  if (twice !== undefined) {
    const next = 'give each column its own name';
    throw new DataError({ where: `${name}:1`, what: `the column ${twice} is there twice`, next });
  }
  // a column without a name is a table's index, as pandas writes it
  return header.map((column) => (column === '' ? false : column));
}

function problemOf({ code, message, ...details }: CsvError, name: string, twice: number): DataError {
  const { lines, record, column } = details as { lines?: number; record?: unknown[]; column?: unknown };
  const where = lines === undefined ? name : `${name}:${lines - twice}`;
  if (code === 'CSV_RECORD_INCONSISTENT_COLUMNS') {
    const got = `${record?.length} fields`;
    const next = 'put fields that hold the delimiter or a line break in double quotes';
    return new DataError({ where, what: 'the row has not as many fields as the header', got, next });
  }
  if (code === 'CSV_QUOTE_NOT_CLOSED') {
    return new DataError({
      where,
      what: 'a quoted field does not end',
      next: 'close it with a double quote',
    });
  }
  const said = message.split('\n')[0];
  const field = column === undefined ? '' : ` in column ${String(column)}`;
  return new DataError({ where, what: `not valid CSV${field} (${said})` });
}
