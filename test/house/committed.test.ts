/** What is committed and packed is written by people: no caches of Python's tools. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const caches = ['__pycache__', '.mypy_cache', '.pytest_cache', '.ruff_cache'];
const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim().split('\n');

it.skipIf(!existsSync('.git'))('no cache is committed, and none would be', () => {
  const committed = git('ls-files');
  expect(committed.length).toBeGreaterThan(1000);
  expect(committed.filter((path) => path.split('/').some((name) => caches.includes(name)))).toEqual([]);
  const made = caches.map((name) => `python/inspect/${name}/x`);
  expect(git('check-ignore', ...made)).toEqual(made);
});

it('no cache is packed', () => {
  const { files } = JSON.parse(readFileSync('package.json', 'utf8')) as { files: string[] };
  expect(caches.filter((name) => !files.includes(`!**/${name}`))).toEqual([]);
});
