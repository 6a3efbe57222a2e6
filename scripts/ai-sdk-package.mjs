/**
 * Makes `@emergent-alignment/ai-sdk` in a folder, ready for `npm publish`: the middleware of the AI SDK
 * without the engine, so that nobody whose models are all remote installs a native library of 290 MB.
 *
 * It is a part of what `npm run build` has compiled: `dist/ai-sdk/index.js` and all that it imports
 * statically, file by file as they are. One file is another: `open-local.js`, which opens models that run
 * here, takes them from the package `emergent-alignment`, an optional peer.
 *
 *     node scripts/ai-sdk-package.mjs FOLDER
 */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [folder] = process.argv.slice(2);
if (folder === undefined) {
  process.stderr.write('expected a folder: node scripts/ai-sdk-package.mjs FOLDER\n');
  process.exit(1);
}
await import('./setup.mjs');

const dist = join(root, 'dist');
const replaced = join(dist, 'ai-sdk/open-local');
const peers = new Set(['ai', '@ai-sdk/provider']);
const files = new Set();

/** Collects a file and what it imports, of code (`.js`) and of types (`.d.ts`). @throws for a dependency */
function collect(path, ending) {
  const file = `${path}${ending}`;
  if (path === replaced || files.has(file)) return;
  files.add(file);
  for (const [, name] of readFileSync(file, 'utf8').matchAll(/\b(?:from|import)\s*\(?'([^']+)'/g)) {
    if (name.startsWith('.')) collect(resolve(dirname(file), name.replace(/\.js$/, '')), ending);
    else if (!name.startsWith('node:') && !peers.has(name)) {
      throw new Error(
        `${relative(dist, file)} imports ${name}: the middleware has no dependency but the AI SDK`,
      );
    }
  }
}
collect(join(dist, 'ai-sdk/index'), '.js');
collect(join(dist, 'ai-sdk/index'), '.d.ts');

rmSync(folder, { recursive: true, force: true });
for (const file of files) {
  const to = join(folder, 'dist', relative(dist, file));
  mkdirSync(dirname(to), { recursive: true });
  cpSync(file, to);
  if (file.endsWith('.js')) cpSync(`${file}.map`, `${to}.map`);
}
const local = join(folder, 'dist/ai-sdk/open-local');
writeFileSync(`${local}.js`, "export { formatOf, openModel } from 'emergent-alignment';\n");
writeFileSync(`${local}.d.ts`, "export { formatOf, type OpenModel, openModel } from 'emergent-alignment';\n");

const { version, license, type, engines, ...own } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
);
const ofPeers = (table) => Object.fromEntries(Object.entries(table).filter(([name]) => peers.has(name)));
const [peerDependencies, peerDependenciesMeta] = [own.peerDependencies, own.peerDependenciesMeta].map(
  ofPeers,
);
const entry = { types: './dist/ai-sdk/index.d.ts', default: './dist/ai-sdk/index.js' };
const manifest = {
  name: '@emergent-alignment/ai-sdk',
  version,
  description: 'A conscience for any model of the Vercel AI SDK, as middleware. No native dependency.',
  ...{ license, type, engines },
  exports: { '.': entry, './package.json': './package.json' },
  files: ['dist'],
  peerDependencies: { ...peerDependencies, 'emergent-alignment': version },
  peerDependenciesMeta: { ...peerDependenciesMeta, 'emergent-alignment': { optional: true } },
};
writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
cpSync(join(root, 'docs/ai-sdk.md'), join(folder, 'README.md'));
