/** Rows of Arrow files, in the format of streams (which `datasets` writes) or of files, one record batch at a time. */
import { createReadStream, statSync } from 'node:fs';
import { DataError } from '../../errors.js';
import type { FileRow } from './json.js';
import { plainValue, type Unwrap } from './table-values.js';
import { unreadable } from './text-bytes.js';

/** @throws DataError for a file that is damaged, or of types that cannot be read */
export async function* arrowRows(path: string, name: string): AsyncGenerator<FileRow> {
  const { MapRow, RecordBatchReader, StructRow, Vector } = await import('apache-arrow');
  const most = 8 * (statSync(path, { throwIfNoEntry: false })?.size ?? 0);
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
  const file = createReadStream(path);
  try {
    const reader = await RecordBatchReader.from(file);
    await reader.open();
    for await (const batch of reader) {
      requireLength(batch.numRows);
      const columns = batch.schema.fields.map((field, i) => [field.name, batch.getChildAt(i)!] as const);
      for (let row = 0; row < batch.numRows; row++) {
        at++;
        const cells = columns.map(([column, cells]) => [column, plainValue(cells.get(row), unwrap)]);
        yield { where: `${name}#${at}`, value: Object.fromEntries(cells) };
      }
    }
  } catch (cause) {
    const known = unreadable(name, cause);
    if (known instanceof DataError) throw known;
    const after = at === 0 ? '' : ` after row ${at}`;
    throw new DataError(
      {
        where: name,
        what: `the Arrow file cannot be read${after} (${(cause as Error).message})`,
        next: 'the file may be incomplete: write or fetch it again',
      },
      { cause },
    );
  } finally {
    file.destroy();
  }
}
