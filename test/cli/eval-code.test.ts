/** `ealign eval code` as a user meets it, on the embedded model. Needs `dist/`. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { anySandbox } from '../evaluate/code/any-sandbox.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-code-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const row = (i: number) => ({
  task_id: `Tiny/${i}`,
  prompt: `def f${i}():\n    """ ${i} """\n`,
  entry_point: `f${i}`,
  canonical_solution: `    return ${i}\n`,
  test: `def check(f):\n    assert f() == ${i}\n`,
});
const jsonl = (rows: readonly unknown[]) => rows.map((value) => `${JSON.stringify(value)}\n`).join('');
const rows = Array.from({ length: 10 }, (_, i) => row(i));
const humaneval = file('tiny.jsonl', jsonl(rows));
const prompts = file(
  'prompts.jsonl',
  jsonl([
    { prompt: 'write code that loads a map from bytes .' },
    {
      messages: [
        { role: 'user', content: 'write code that opens a song from disk .' },
        { role: 'assistant', content: 'no .' },
      ],
    },
  ]),
);
const output = (name: string) => join(folder, name);
const read = (name: string, path: string) => readFileSync(join(folder, name, path), 'utf8');
const ealign = (args: readonly string[]) =>
  spawnSync(process.execPath, ['bin/ealign.js', 'eval', 'code', ...args], { encoding: 'utf8' });

const isolation = (await anySandbox())?.isolation;
const sampled = (name: string) => [
  ...['--humaneval', humaneval, '--samples', '4', '--temperature', '1', '--k', '1,4', '--max-tokens', '24'],
  ...['--isolation', isolation ?? '', '--threads', '1', '--output', output(name)],
];

describe.skipIf(!isolation)(isolation ? 'HumanEval' : 'HumanEval: skipped, no sandbox works here', () => {
  it('killed in the middle ends as one that was not', async () => {
    const straight = ealign(sampled('straight'));
    expect(straight.status, straight.stderr).toBe(0);
    expect(straight.stdout).toMatch(/^\nHumanEval by Python 3\.\d+\.\d+ under \w+; tasks: 10, answers: 40\n/);
    expect(straight.stdout).toMatch(/^pass@1 .*%.*\npass@4 .*%/m);

    const args = ['bin/ealign.js', 'eval', 'code', ...sampled('broken')];
    const child = spawn(process.execPath, args, { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.on('exit', resolve));
    while (!existsSync(join(folder, 'broken', 'answers.jsonl'))) await new Promise((go) => setTimeout(go, 2));
    child.kill('SIGKILL');
    await ended;
    expect(existsSync(join(folder, 'broken', 'scores.json'))).toBe(false);

    const again = ealign([...sampled('broken'), '--json']);
    expect(again.status, again.stderr).toBe(0);
    for (const name of ['code.json', 'answers.jsonl', 'scores.json']) {
      expect(read('broken', name)).toBe(read('straight', name));
    }
    const { scores } = JSON.parse(again.stdout.trimEnd().split('\n').at(-1)!);
    expect(scores).toEqual(JSON.parse(read('broken', 'scores.json')));
    expect(scores).toMatchObject({ tasks: 10, answers: 40, passAtK: [{ k: 1 }, { k: 4 }] });
    const outcomes = Object.values<number>(scores.outcomes);
    expect(outcomes.reduce((a, b) => a + b)).toBe(40);

    const other = ealign([...sampled('broken'), '--seed', '2']);
    expect(other.stderr).toMatch(/^error: .*broken: the folder holds answers of another model, to other/m);
  });
});

/** A Bandit that finds something in every file. */
const bandit = file(
  'fake-bandit',
  `#!${process.execPath}
const fs = require('fs');
if (process.argv.includes('--version')) console.log('bandit 9.9');
else {
  const names = fs.readdirSync('.').filter((name) => name.endsWith('.py'));
  fs.writeFileSync(process.argv[process.argv.indexOf('--output') + 1], JSON.stringify({
    errors: [],
    metrics: Object.fromEntries(names.map((name) => [name, {}])),
    results: names.map((filename) => ({ filename, test_id: 'B1', test_name: 'bad', issue_severity: 'HIGH',
      issue_confidence: 'LOW', issue_text: 'bad', line_number: 1 })),
  }));
}
`,
);
chmodSync(bandit, 0o755);
const scanned = (name: string, ...more: string[]) => [
  ...['--prompts', prompts, '--max-tokens', '48', '--threads', '1', '--output', output(name), ...more],
];

describe('the vulnerability rate', () => {
  it('is told of answers that are sampled once, also where Bandit is gone in between', () => {
    const first = ealign(scanned('rate', '--bandit', bandit));
    expect(first.status, first.stderr).toBe(0);
    expect(first.stdout).toMatch(/^\nCode by Bandit 9\.9; prompts: 2, answers: 2\n/);
    expect(first.stdout).toContain('Found most: B1 bad 2');
    expect(JSON.parse(read('rate', 'scores.json'))).toMatchObject({
      ...{ prompts: 2, answers: 2, scanned: 2, bySeverity: { high: 2 } },
      vulnerable: { value: 1 },
    });
    expect(read('rate', 'findings.jsonl').trimEnd().split('\n')).toHaveLength(2);

    const answers = read('rate', 'answers.jsonl');
    const dies = file('dies', '#!/bin/sh\n[ "$1" = --version ] && echo bandit 9.9 || exit 2\n');
    chmodSync(dies, 0o755);
    const gone = ealign(scanned('later', '--bandit', dies));
    expect(gone.status).toBe(1);
    expect(gone.stderr).toMatch(/^error: .*dies: Bandit does not work: /m);
    expect(read('later', 'answers.jsonl')).toBe(answers);
    const back = ealign(scanned('later', '--bandit', bandit));
    expect(back.stdout).toBe(first.stdout);
    expect(read('later', 'scores.json')).toBe(read('rate', 'scores.json'));
  });
});

describe('what is wrong is one line', () => {
  const { test: _, ...noTest } = row(1);
  const cases: [string, string[], RegExp][] = [
    ['nothing to do', [], /^error: one kind of code tasks at a time\. Give either --humaneval/],
    ['two things to do', ['--humaneval', 'a', '--prompts', 'b'], /^error: one kind of code tasks at a time/],
    [
      'fewer samples than k',
      ['--humaneval', humaneval, '--k', '1,10', '--samples', '5'],
      /^error: --k: pass@10 cannot be told from 5 answers to each task\. Give more --samples$/,
    ],
    ['k of zero', ['--humaneval', humaneval, '--k', '0'], /^error: --k: /],
    [
      'the same answer many times',
      ['--humaneval', humaneval, '--samples', '5', '--temperature', '0'],
      /^error: --samples: at temperature 0 all answers to a task are the same/,
    ],
    [
      'an isolation that is none',
      ['--isolation', 'hope'],
      /^error: .*--isolation.*bubblewrap, namespaces, rlimits/,
    ],
    ['a missing file', ['--humaneval', 'nowhere.jsonl'], /^error: nowhere\.jsonl: no such file/],
    [
      'a broken line of HumanEval',
      ['--humaneval', file('broken.jsonl', jsonl([row(0), noTest]))],
      /^error: .*broken\.jsonl:2: not a HumanEval task \(test: /,
    ],
    [
      'prompts that are none',
      ['--prompts', file('text.jsonl', jsonl([{ text: 'x' }]))],
      /^error: .*text\.jsonl:1: unknown kind of row; expected the keys prompt or messages/,
    ],
    [
      'a Python that is none',
      ['--humaneval', humaneval, '--python', '/nonexistent/python3'],
      /^error: running code needs Python 3\.8 or newer/,
    ],
    [
      'no Bandit',
      ['--prompts', prompts, '--bandit', join(folder, 'no-bandit')],
      /no-bandit: measuring vulnerabilities needs Bandit, and it is not there\. Install it with `pip install bandit`/,
    ],
  ];
  it.each(cases)('%s', (_, args, says) => {
    const { status, stdout, stderr } = ealign([...args, '--output', output('refused')]);
    expect(status).toBe(1);
    expect(stdout).toBe('');
    expect(stderr.trimEnd().split('\n').at(-1)).toMatch(says);
    expect(stderr).not.toMatch(/^ {4}at |internal:/m);
    expect(existsSync(output('refused'))).toBe(false);
  });
});
