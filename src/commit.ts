/** Which code made a result. */
import { execFileSync } from 'node:child_process';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The commit of the checkout that this code runs from, where git can say. */
export function commit(): string | null {
  const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
  try {
    return execFileSync('git', ['-C', root, 'rev-parse', '--short', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return null;
  }
}
