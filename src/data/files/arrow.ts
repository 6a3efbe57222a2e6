/** Rows of Arrow files, in the format of streams (which `datasets` writes) or of files, one record batch at a time. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { withinTime } from '../../tokenizer/time-limit.js';
import type { FileRow } from './json.js';
import { plainValue, type Unwrap } from './table-values.js';
import { damagedTable } from './text-bytes.js';

/** @throws DataError for a file that is damaged, or of types that cannot be read */
export async function* arrowRows(path: string, name: string): AsyncGenerator<FileRow> {
  const { MapRow, RecordBatchReader, StructRow, Vector } = await import('apache-arrow');
  let most = 0;
  const requireLength = (length: number) => {
    // each value takes a bit at least: a damaged length would take all memory
    if (length > most) throw new Error(`${length} values in ${most / 8} bytes`);
  };
  const unwrap: Unwrap = (value) => {
    if (value instanceof Vector) {
      requireLength(value.length);
      return { list: [...value] };
    }
    if (value instanceof StructRow || value instanceof MapRow) {
      return { fields: value as Iterable<[string, unknown]> };
    }
    return undefined;
  };
  let at = 0;
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    most = 8 * fstatSync(file).size;
    const reader = RecordBatchReader.from(pieces(file));
    withinTime(PATIENCE, () => reader.open());
    for (;;) {
      const { done, value: batch } = withinTime(PATIENCE, () => reader.next());
      if (done) break;
      requireLength(batch.numRows);
      const columns = batch.schema.fields.map((field, i) => [field.name, batch.getChildAt(i)!] as const);
      for (let row = 0; row < batch.numRows; row++) {
        at++;
        const cells = columns.map(([column, cells]) => [column, plainValue(cells.get(row), unwrap)]);
        yield { where: `${name}#${at}`, value: Object.fromEntries(cells) };
      }
    }
  } catch (cause) {
    throw damagedTable(name, 'Arrow', at, cause);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Milliseconds for the head of a batch, which take microseconds: damaged ones may lead the reader in circles. */
const PATIENCE = 5000;

function* pieces(file: number): Generator<Uint8Array> {
  for (;;) {
    const piece = new Uint8Array(1 << 16);
    const length = readSync(file, piece);
    if (length === 0) return;
    yield piece.subarray(0, length);
  }
}
