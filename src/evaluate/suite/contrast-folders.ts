/** Results of two models side by side, whatever was measured: paired differences. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../../errors.js';
import type { Contrast } from '../contrast.js';
import { kinds } from '../kinds/kinds.js';
import { kindOf } from './folders.js';
import { SUITE_FILE } from './suite.js';

type Folders = readonly string[];
type Compare = (a: Folders, b: Folders) => Contrast[];

/** B − A, each a folder, or one for each seed of a model. @throws DataError when one holds no results, they are of two kinds, or have nothing in common */
export function contrastFolders(a: string | Folders, b: string | Folders): Contrast[] {
  const [ofA, ofB] = [a, b].map((some) => (typeof some === 'string' ? [some] : some));
  const contrasts = contrastsOf(ofA, ofB);
  if (contrasts.length > 0) return contrasts;
  throw new DataError({
    where: named(ofA, ofB),
    what: 'nothing is judged yet',
    next: 'let one judge rate both with --rescore',
  });
}

const named = (a: Folders, b: Folders) => [...a, ...b].join(' and ');

/** The same; none where nothing is judged. */
export function contrastsOf(a: Folders, b: Folders): Contrast[] {
  const [first, ...others] = [...a, ...b].map(comparison);
  const other = others.find(({ name }) => name !== first.name);
  if (other) {
    throw new DataError({
      where: named(a, b),
      what: `results of two kinds (${first.name} and ${other.name})`,
      next: 'compare results of the same command',
    });
  }
  return first.compare(a, b);
}

/** How a folder is compared, and what its kind is called: by the file that tells it. */
function comparison(folder: string): { name: string; compare: Compare } {
  if (existsSync(join(folder, SUITE_FILE))) return { name: SUITE_FILE, compare: compareSuites };
  const kind = kindOf(folder);
  if (kind === undefined) {
    throw new DataError({
      where: folder,
      what: 'no results',
      expected: 'an output folder of ealign eval, or of a command below it',
    });
  }
  const { file, key } = kind.plan;
  return { name: key === undefined ? file : `${file} of ${key}`, compare: kind.compare };
}

function compareSuites(a: Folders, b: Folders): Contrast[] {
  const shared = kinds.filter(({ name }) => [...a, ...b].every((folder) => existsSync(join(folder, name))));
  const within = (folders: Folders, name: string) => folders.map((folder) => join(folder, name));
  return shared.flatMap(({ name }) =>
    contrastsOf(within(a, name), within(b, name)).map(({ of, ...rest }) => ({
      of: of === '' ? name : `${name}: ${of}`,
      ...rest,
    })),
  );
}
