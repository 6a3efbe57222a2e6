/** `ealign init`: what it writes is what `ealign train` reads, and nothing is lost or left behind. Needs `dist/`. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { proposedOutput } from '../../src/cli/init/answers.js';
import { loadConfig } from '../../src/train/config/load.js';
import { hasTerminal, inTerminal, KEYS } from './terminal.js';

const bin = resolve('bin/ealign.js');
const root = mkdtempSync(join(tmpdir(), 'ealign-init-'));
afterAll(() => rmSync(root, { recursive: true }));
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(root, 'in-'));
});

const write = (name: string, ...rows: object[]) =>
  writeFileSync(join(folder, name), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
function init(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, 'init', ...args], {
    cwd: folder,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}
/** The configuration in the file, resolved. */
const written = (name = 'run.yaml') => loadConfig(join(folder, name));

describe('ealign init --yes', () => {
  it('takes the file of rows that is there, and says what to type next', () => {
    write('poems.jsonl', { prompt: 'hi', completion: 'hello' });
    const { status, stdout, stderr } = init('--yes');
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toBe(
      'run.yaml is written. Next:\n' +
        '  ealign train run.yaml --preview  # checks all rows and shows three\n' +
        '  ealign train run.yaml            # trains\n',
    );
    expect(written()).toMatchObject({
      ...{ model: 'pinocchio', data: ['poems.jsonl'], output: 'runs/poems', setting: 'lora' },
      ...{ engine: 'onnx', training: { epochs: 1 }, conscience: { enabled: true } },
    });
  });

  it.each([
    [{ prompt: 'a', chosen: 'b', rejected: 'c' }, { type: 'preference' }, 'chosen answers are learnt'],
    [
      { question: 'a', answer: 'b' },
      { columns: { prompt: 'question', completion: 'answer' } },
      'is question',
    ],
    [{ input: 'a', output: 'b' }, { columns: { prompt: 'input', completion: 'output' } }, 'is input'],
    [
      { prompt: 'a', response: 'b' },
      { columns: { prompt: 'prompt', completion: 'response' } },
      'is response',
    ],
  ])('reads %j as it has to be read, and says so', (row, source, says) => {
    write('rows.jsonl', row, row);
    const { status, stdout } = init('--yes');
    expect([status, stdout.split('\n')[0]]).toEqual([0, expect.stringContaining(says.split(' ').at(-1)!)]);
    expect(written().data).toEqual([{ path: 'rows.jsonl', ...source }]);
  });

  it('writes training from scratch with a conscience that begins late and is renewed', () => {
    write('rows.jsonl', { text: 'a b' });
    expect(init('--yes', '--setting', 'scratch', 'scratch.yaml').status).toBe(0);
    expect(written('scratch.yaml')).toMatchObject({
      ...{ setting: 'full', init: 'random', conscience: { renew_every: 200, first: 1200 } },
    });
  });

  it('names the model that is to be fetched, and the environment that is to be made', () => {
    write('rows.jsonl', { text: 'a b' });
    const { stdout } = init('--yes', '--model', 'somebody/unheard-of', '--engine', 'torch');
    expect(stdout).toContain('  ealign pull somebody/unheard-of');
    expect(stdout).toContain('  ealign worker install');
  });

  it.each([
    [['--yes'], /no rows are named, and there is no file of rows in this folder\. Give --data <path>/],
    [['--yes', '--data', 'none.jsonl'], /none\.jsonl: no such file/],
    [['--yes', '--data', 'odd.json'], /odd\.json.*unknown kind of row/],
    [['--yes', '--data', 'good.json', '--model', 'nobody'], /nobody: no such model/],
    [['--yes', '--data', 'good.json', '--engine', 'tinker'], /the key 'url' is missing.*--url/],
    [['--setting', 'most'], /'--setting <name>' argument 'most' is invalid.*lora, full, scratch/],
    [['--data', 'good.json'], /there is no terminal to ask in\. Answer by flags/],
  ])('%j is refused in one line, and leaves nothing', (args, line) => {
    write('odd.json', { colour: 'red' });
    write('good.json', { text: 'a b' });
    const { status, stderr } = init(...args);
    expect([status, stderr]).toEqual([1, expect.stringMatching(line)]);
    expect(stderr.trim()).not.toContain('\n');
    expect(existsSync(join(folder, 'run.yaml'))).toBe(false);
  });

  it('replaces a file only when told to', () => {
    write('rows.jsonl', { text: 'a b' });
    writeFileSync(join(folder, 'run.yaml'), 'mine');
    const { status, stderr } = init('--yes');
    expect([status, stderr]).toEqual([1, expect.stringMatching(/^error: run\.yaml: .*give --overwrite\n$/)]);
    expect(readFileSync(join(folder, 'run.yaml'), 'utf8')).toBe('mine');
    expect(init('--yes', '--overwrite').status).toBe(0);
    expect(written().data).toEqual(['rows.jsonl']);
  });
});

it.each([
  ['rows.jsonl', 'runs/rows'],
  ['a/b/rows.jsonl.gz', 'runs/rows'],
  ['owner/name#train', 'runs/name'],
  ['folder/', 'runs/folder'],
])('proposes a folder for %s', (path, folder) => expect(proposedOutput([path])).toBe(folder));

describe.skipIf(!hasTerminal)('ealign init in a terminal', () => {
  const command = `"${process.execPath}" "${bin}" init`;

  it('asks five questions, checks each answer, and writes', async () => {
    write('poems.jsonl', { prompt: 'hi', completion: 'hello' });
    const { shown, status } = await inTerminal(
      command,
      [
        [/1 of 5[\s\S]*from scratch|1 of 5[\s\S]*random ones/, KEYS.down + KEYS.enter],
        [/2 of 5/, KEYS.enter],
        [/3 of 5/, `none.jsonl${KEYS.enter}`],
        [/none\.jsonl: no such file/, `${'\x7f'.repeat('none.jsonl'.length)}poems.jsonl${KEYS.enter}`],
        [/4 of 5/, KEYS.enter],
        [/5 of 5/, KEYS.enter],
      ],
      { cwd: folder },
    );
    expect(status, shown).toBe(0);
    expect(shown).toContain('run.yaml is written. Next:');
    expect(written()).toMatchObject({
      ...{ model: 'pinocchio', data: ['poems.jsonl'], setting: 'full', output: 'runs/poems', engine: 'onnx' },
    });
  });

  it('leaves nothing at Ctrl-C', async () => {
    write('poems.jsonl', { prompt: 'hi', completion: 'hello' });
    const { status } = await inTerminal(
      `${command} new/run.yaml`,
      [
        [/1 of 5/, KEYS.enter],
        [/2 of 5/, KEYS.interrupt],
      ],
      { cwd: folder },
    );
    expect(status).toBe(130);
    expect(readdirSync(folder)).toEqual(['poems.jsonl']);
  });

  it('does not ask what flags have answered', async () => {
    write('poems.jsonl', { prompt: 'hi', completion: 'hello' });
    const { shown, status } = await inTerminal(
      `${command} --setting lora --model pinocchio --data poems.jsonl --output runs/x`,
      [[/4 of 5/, KEYS.down + KEYS.enter]],
      { cwd: folder },
    );
    expect([status, shown.match(/\d of 5/g)?.every((said) => said === '4 of 5')], shown).toEqual([0, true]);
    expect(written().engine).toBe('torch');
  });
});
