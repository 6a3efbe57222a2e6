/** What a kill leaves, by the code of `npm run crash`. Needs `dist/`. */
import { spawnSync } from 'node:child_process';
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
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const at = (name: string) => join(import.meta.dirname, '../../faults/crash', name);
const { crashCommand } = await import(at('command.mjs'));
const { differences } = await import(at('traces.mjs'));
const { training } = await import(at('training.mjs'));

const folder = mkdtempSync(join(tmpdir(), 'ealign-kills-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const hook = at('kill-at.mjs');
const files = join(import.meta.dirname, '../../dist/files/files.js');

/** Runs code in a process that is killed at a change under `under`. @returns the letters of its changes, where it is not */
function killed(code: string, under: string, at: number, torn: boolean): string {
  const tally = join(folder, 'tally');
  rmSync(tally, { force: true });
  const script = `import { removeFolder, writeFolderAtomic } from ${JSON.stringify(files)};\n${code}`;
  const args = ['--import', hook, '--input-type=module', '--eval', script];
  const env = { ...process.env, CRASH: JSON.stringify({ at, torn, under, tally }) };
  // `detached`: a group of its own, which the hook kills
  const { signal, stderr } = spawnSync(process.execPath, args, {
    env,
    detached: true,
    encoding: 'utf8',
  } as object);
  expect([signal, stderr]).toEqual([at < 0 ? null : 'SIGKILL', '']);
  return readFileSync(tally, 'latin1');
}

it('in a folder that exists, who finds the first of the files finds them all', () => {
  const output = join(folder, 'output');
  const write = `writeFolderAtomic(${JSON.stringify(output)}, ['first', 'second', 'third'].map((name) => [name, name]));`;
  mkdirSync(output);
  const letters = killed(write, output, -1, false);
  expect(letters).toMatch(/r.*rrrd$/);
  for (const { index } of letters.matchAll(/r(?!w)/g)) {
    rmSync(output, { recursive: true });
    mkdirSync(output);
    killed(write, output, index, false);
    const found = readdirSync(output).filter((name) => !name.startsWith('.'));
    if (found.includes('first')) expect(found).toEqual(['first', 'second', 'third']);
  }
});

it('a folder that is deleted loses its name before its first file', () => {
  const output = join(folder, 'run');
  const remove = `removeFolder(${JSON.stringify(join(output, 'checkpoint-2'))});`;
  const make = () => {
    rmSync(output, { recursive: true, force: true });
    mkdirSync(join(output, 'checkpoint-2'), { recursive: true });
    for (const name of ['a', 'b']) writeFileSync(join(output, 'checkpoint-2', name), name);
  };
  make();
  const letters = killed(remove, output, -1, false);
  expect(letters).toMatch(/^rd+$/);
  for (let at = 0; at < letters.length; at++) {
    make();
    killed(remove, output, at, true);
    const place = join(output, 'checkpoint-2');
    expect(existsSync(place) ? readdirSync(place) : undefined).toEqual(at === 0 ? ['a', 'b'] : undefined);
  }
});

it('tells what is lost, doubled and unequal', () => {
  const expected = [
    ['a.jsonl#1.0', 'one'],
    ['a.jsonl#2.0', 'two'],
    ['file', 'bytes'],
  ] as const;
  expect(differences(expected, expected)).toEqual([]);
  expect(differences(expected, expected.slice(1))).toEqual([{ kind: 'lost', what: 'a.jsonl#1.0' }]);
  expect(differences(expected, [...expected, ['a.jsonl#1.1', 'one']])).toMatchObject([{ kind: 'doubled' }]);
  expect(differences(expected, [...expected.slice(0, 2), ['file', 'other'], ['.tmp', '']])).toMatchObject([
    { kind: 'unequal', what: 'file' },
    { kind: 'unequal' },
  ]);
});

it('training that is killed at random ends as if it had not been', async () => {
  const place = join(folder, 'train');
  mkdirSync(place);
  const faults: object[] = [];
  const [adapter] = training.prepare(place);
  const { kills, runs } = await crashCommand(
    { ...training, prepare: () => [adapter] },
    {
      ...{ folder: place, kills: 2, seed: 4 },
      onKill: () => {},
      onFault: (fault: object) => faults.push(fault),
    },
  );
  expect([faults, kills]).toEqual([[], 2]);
  expect(runs).toBeGreaterThan(0);
}, 120_000);
