/**
 * `npm run test:integrations`: our integrations with the real packages from their registries. Not part of `npm test`.
 *
 * Each file of test/integrations is one integration: it names its packages, pinned, and a function that uses them. They
 * are installed into a temporary folder, and no package becomes a dependency of this project. What cannot run here is
 * named with its reason. `npm run test:integrations -- petri promptfoo` runs those alone; with `--folder DIR` what is
 * installed there is kept and used again.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const place = join(root, 'test/integrations');
const known = readdirSync(place)
  .filter((file) => file.endsWith('.mjs'))
  .map((file) => file.replace(/\.mjs$/, ''));

/** Says why an integration cannot run here. */
class Skip extends Error {}

const { values, positionals: named } = parseArgs({
  allowPositionals: true,
  options: { folder: { type: 'string' } },
});
const unknown = named.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`No integration ${unknown.join(', ')}. There are ${known.join(', ')}.\n`);
  process.exit(2);
}
const folder = resolve(values.folder ?? mkdtempSync(join(tmpdir(), 'ealign-integrations-')));

/** Runs a command to its end. @returns what it printed @throws Error with the end of it where it failed */
function run(command, args, { cwd = root, env = {}, status: expected = 0 } = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    ...{ cwd, env: { ...process.env, ...env }, encoding: 'utf8', maxBuffer: 1 << 28 },
  });
  if (error) throw error;
  if (status === expected) return stdout;
  throw new Error(`${command} ${args.join(' ')}: exit ${status}\n${`${stdout}\n${stderr}`.slice(-4000)}`);
}

/** Installs once, and notes what: the same packages are not installed again. */
function installOnce(at, packages, install) {
  const stamp = join(at, 'installed.json');
  const wanted = JSON.stringify(packages);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  mkdirSync(at, { recursive: true });
  process.stderr.write(`  installing ${packages.join(' ')}\n`);
  install();
  writeFileSync(stamp, wanted);
}

function installNpm(at, packages) {
  installOnce(at, packages, () => {
    writeFileSync(join(at, 'package.json'), '{ "private": true, "type": "module" }');
    const how = ['--save-exact', '--no-audit', '--no-fund', '--ignore-scripts', '--omit=optional'];
    run('npm', ['install', ...how, ...packages], { cwd: at });
  });
}

/** @returns the environment's Python */
function installPip(at, packages, least) {
  const python = join(at, 'venv', 'bin', 'python');
  installOnce(at, packages, () => {
    run(pythonFrom(least), ['-m', 'venv', join(at, 'venv')]);
    run(python, ['-m', 'pip', 'install', '--quiet', ...packages]);
  });
  return python;
}

/** A Python of this version or later: EALIGN_PYTHON, or one on the path. */
function pythonFrom([major, minor]) {
  const names = [
    process.env.EALIGN_PYTHON,
    'python3',
    'python3.14',
    'python3.13',
    'python3.12',
    'python3.11',
  ];
  const test = `import sys, venv; sys.exit(sys.version_info < (${major}, ${minor}))`;
  const found = names.find((name) => name && spawnSync(name, ['-c', test]).status === 0);
  if (found) return found;
  throw new Skip(`no Python from ${major}.${minor} on; name one in EALIGN_PYTHON`);
}

/** This Node, or a later one from the npm registry where the integration needs it. */
function nodeFrom(at, [major, minor]) {
  const [own, ownMinor] = process.versions.node.split('.').map(Number);
  if (own > major || (own === major && ownMinor >= minor)) return process.execPath;
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  installNpm(join(at, 'node'), [`${name}@${major}`]);
  return join(at, 'node', 'node_modules', name, 'bin', 'node');
}

/** `ealign serve` with these arguments, while the work lasts. */
async function serving(args, work) {
  const ealign = join(root, 'bin/ealign.js');
  const server = spawn(process.execPath, [ealign, 'serve', '--port', '0', ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  try {
    let log = '';
    const url = await new Promise((found, failed) => {
      server.stderr.on('data', (bytes) => {
        log += bytes;
        const [, address] = /"url":"([^"]+)"/.exec(log) ?? [];
        if (address) found(address);
      });
      server.once('exit', () => failed(new Error(`ealign serve has ended:\n${log}`)));
    });
    return await work(url);
  } finally {
    if (server.exitCode === null) {
      server.kill('SIGTERM');
      await once(server, 'exit');
    }
  }
}

const ealign = (args, options) => run(process.execPath, [join(root, 'bin/ealign.js'), ...args], options);

async function test(name) {
  const { default: integration } = await import(pathToFileURL(join(place, `${name}.mjs`)).href);
  const { npm = [], pip = [], environment = name, python: least = [3, 11], node } = integration;
  const at = join(folder, name);
  mkdirSync(at, { recursive: true });
  if (npm.length > 0) installNpm(at, npm);
  const python = pip.length > 0 ? installPip(join(folder, environment, 'python'), pip, least) : undefined;
  const binaries = python ? `${dirname(python)}${delimiter}${process.env.PATH}` : process.env.PATH;
  const work = mkdtempSync(join(at, 'work-'));
  await integration.run({
    ...{ folder: at, work, root, python, binaries, run, ealign, serving },
    node: node ? nodeFrom(at, node) : process.execPath,
    skip: (reason) => {
      throw new Skip(reason);
    },
  });
}

const results = [];
for (const name of named.length > 0 ? named : known) {
  process.stderr.write(`${name}\n`);
  try {
    await test(name);
    results.push(['passed', name, '']);
  } catch (error) {
    results.push([error instanceof Skip ? 'SKIPPED' : 'FAILED', name, error.stack ?? String(error)]);
  }
}
if (values.folder === undefined) rmSync(folder, { recursive: true, force: true });
for (const [result, name, why] of results) {
  const reason = result === 'SKIPPED' ? why.split('\n')[0].replace(/^Error: /, '') : why;
  process.stderr.write(`${result}  ${name}${reason === '' ? '' : `: ${reason}`}\n`);
}
process.exitCode = results.some(([result]) => result === 'FAILED') ? 1 : 0;
