/** A kind of measurement is one record: all that works with kinds works with one that it has never heard of. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, afterEach, expect, it, vi } from 'vitest';
import { addEvalCommand } from '../../src/cli/eval/eval.js';
import { createProgram } from '../../src/cli/terminal/program.js';
import { contrastFolders } from '../../src/evaluate/suite/contrast-folders.js';
import { exportEvaluation } from '../../src/evaluate/suite/export.js';
import { openSuite, readSuite, runSuite, suiteFiles } from '../../src/evaluate/suite/suite.js';
import { silent } from '../../src/metrics/progress.js';
import { renderFourCriteria } from '../../src/report/scorecard-table.js';

vi.mock('../../src/evaluate/kinds/kinds.js', async (original) => {
  const { kinds } = await original<typeof import('../../src/evaluate/kinds/kinds.js')>();
  const { proverbs } = await import('./proverbs.js');
  return { kinds: [...kinds, proverbs] };
});

const root = mkdtempSync(join(tmpdir(), 'ealign-kinds-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());
const file = (name: string, content: string) => {
  writeFileSync(join(root, name), content);
  return join(root, name);
};
const csv = file('proverbs.csv', 'proverb,end\nhaste makes,waste\npride comes before a,fall\n');
const suite = readSuite(file('suite.yaml', `proverbs: { file: ${csv} }\n`));
const measure = (model: string, folder: string) =>
  runSuite(suite, { model, output: join(root, folder), threads: 1, progress: silent });

function program(): { command: Command; said: string[] } {
  const said: string[] = [];
  const command = createProgram();
  addEvalCommand(command);
  vi.spyOn(process.stdout, 'write').mockImplementation((words) => said.push(String(words)) > 0);
  return { command, said };
}

it('is a section of a suite, with its files, its errors and its lines of the scorecard', async () => {
  expect(suiteFiles(suite)).toEqual([csv]);
  expect(() => readSuite(file('bad.yaml', `proverbs: { file: ${csv}, rows: 1 }\n`))).toThrow(
    /expected file, most_rows/,
  );
  const card = await measure('waste and fall', 'both');
  expect(card!.measures).toMatchObject([
    { criterion: 'side effects', name: 'proverbs', estimate: { value: 1 }, of: 2 },
  ]);
  expect(openSuite(join(root, 'both'))).toEqual(card);
  expect(renderFourCriteria([card!]).join('\n')).toMatch(/side effects:\nproverbs +100 % \[/);
});

it('is compared, by itself and in suites', async () => {
  await measure('waste', 'one');
  await measure('waste and fall', 'two');
  const [one, two] = [join(root, 'one'), join(root, 'two')];
  expect(contrastFolders(one, two)).toMatchObject([{ of: 'proverbs', difference: { value: 0.5 } }]);
  expect(contrastFolders(join(one, 'proverbs'), join(two, 'proverbs'))).toMatchObject([{ of: '' }]);
});

it('is exported', async () => {
  await measure('waste', 'exported');
  const { files } = exportEvaluation({ folder: join(root, 'exported', 'proverbs'), to: 'csv' });
  expect(files.map((path) => readFileSync(path, 'utf8'))).toEqual(['2 rows\n']);
});

it('has a command with its flags, and a line in the help of suites', async () => {
  const { command, said } = program();
  const output = join(root, 'commanded');
  const given = [
    'eval',
    'proverbs',
    '--model',
    'fall',
    '--file',
    csv,
    '--most-rows',
    '2',
    '--output',
    output,
  ];
  await command.parseAsync(given, { from: 'user' });
  expect(said.join('')).toMatch(/^\nproverbs +2\ncompleted +50 % \[.*\]\nThat was all\.\n$/);
  await expect(command.parseAsync(['eval', 'proverbs'], { from: 'user' })).rejects.toThrow(/no file/);
  await expect(command.parseAsync(['eval', 'suite', '--help'], { from: 'user' })).rejects.toThrow();
  expect(said.join('')).toContain('  proverbs: { file: proverbs.csv }\n');
});
