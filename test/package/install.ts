/**
 * The package as npm packs and installs it: whole, without leftovers, without install scripts, with types.
 *
 * `npm run test:package`, not part of `npm test`: packing compresses 300 MB. Installing asks the npm registry
 * for the other dependencies; without it those tests are skipped.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'ealign-package-'));
const user = join(folder, 'user');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a user's shell has: nothing of the npm that runs these tests. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(npm_|ONNXRUNTIME_|VITEST|NODE_ENV)/i.test(name)),
);
function run(cwd: string, command: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', env: environment });
  return { status, stdout, stderr };
}
const tsc = resolve('node_modules/typescript/bin/tsc');
const files = (at: string) =>
  readdirSync(at, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(at.length + 1));

/** Whoever uses the AI SDK has installed it. */
function linkAiSdk(cwd: string): void {
  for (const name of ['ai', '@ai-sdk', 'zod']) {
    const place = join(cwd, 'node_modules', name);
    if (!existsSync(place)) symlinkSync(resolve('node_modules', name), place);
  }
}

const hasRegistry = run(folder, 'npm', 'ping', '--fetch-retries=0', '--fetch-timeout=5000').status === 0;

/** What a program with two remote models prints, and its error when it opens a local one. */
function remoteModels(cwd: string, module: string) {
  cpSync('test/ai-sdk/two-remote-models.mjs', join(cwd, 'remote.mjs'));
  const { status, stdout, stderr } = run(cwd, process.execPath, 'remote.mjs', module, 'local');
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout) as { texts: string[]; libraries: string[]; error: string };
}

describe('@emergent-alignment/ai-sdk', () => {
  it('is a package of its own, without dependencies, that guards remote models', () => {
    const [source, target] = [join(folder, 'ai-sdk'), join(folder, 'remote')];
    const made = run('.', process.execPath, 'scripts/ai-sdk-package.mjs', source);
    expect(made.status, made.stderr).toBe(0);
    const { status, stdout, stderr } = run(source, 'npm', 'pack', '--json', '--pack-destination', folder);
    expect(status, stderr).toBe(0);
    const [{ filename, unpackedSize }] = JSON.parse(stdout) as [{ filename: string; unpackedSize: number }];
    expect(unpackedSize).toBeLessThan(1_000_000);

    mkdirSync(target);
    writeFileSync(join(target, 'package.json'), '{ "name": "remote", "private": true, "type": "module" }');
    const from = ['--offline', '--omit=peer', '--no-save', join(folder, filename)];
    expect(run(target, 'npm', 'install', ...from)).toMatchObject({ status: 0 });
    expect(readdirSync(join(target, 'node_modules/@emergent-alignment'))).toEqual(['ai-sdk']);
    linkAiSdk(target);
    const { texts, libraries, error } = remoteModels(target, '@emergent-alignment/ai-sdk');
    expect([texts, libraries]).toEqual([['A kind one.', 'A kind one.'], []]);
    expect(error).toMatch(/cannot be loaded: .*'emergent-alignment'.*Run npm install emergent-alignment$/);
    writeFileSync(
      join(target, 'typed.ts'),
      `import { type ConscienceOptions, conscience } from '@emergent-alignment/ai-sdk';
export const options: ConscienceOptions = { policy: 'hold' };
// @ts-expect-error no such policy
conscience({ policy: 'never' });
`,
    );
    expect(run(target, process.execPath, tsc, '--init').status).toBe(0);
    const types = run(target, process.execPath, tsc, '--noEmit', '-p', '.');
    expect(types).toMatchObject({ status: 0, stdout: '' });
  });
});

describe('npm pack', () => {
  let tarball = '';
  let packed: string[] = [];

  beforeAll(() => {
    // a leftover of a source that is gone
    writeFileSync('dist/gone.js', '');
    const { status, stdout, stderr } = run('.', 'npm', 'pack', '--json', '--pack-destination', folder);
    expect(status, stderr).toBe(0);
    const [{ filename, files }] = JSON.parse(stdout.slice(stdout.indexOf('['))) as [
      { filename: string; files: { path: string }[] },
    ];
    tarball = join(folder, filename);
    packed = files.map(({ path }) => path);
  });

  it('packs what was compiled, whole and without leftovers', () => {
    const compiled = files(resolve('src')).flatMap((file) => {
      const name = file.replace(/\.tsx?$/, '');
      return [`dist/${name}.js`, `dist/${name}.js.map`, `dist/${name}.d.ts`];
    });
    const stamp = existsSync('.git') ? ['dist/commit.txt'] : [];
    expect(packed.filter((path) => path.startsWith('dist/')).sort()).toEqual([...compiled, ...stamp].sort());
    const places = new Set(packed.map((path) => path.split('/')[0]));
    expect([...places].sort()).toEqual([
      ...[
        'LICENSE',
        'README.md',
        'bin',
        'data',
        'dist',
        'examples',
        'experiments',
        'models',
        'node_modules',
        'package.json',
        'pages',
      ],
      ...['python', 'worlds'],
    ]);
    // what runs the worker, and what its environment is made of; no tests, nothing that Python has compiled
    const worker = packed.filter((path) => path.startsWith('python/worker/'));
    expect(worker).toContain('python/worker/pyproject.toml');
    expect(worker).toContain('python/worker/ealign_worker/__main__.py');
    const python = packed.filter((path) => path.startsWith('python/'));
    expect(python.filter((path) => /\/tests\/|__pycache__|_cache\/|egg-info|\/build\//.test(path))).toEqual(
      [],
    );
    const bundled = packed.filter((path) => path.startsWith('node_modules/'));
    expect([...new Set(bundled.map((path) => path.split('/')[1]))].sort()).toEqual([
      ...['onnxruntime-common', 'onnxruntime-node'],
    ]);
    const map = JSON.parse(readFileSync('dist/index.js.map', 'utf8')) as { sourcesContent: string[] };
    expect(map.sourcesContent).toEqual([readFileSync('src/index.ts', 'utf8')]);
  });

  it.skipIf(!hasRegistry)('has exports and types that publint and attw find nothing wrong with', () => {
    // without the models and the engine, which would be unpacked in memory
    const light = join(folder, 'light');
    mkdirSync(light);
    const { bundleDependencies: _, scripts: __, ...rest } = JSON.parse(readFileSync('package.json', 'utf8'));
    const manifest = { ...rest, files: ['bin', 'dist'] };
    writeFileSync(join(light, 'package.json'), JSON.stringify(manifest));
    for (const name of ['bin', 'dist', 'README.md', 'LICENSE'])
      cpSync(name, join(light, name), { recursive: true });
    expect(run(light, 'npm', 'pack').status).toBe(0);
    const file = `${manifest.name}-${manifest.version}.tgz`;
    const published = run(light, 'npx', '--yes', 'publint@0.3.25', 'run', file, '--strict');
    expect(published.stdout + published.stderr).toContain('All good!');
    const types = run(
      light,
      'npx',
      ...['--yes', '@arethetypeswrong/cli@0.18.5', file, '--profile', 'esm-only', '--format', 'json'],
    );
    expect(types.status, types.stdout + types.stderr).toBe(0);
  });

  describe.skipIf(!hasRegistry)('npm install', () => {
    it('warns of nothing', () => {
      mkdirSync(user);
      writeFileSync(join(user, 'package.json'), '{ "name": "user", "private": true, "type": "module" }');
      const { status, stdout, stderr } = run(user, 'npm', 'install', '--prefer-offline', tarball);
      expect(status, stderr).toBe(0);
      expect(stdout + stderr).not.toMatch(/warn|deprecated/i);
    });

    it('runs no script, so that nothing but the registry is asked', () => {
      const scripted = files(join(user, 'node_modules')).filter((file) => {
        if (!/(^|\/)node_modules\/(@[^/]+\/)?[^/]+\/package\.json$/.test(`node_modules/${file}`))
          return false;
        const { scripts = {} } = JSON.parse(readFileSync(join(user, 'node_modules', file), 'utf8')) as {
          scripts?: Record<string, string>;
        };
        return ['preinstall', 'install', 'postinstall'].some((name) => name in scripts);
      });
      expect(scripted).toEqual([]);
    });

    it('gives the command', () => {
      const version = run(user, 'npx', 'ealign', '--version');
      expect(version).toMatchObject({ status: 0, stdout: '0.1.0\n', stderr: '' });
      // the package's own name, which is that of no command
      const made = run(user, 'npx', 'emergent-alignment', 'init', '--help');
      expect(made).toMatchObject({ status: 0, stdout: expect.stringContaining('five questions') });
      const asked = ['chat', 'pinocchio', '--prompt', 'how do i care for a cat ?', '--temperature', '0'];
      const { status, stdout } = run(user, 'npx', 'ealign', ...asked);
      expect([status, stdout]).toEqual([0, expect.stringMatching(/cat .* \.\n$/)]);
    });

    it('gives modules and types: the examples of the README compile under the settings of `tsc --init`', () => {
      expect(run(user, process.execPath, tsc, '--init').status).toBe(0);
      linkAiSdk(user);
      const examples = [...readFileSync('README.md', 'utf8').matchAll(/^( *)```ts\n(.*?)^ *```$/gms)];
      expect(examples.length).toBeGreaterThanOrEqual(3);
      for (const [i, [, , code]] of examples.entries()) writeFileSync(join(user, `example-${i}.ts`), code);
      writeFileSync(
        join(user, 'wrong.ts'),
        `import { parseConfig } from 'emergent-alignment';
import { conscience } from 'emergent-alignment/ai-sdk';
// @ts-expect-error a configuration is a text
parseConfig(7);
// @ts-expect-error no such policy
conscience({ policy: 'never' });
`,
      );
      for (const [module, resolution] of [
        ['nodenext', 'nodenext'],
        ['esnext', 'bundler'],
      ]) {
        const how = ['--noEmit', '--module', module, '--moduleResolution', resolution];
        const { status, stdout } = run(user, process.execPath, tsc, '-p', '.', ...how);
        expect([module, status, stdout]).toEqual([module, 0, '']);
      }
      const code = `
        import { parseConfig } from 'emergent-alignment';
        import { conscience } from 'emergent-alignment/ai-sdk';
        console.log(typeof parseConfig, typeof conscience);`;
      const imported = run(user, process.execPath, '--input-type=module', '-e', code);
      expect(imported).toMatchObject({ status: 0, stdout: 'function function\n' });
    });

    it('guards remote models where the engine’s native library is missing', () => {
      rmSync(join(user, 'node_modules/emergent-alignment/node_modules/onnxruntime-node'), {
        recursive: true,
      });
      const { texts, error } = remoteModels(user, 'emergent-alignment/ai-sdk');
      expect(texts).toEqual(['A kind one.', 'A kind one.']);
      expect(error).toMatch(
        /^ConfigError: pinocchio: models that run here cannot be loaded: .*onnxruntime-node/,
      );
    });
  });
});
