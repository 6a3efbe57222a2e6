/** Output folders: of which kind they are. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Kind } from '../kinds/kind.js';
import { kinds } from '../kinds/kinds.js';
import { readPlanFile } from '../store.js';

/** The kind of an output folder; undefined where it holds no results of one. @throws DataError for a damaged plan */
export function kindOf(folder: string): Kind | undefined {
  return kinds.find(({ plan: { file, key } }) => {
    const path = join(folder, file);
    if (!existsSync(path)) return false;
    return key === undefined || Object.hasOwn(readPlanFile(path) as object, key);
  });
}
