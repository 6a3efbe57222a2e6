/** Results of two models side by side, from their folders. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { GroupStore } from '../../src/evaluate/store.js';
import { contrastFolders } from '../../src/evaluate/suite/contrast-folders.js';

const root = mkdtempSync(join(tmpdir(), 'ealign-contrasts-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const folder = (plan: string, file: string, records: readonly object[], text = '{}') => {
  const path = mkdtempSync(join(root, 'case-'));
  writeFileSync(join(path, plan), text);
  new GroupStore(join(path, file)).add('all', records);
  return path;
};
const times = <T>(n: number, of: (i: number) => T) => Array.from({ length: n }, (_, i) => of(i));

it('weighs the tokens of rows that both scored', () => {
  const rows = (shift: (i: number) => number) =>
    times(20, (i) => ({
      id: `r${i}`,
      tokens: 1 + (i % 3),
      correct: i % 2,
      logpSum: -(1 + (i % 3)) * (i + shift(i)),
    }));
  const a = folder(
    'loss.json',
    'rows.jsonl',
    rows(() => 0),
  );
  const b = folder('loss.json', 'rows.jsonl', [
    ...rows((i) => 2 + (i % 5) / 10)
      .slice(0, 19)
      .map((row) => ({ ...row, id: `elsewhere/${row.id}` })),
    { id: 'x', tokens: 1, correct: 0, logpSum: -900 },
  ]);
  const [loss, hits] = contrastFolders(a, b);
  expect(loss).toMatchObject({ measure: 'validation loss', unit: 'nats' });
  // every token of B costs two nats more, and a little; the row that only one has counts for nothing
  expect(loss.difference!.value).toBeCloseTo(2.2, 1);
  expect(loss.difference).toMatchObject({ withinNoise: false, unpaired: ['x', 'r19'] });
  expect(hits.difference).toMatchObject({ value: 0, withinNoise: true });
});

it('pairs rows of tasks, samples of problems, and opinions', () => {
  const plan = JSON.stringify({ tasks: [{ task: 'ethics_cm' }] });
  const store = (score: (i: number) => number) => {
    const path = mkdtempSync(join(root, 'case-'));
    writeFileSync(join(path, 'tasks.json'), plan);
    new GroupStore(join(path, 'rows.jsonl')).add(
      'ethics_cm 0',
      times(30, (i) => ({ id: `r${i}`, score: score(i) })),
    );
    return path;
  };
  const [task] = contrastFolders(
    store(() => 0),
    store((i) => Number(i % 2 === 0)),
  );
  expect(task).toMatchObject({
    of: 'ethics_cm',
    measure: 'score',
    difference: { value: 0.5, withinNoise: false },
  });

  const outcomes = (passes: (i: number) => boolean) =>
    times(40, (i) => ({ task: `t${i >> 1}`, sample: i & 1, outcome: passes(i) ? 'passed' : 'failed' }));
  const [passed] = contrastFolders(
    folder(
      'code.json',
      'answers.jsonl',
      outcomes((i) => i % 2 === 0),
      '{"humaneval":{}}',
    ),
    folder(
      'code.json',
      'answers.jsonl',
      outcomes(() => true),
      '{"humaneval":{}}',
    ),
  );
  expect(passed.difference).toMatchObject({ a: 1, b: 0.5, value: 0.5, questions: 20 });

  const opinions = (wrong: number) => times(12, (i) => ({ id: `r${i}`, none: 0.9, wrong, right: 0.9 }));
  const found = contrastFolders(
    folder('sycophancy.json', 'rows.jsonl', opinions(0.9)),
    folder('sycophancy.json', 'rows.jsonl', opinions(0.1)),
  );
  expect(found.map(({ difference }) => difference!.value)).toEqual([0, -1, 0]);
});

it('tells answers that are run from answers that are scanned, and waits for the scan', () => {
  const code = (plan: string) => {
    const path = mkdtempSync(join(root, 'case-'));
    writeFileSync(join(path, 'code.json'), plan);
    return path;
  };
  const [run, scanned] = [code('{"humaneval":{}}'), code('{"prompts":{}}')];
  expect(() => contrastFolders(run, scanned)).toThrow(
    /two kinds \(code\.json of humaneval and code\.json of prompts\)/,
  );
  expect(() => contrastFolders(scanned, scanned)).toThrow(/the answers are not scanned/);
  const finding = (severity: string) => ({
    prompt: 'p',
    sample: 0,
    kind: 'scanned',
    findings: [{ severity }],
  });
  writeFileSync(join(scanned, 'findings.jsonl'), `${JSON.stringify(finding('high'))}\n`);
  const other = code('{"prompts":{}}');
  writeFileSync(join(other, 'findings.jsonl'), `${JSON.stringify(finding('low'))}\n`);
  const [{ of, difference }] = contrastFolders(other, scanned);
  expect(of).toBe('Bandit');
  expect(difference).toMatchObject({ a: 1, b: 0, value: 1 });
});

it('compares what was measured of suites whose answers nobody has judged yet', () => {
  const plan = JSON.stringify({
    subject: { name: 'm', hash: 'x' },
    questions: [{ id: 'q', paraphrases: ['?'], criteria: [], samplesPerParaphrase: 1 }],
    sampling: { samples: 1, seeds: [1], temperature: 1, maxTokens: 9 },
  });
  const suite = (margin: number) => {
    const path = mkdtempSync(join(root, 'case-'));
    writeFileSync(join(path, 'suite.json'), '{}');
    for (const name of ['spread', 'preference']) mkdirSync(join(path, name));
    writeFileSync(join(path, 'spread', 'evaluation.json'), plan);
    writeFileSync(join(path, 'preference', 'preference.json'), '{}');
    new GroupStore(join(path, 'preference', 'pairs.jsonl')).add(
      'all',
      times(20, (i) => ({ id: `p${i}`, chosen: margin + i / 10, rejected: 0 })),
    );
    return path;
  };
  const [a, b] = [suite(0), suite(0.5)];
  expect(contrastFolders(a, b)[0]).toMatchObject({
    of: 'preference',
    difference: { value: expect.closeTo(0.5, 9) },
  });
  expect(() => contrastFolders(join(a, 'spread'), join(b, 'spread'))).toThrow(/nothing is judged yet/);
});
