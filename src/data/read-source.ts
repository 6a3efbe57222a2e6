/** The values of a source, file by file, as they stand there. */
import { DataError } from '../errors.js';
import type { HubSettings } from '../hub/settings.js';
import type { FileRow } from './files/json.js';
import type { Problems } from './files/problems.js';
import { type Cells, readFile } from './files/read-file.js';
import { locate } from './locate.js';
import { type SourceLike, sourceOf } from './source.js';

/** Is told, once for a source, what of it is not read. */
export type Note = (line: string) => void;

/** A value, its place, and what its format says of its types. */
export interface SourceRow extends FileRow {
  readonly cells: Cells;
}

/**
 * @param problems takes rows that cannot be parsed, where reading can go on after them
 * @throws DataError when there is no such source, when a file of it cannot be read, or when it has no rows
 */
export async function* readSource(
  given: SourceLike,
  problems: Problems,
  note?: Note,
  settings?: HubSettings,
): AsyncGenerator<SourceRow> {
  const source = sourceOf(given);
  const { files, unread } = locate(source, settings);
  let count = 0;
  for (const file of files) {
    const { cells, rows } = await readFile(file, problems);
    for await (const { where, value } of rows) {
      count++;
      yield { where, value, cells };
    }
  }
  if (count === 0) {
    problems.throwIfAny();
    throw new DataError({ where: source.path, what: 'the dataset is empty', expected: 'rows' });
  }
  for (const line of unread) note?.(line);
}
