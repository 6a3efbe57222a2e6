/** Results name the package's own commit, wherever it is installed. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { commit, PACKED_COMMIT } from '../src/commit.js';

const user = mkdtempSync(join(tmpdir(), 'ealign-commit-'));
const installed = join(user, 'node_modules', 'emergent-alignment');
const git = (...args: string[]) => execFileSync('git', ['-C', user, ...args], { encoding: 'utf8' }).trim();
afterAll(() => rmSync(user, { recursive: true, force: true }));
beforeAll(() => {
  mkdirSync(join(installed, 'dist'), { recursive: true });
  cpSync('package.json', join(installed, 'package.json'));
  git('init', '--quiet');
  const who = ['-c', 'user.name=A', '-c', 'user.email=a@example.org', '-c', 'commit.gpgsign=false'];
  git(...who, 'commit', '--quiet', '--allow-empty', '--message', 'a user’s own');
});

it('is never the commit of the repository that the package is installed in', () => {
  expect(git('rev-parse', '--short', 'HEAD')).toMatch(/^[0-9a-f]{7,}$/);
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  expect(commit(installed)).toBe(`v${version}`);
  writeFileSync(join(installed, PACKED_COMMIT), 'abc1234\n');
  expect(commit(installed)).toBe('abc1234');
});

it('is that of a checkout, whatever was packed in it before', () => {
  mkdirSync(join(user, 'dist'));
  writeFileSync(join(user, PACKED_COMMIT), 'abc1234\n');
  expect(commit(user)).toBe(git('rev-parse', '--short', 'HEAD'));
});
