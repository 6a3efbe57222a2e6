/** Results of two models side by side, whatever was measured: paired differences. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../../errors.js';
import type { Contrast } from '../contrast.js';
import { kinds } from '../kinds/kinds.js';
import { kindOf } from './folders.js';
import { SUITE_FILE } from './suite.js';

type Compare = (a: string, b: string) => Contrast[];

/** B − A. @throws DataError when one holds no results, they are of two kinds, or have nothing in common */
export function contrastFolders(a: string, b: string): Contrast[] {
  const contrasts = contrastsOf(a, b);
  if (contrasts.length > 0) return contrasts;
  throw new DataError({
    where: `${a} and ${b}`,
    what: 'nothing is judged yet',
    next: 'let one judge rate both with --rescore',
  });
}

function contrastsOf(a: string, b: string): Contrast[] {
  const [ofA, ofB] = [a, b].map(comparison);
  if (ofA.name !== ofB.name) {
    throw new DataError({
      where: `${a} and ${b}`,
      what: `results of two kinds (${ofA.name} and ${ofB.name})`,
      next: 'compare results of the same command',
    });
  }
  return ofA.compare(a, b);
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

function compareSuites(a: string, b: string): Contrast[] {
  const shared = kinds.filter(({ name }) => [a, b].every((folder) => existsSync(join(folder, name))));
  return shared.flatMap(({ name }) =>
    contrastsOf(join(a, name), join(b, name)).map(({ of, ...rest }) => ({
      of: of === '' ? name : `${name}: ${of}`,
      ...rest,
    })),
  );
}
