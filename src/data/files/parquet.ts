/** Rows of Parquet files, one row group in memory at a time. */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { readExactly } from '../../files/read-exactly.js';
import type { FileRow } from './json.js';
import { plainValue } from './table-values.js';
import { damagedTable } from './text-bytes.js';

/** @throws DataError for a file that is damaged, encrypted or packed in a way that cannot be read */
export async function* parquetRows(path: string, name: string): AsyncGenerator<FileRow> {
  const { parquetMetadataAsync, parquetReadObjects } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  let at = 0;
  let file: OpenFile | undefined;
  try {
    file = new OpenFile(path);
    const metadata = await parquetMetadataAsync(file);
    for (const group of metadata.row_groups) {
      const end = at + Number(group.num_rows);
      const rows = await parquetReadObjects({ file, metadata, compressors, rowStart: at, rowEnd: end });
      for (const row of rows) {
        at++;
        const cells = Object.entries(row).map(([column, cell]) => [column, plainValue(cell)]);
        yield { where: `${name}#${at}`, value: Object.fromEntries(cells) };
      }
      if (at !== end) throw new Error(`${rows.length} rows in a group of ${group.num_rows}`);
    }
  } catch (cause) {
    throw damagedTable(name, 'Parquet', at, cause);
  } finally {
    file?.close();
  }
}

/** Reads at once when it is asked: nothing is under way when a damaged page ends the reading. */
class OpenFile {
  readonly byteLength: number;
  private readonly fd: number;

  constructor(path: string) {
    this.fd = openSync(path, 'r');
    this.byteLength = fstatSync(this.fd).size;
  }

  slice(start: number, end = this.byteLength): ArrayBuffer {
    const bytes = new Uint8Array(Math.max(0, Math.min(end, this.byteLength) - start));
    readExactly(this.fd, bytes, start);
    return bytes.buffer;
  }

  close(): void {
    closeSync(this.fd);
  }
}
