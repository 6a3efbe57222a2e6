/** Records of two output folders, paired by name. */
import { compare } from '../compare.js';
import type { Contrast } from '../contrast.js';
import { GroupStore } from '../store.js';

/** What is compared: of what, which measure, in which unit. */
export type Compared = Pick<Contrast, 'of' | 'measure' | 'unit'>;

/**
 * B − A over the rows that both have.
 *
 * @param observations name and observations of a row; those of one name belong together, and pair with the other's
 */
export function paired<Row>(
  compared: Compared,
  a: readonly Row[],
  b: readonly Row[],
  observations: (row: Row) => readonly [name: string, values: readonly number[]],
): Contrast {
  const measurement = (rows: readonly Row[]) => {
    const found = new Map<string, Map<number, readonly number[]>>();
    for (const row of rows) {
      const [name, values] = observations(row);
      found.set(name, new Map([[0, [...(found.get(name)?.get(0) ?? []), ...values]]]));
    }
    return found;
  };
  const range = compared.unit === 'share' ? { range: [0, 1] as const } : {};
  return { ...compared, difference: compare(measurement(b), measurement(a), range) };
}

/** All records that a file of an output folder has. */
export function recordsOf<Row>(path: string): Row[] {
  return new GroupStore<Row>(path).all();
}
