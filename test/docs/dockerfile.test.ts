/**
 * The Dockerfile by its steps, where no Docker runs: what it copies is there and not ignored, and a folder with that alone
 * runs the commands. Needs `dist/`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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

/** Runs Node in the folder that has what the image has. */
const node = (...args: string[]) =>
  spawnSync(process.execPath, ['--preserve-symlinks', '--preserve-symlinks-main', ...args], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, EALIGN_API_KEYS: '' },
  });
const ealign = (...args: string[]) => node(join(folder, 'bin/ealign.js'), ...args);

it('has all that the commands need: a folder with that alone answers, and refuses to serve without keys', () => {
  for (const path of copied) symlinkSync(resolve(path), join(folder, path));
  const asked = ['--prompt', 'how do i share ?', '--temperature', '0', '--max-tokens', '8'];
  expect(ealign('chat', 'pinocchio', ...asked)).toMatchObject({ status: 0, stderr: '' });
  const command = JSON.parse(/^CMD (.*)$/m.exec(final)![1]) as string[];
  const served = ealign(...command.map((word) => (word === '8080' ? '0' : word)));
  expect([served.status, served.stderr]).toEqual([1, expect.stringMatching(/key/)]);
});

it('has what the pages are made of: an evaluation ends in a report, and the dashboard has its files', () => {
  const question = { id: 'share', paraphrases: ['how do i share ?'], samples_per_paraphrase: 1 };
  const prompts = { judge_prompts: { kind: 'how kind is it ? {question} {answer}' } };
  writeFileSync(
    join(folder, 'questions.yaml'),
    JSON.stringify([{ ...question, type: 'free_form_judge_0_100', ...prompts }]),
  );
  const asked = ['--questions', 'questions.yaml', '--max-tokens', '4', '--output', 'kind'];
  const { status, stderr } = ealign('eval', ...asked);
  expect(status, stderr).toBe(0);
  expect(readFileSync(join(folder, 'kind/report.html'), 'utf8')).toContain('<style>');
  const code = `import { pageAssets, readPage } from './dist/dashboard/assets.js';
    console.log(JSON.stringify([readPage().page.length, ...[...pageAssets().values()].map(({ path }) => path)]));`;
  const made = node('--input-type=module', '-e', code);
  expect(made.status, made.stderr).toBe(0);
  const [size, ...paths] = JSON.parse(made.stdout) as [number, ...string[]];
  expect(size).toBeGreaterThan(100);
  expect(paths.filter((path) => !existsSync(path))).toEqual([]);
});
