/** Checks of a model's conscience, kept in this user's cache: each is made once. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { commit } from '../commit.js';
import type { ConscienceCheck } from '../conscience/check.js';
import { SaveError, UserError } from '../errors.js';
import { makeFolder, writeFileAtomic } from '../files/files.js';
import { readJson } from '../files/json-file.js';
import { calibrationFolder } from './calibration.js';

const CHECKS_FILE = 'checks.json';

/**
 * What a check found, from the cache where it was made before.
 *
 * @param hash  SHA-256 of the conscience's weights
 * @param asked all that decides what it finds, as plain JSON
 */
export async function checkedOnce(
  hash: string,
  asked: object,
  check: () => Promise<ConscienceCheck>,
): Promise<ConscienceCheck> {
  const folder = calibrationFolder(hash);
  const path = join(folder, CHECKS_FILE);
  const key = createHash('sha256')
    .update(JSON.stringify([commit(), asked]))
    .digest('hex');
  const before = checksIn(path);
  const known = before[key];
  if (known) return known;
  const found = await check();
  try {
    makeFolder(folder);
    writeFileAtomic(path, `${JSON.stringify({ ...before, [key]: found }, null, 2)}\n`);
  } catch (error) {
    // without a cache it is made again next time
    if (!(error instanceof SaveError)) throw error;
  }
  return found;
}

/** None where the file cannot be read: it is written anew. */
function checksIn(path: string): Record<string, ConscienceCheck> {
  try {
    return (readJson(path) ?? {}) as Record<string, ConscienceCheck>;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return {};
  }
}
