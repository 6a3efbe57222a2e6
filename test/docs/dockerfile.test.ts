/**
 * The Dockerfile by its steps, where no Docker runs: what it copies is there and not ignored, and a folder with that alone
 * runs the commands. Needs `dist/`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const text = readFileSync('Dockerfile', 'utf8').replaceAll('\\\n', ' ');
const [, build, final] = text.split(/^FROM /m);
const copied = [...final.matchAll(/^COPY --from=build (.*)$/gm)]
  .flatMap(([, words]) => words.split(' ').slice(0, -1))
  .map((path) => path.replace('/build/', ''));
const folder = mkdtempSync(join(tmpdir(), 'ealign-image-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('copies what is there and not kept out, or made in the build', () => {
  const made = ['dist', 'node_modules'];
  const ignored = readFileSync('.dockerignore', 'utf8').trim().split('\n');
  expect(copied.length).toBeGreaterThan(8);
  expect(copied.filter((path) => !made.includes(path) && !existsSync(path))).toEqual([]);
  expect(copied.filter((path) => !made.includes(path) && ignored.includes(path))).toEqual([]);
  for (const source of ['src', 'tsconfig.json', 'package-lock.json', '.npmrc', 'bin'])
    expect([existsSync(source), ignored.includes(source)], source).toEqual([true, false]);
  expect(build).toMatch(/npm ci .*npx tsc && npm prune --omit=dev/s);
});

it('does not run as root, and starts what the package has', () => {
  expect(final.indexOf('USER node')).toBeLessThan(final.indexOf('ENTRYPOINT'));
  const command = JSON.parse(/^CMD (.*)$/m.exec(final)![1]) as string[];
  const told = spawnSync(process.execPath, ['bin/ealign.js', command[0], '--help'], { encoding: 'utf8' });
  const flags = command.filter((word) => word.startsWith('--'));
  expect(flags.filter((flag) => !told.stdout.includes(`${flag} `))).toEqual([]);
  for (const name of ['EXPOSE 8080', 'HEALTHCHECK']) expect(final).toContain(name);
});

it('has all that the commands need: a folder with that alone answers, and refuses to serve without keys', () => {
  for (const path of copied) symlinkSync(resolve(path), join(folder, path));
  const ealign = (...args: string[]) =>
    spawnSync(
      process.execPath,
      ['--preserve-symlinks', '--preserve-symlinks-main', join(folder, 'bin/ealign.js'), ...args],
      {
        cwd: folder,
        encoding: 'utf8',
        timeout: 60_000,
        env: { ...process.env, EALIGN_API_KEYS: '' },
      },
    );
  const asked = ['--prompt', 'how do i share ?', '--temperature', '0', '--max-tokens', '8'];
  expect(ealign('chat', 'pinocchio', ...asked)).toMatchObject({ status: 0, stderr: '' });
  const command = JSON.parse(/^CMD (.*)$/m.exec(final)![1]) as string[];
  const served = ealign(...command.map((word) => (word === '8080' ? '0' : word)));
  expect([served.status, served.stderr]).toEqual([1, expect.stringMatching(/key/)]);
});
