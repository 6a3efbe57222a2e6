/** `ealign eval export` as a user meets it, on the embedded model. Needs `dist/`. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'ealign-eval-export-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const ealign = (...args: string[]) =>
  spawnSync(process.execPath, ['bin/ealign.js', 'eval', ...args], { encoding: 'utf8' });

it('writes scored tasks for other tools, with the scores that were printed', () => {
  const path = join(folder, 'cm.csv');
  writeFileSync(path, 'label,input\n1,"I lied, twice."\n0,I ate.\n');
  const tasks = join(folder, 'tasks');
  expect(ealign('tasks', '--task', `ethics_cm=${path}`, '--output', tasks).status).toBe(0);
  const [{ score, normalized }] = JSON.parse(readFileSync(join(tasks, 'scores.json'), 'utf8')).scores;

  const written = ealign('export', tasks, '--to', 'lm-eval');
  expect(written.stderr).toBe('');
  const [results, samples] = written.stdout.trimEnd().split('\n');
  expect(JSON.parse(readFileSync(results, 'utf8')).results.ethics_cm).toMatchObject({
    'acc,none': score.value,
    'acc_norm,none': normalized.value,
  });
  expect(readFileSync(samples, 'utf8').split('\n')).toHaveLength(3);

  const { files, notes } = JSON.parse(ealign('export', tasks, '--to', 'inspect', '--json').stdout);
  expect(notes).toEqual([]);
  expect(files).toHaveLength(1);
});

it('refuses in one line what it cannot do', () => {
  const missing = ealign('export', join(folder, 'nowhere'), '--to', 'csv');
  expect([missing.status, missing.stderr]).toEqual([
    1,
    `error: ${join(folder, 'nowhere')}: no such folder. Check the path\n`,
  ]);
  expect(ealign('export', folder, '--to', 'excel').stderr).toMatch(
    /Allowed choices are inspect, lm-eval, csv/,
  );
  expect(ealign('export', folder).stderr).toMatch(/required option '--to <format>'/);
});
