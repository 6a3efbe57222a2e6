/**
 * Before `npm pack` and `npm publish`: makes the package complete, in a fresh clone as in an old one.
 *
 * 1. Installs and compiles what is missing, and removes from `dist/` what has no source any more.
 * 2. Writes the commit that the package is made from to `dist/commit.txt`; with ` + changes` where files differ
 *    from it. Without git there is no such file, and results name the version.
 * 3. Takes the install script out of onnxruntime-node, which the package carries with it
 *    (`bundleDependencies`). That script downloads CUDA libraries, which nothing here uses, from NuGet, and
 *    where NuGet is out of reach the whole installation fails. Its own binaries are all in its package.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const filesIn = (folder) =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1))
    : [];

const [src, dist] = [join(root, 'src'), join(root, 'dist')];
const sources = filesIn(src).map((file) => file.replace(/\.tsx?$/, ''));
const isWhole = sources.every(
  (file) => existsSync(join(dist, `${file}.js`)) && existsSync(join(dist, `${file}.d.ts`)),
);
if (!isWhole) rmSync(join(dist, '.tsbuildinfo'), { force: true });
await import('./setup.mjs');
const known = new Set(sources);
for (const file of filesIn(dist)) {
  if (!known.has(file.replace(/\.(js|js\.map|d\.ts)$/, '')) && file !== '.tsbuildinfo')
    rmSync(join(dist, file));
}

if (existsSync(join(root, '.git'))) {
  const git = (...args) => execFileSync('git', ['-C', root, ...args], { encoding: 'utf8' }).trim();
  const changes = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ' + changes';
  writeFileSync(join(dist, 'commit.txt'), `${git('rev-parse', '--short', 'HEAD')}${changes}\n`);
}

const manifest = join(root, 'node_modules/onnxruntime-node/package.json');
const { scripts: _, dependencies, ...kept } = JSON.parse(readFileSync(manifest, 'utf8'));
const { 'onnxruntime-common': common } = dependencies;
// the other dependencies are the script's
writeFileSync(
  `${manifest}.new`,
  `${JSON.stringify({ ...kept, dependencies: { 'onnxruntime-common': common } }, null, 2)}\n`,
);
renameSync(`${manifest}.new`, manifest);
