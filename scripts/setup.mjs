/**
 * Makes a fresh clone runnable: installs what the lock file names and compiles the
 * TypeScript, each only when it is missing or older than its sources. Plain JavaScript,
 * because it runs before anything is installed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modified = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0);

function newest(folder) {
  let latest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    latest = Math.max(latest, entry.isDirectory() ? newest(path) : modified(path));
  }
  return latest;
}

function run(what, command, args) {
  process.stderr.write(`${what} …\n`);
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (status === 0) return;
  process.stderr.write(
    `${what} failed${error ? `: ${error.message}` : ''}. Run \`${command} ${args.join(' ')}\` to see why.\n`,
  );
  process.exit(1);
}

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`Node ${process.versions.node} is too old; expected 20.19 or newer.\n`);
  process.exit(1);
}
const modules = join(root, 'node_modules');
const isLink = lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
// `npm ci` would empty the folder that a link leads to, for all who share it: whoever made the link keeps it up to date
if (!isLink && modified(join(modules, '.package-lock.json')) < modified(join(root, 'package-lock.json'))) {
  run('Installing dependencies', process.platform === 'win32' ? 'npm.cmd' : 'npm', [
    'ci',
    '--no-audit',
    '--no-fund',
  ]);
}
const built = modified(join(root, 'dist/.tsbuildinfo'));
if (built < Math.max(newest(join(root, 'src')), modified(join(root, 'tsconfig.json')))) {
  run('Compiling', process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', root]);
}
