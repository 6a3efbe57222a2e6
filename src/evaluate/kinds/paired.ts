/** Records of the output folders of two models, paired by name. */
import { join } from 'node:path';
import { compare } from '../compare.js';
import type { Contrast } from '../contrast.js';
import { GroupStore } from '../store.js';

/** What is compared: of what, which measure, in which unit. */
export type Compared = Pick<Contrast, 'of' | 'measure' | 'unit'>;

/**
 * B − A over the rows that both have.
 *
 * @param a rows of each run of the model: one, or one for each seed that it was trained with
 * @param observations name and observations of a row; those of one name belong together, and pair with the other's
 */
export function paired<Row>(
  compared: Compared,
  a: readonly (readonly Row[])[],
  b: readonly (readonly Row[])[],
  observations: (row: Row) => readonly [name: string, values: readonly number[]],
): Contrast {
  const measurement = (runs: readonly (readonly Row[])[]) => {
    const found = new Map<string, Map<number, readonly number[]>>();
    for (const [run, rows] of runs.entries()) {
      for (const row of rows) {
        const [name, values] = observations(row);
        const own = found.get(name) ?? new Map<number, readonly number[]>();
        found.set(name, own.set(run, [...(own.get(run) ?? []), ...values]));
      }
    }
    return found;
  };
  const range = compared.unit === 'share' ? { range: [0, 1] as const } : {};
  return { ...compared, difference: compare(measurement(b), measurement(a), range) };
}

/** What a row is known by, wherever its file lies: `rows.jsonl:3` of `data/rows.jsonl:3`. */
export const withoutFolder = (id: string): string =>
  id.slice(Math.max(id.lastIndexOf('/'), id.lastIndexOf('\\')) + 1);

/** All records that a file of each output folder has. */
export function recordsOf<Row>(folders: readonly string[], file: string): Row[][] {
  return folders.map((folder) => new GroupStore<Row>(join(folder, file)).all());
}
