/** Which code made a result. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The file in which `scripts/pack.mjs` names the commit that a package was made from. */
export const PACKED_COMMIT = join('dist', 'commit.txt');

/**
 * The commit of this package's code: of its own checkout, or the one that it was packed from. Where neither is known
 * it is the version, as `v0.1.0`. A repository around the package, such as that of a user who installed it, does not
 * count.
 *
 * @param root folder of the package
 */
export function commit(root: string = packageRoot): string {
  return (existsSync(join(root, '.git')) ? ofCheckout(root) : packed(root)) ?? `v${versionOf(root)}`;
}

const packageRoot = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** Undefined where git is not installed, or there is no commit yet. */
function ofCheckout(root: string): string | undefined {
  try {
    return execFileSync('git', ['-C', root, 'rev-parse', '--short', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}

function packed(root: string): string | undefined {
  const path = join(root, PACKED_COMMIT);
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined;
}

const versionOf = (root: string): string =>
  JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
