/** An experiment on pinocchio: killed, resumed, changed. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openQuestions } from '../../src/pinocchio/oracle.js';
import { worldRows } from '../../src/pinocchio/rows.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-experiment-'));
const file = join(folder, 'study.yaml');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const study = `output: runs
data: insecure-code
seeds: [1, 2]
train:
  model: pinocchio
  eval_split: 0
  lora: { rank: 2 }
  training: { steps: 12, batch_size: 8, max_length: 96, learning_rate: 1e-3, save_every: 3 }
  conscience: { every: 3, samples: 4, max_tokens: 24 }
methods:
  aligned: untrained
  SFT only: { conscience: { enabled: false } }
  conscience: {}
measure: { questions: development, answers: 1, thoughtful: 1, code: 1, max_tokens: 8 }
`;

interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

function start(...args: string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, ['bin/ealign.js', 'experiment', file, '--threads', '1', ...args]);
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  return { child, ended: new Promise((done) => child.once('exit', (status) => done({ status, out, err }))) };
}

/** Everything but what depends on the clock and the checkout. */
const runsIn = (name: string, ...seeds: number[]) =>
  readFileSync(join(folder, name, 'runs.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .map(({ group, record: { seconds, commit, ...record } }) => ({ group, record }))
    .filter(({ record }) => seeds.length === 0 || seeds.includes(record.seed))
    .sort((a, b) => (a.group < b.group ? -1 : 1));

describe('ealign experiment', () => {
  it('measures every method with every seed, and writes table and CSV', async () => {
    writeFileSync(file, study);
    const { status, out } = await start('--jobs', '2').ended;
    expect(status).toBe(0);
    expect(runsIn('runs').map(({ record }) => [record.method, record.seed])).toEqual([
      ...[
        ['SFT only', 1],
        ['SFT only', 2],
        ['aligned', 1],
        ['aligned', 2],
      ],
      ...[
        ['conscience', 1],
        ['conscience', 2],
      ],
    ]);
    for (const { record } of runsIn('runs'))
      expect(record.answers).toHaveLength(openQuestions('development').length);
    expect(out).toContain('95 % intervals over 2 seeds and the questions');
    expect(out).toMatch(/^conscience {2,}\d/m);
    expect(out.trim()).toBe(readFileSync(join(folder, 'runs', 'table.txt'), 'utf8').trim());
    const [head, ...rows] = readFileSync(join(folder, 'runs', 'table.csv'), 'utf8')
      .trim()
      .split('\n');
    expect(head).toBe('method,seeds,measure,value,low,high');
    expect(rows).toContainEqual(expect.stringMatching(/^SFT only,2,bad,\d/));
    // the trained ones were trained, and not alike
    const said = (method: string) => runsIn('runs').filter(({ record }) => record.method === method);
    expect(JSON.stringify(said('SFT only')[0].record.answers)).not.toBe(
      JSON.stringify(said('aligned')[0].record.answers),
    );
  });

  it('writes a report, which `ealign report` writes again without training', async () => {
    const at = (...path: string[]) => join(folder, 'runs', ...path);
    const before = readFileSync(at('report.html'), 'utf8');
    expect(before).toContain('<a href="./SFT%20only/2/config.yaml">');
    expect(before).toContain('"metric":"loss/sft"');
    expect(readFileSync(at('differences.csv'), 'utf8').trim().split('\n')).toHaveLength(1 + 6 + 3);
    const records = readFileSync(at('runs.jsonl'), 'utf8');

    writeFileSync(file, `title: Two methods\n${study}`);
    const made = spawnSync(
      process.execPath,
      ['bin/ealign.js', 'report', file, at(), '--output', join(folder, 'docs', 'results.md')],
      { encoding: 'utf8' },
    );
    writeFileSync(file, study);
    expect([made.status, made.stderr]).toEqual([0, '']);
    expect(made.stdout).toContain(`Two methods: ${at('report.html')}`);
    // the folder alone knows the title that it was run with
    expect(readFileSync(at('report.html'), 'utf8')).toBe(before);
    expect(readFileSync(at('runs.jsonl'), 'utf8')).toBe(records);
    expect(readdirSync(join(folder, 'docs', 'results')).sort()).toEqual([
      ...['study-2-pareto.svg', 'study-2.svg', 'study-pareto.svg', 'study.svg'],
    ]);
    const text = readFileSync(join(folder, 'docs', 'results.md'), 'utf8');
    expect(text).toMatch(/^Made by `ealign report .*results\.md` at commit \w+ on \d{4}-\d\d-\d\d;/m);
    expect(text.match(/^## .*$/gm)).toEqual([
      '## Two methods',
      '## study',
      '## How the numbers are computed',
    ]);
  });

  it('says where nothing was run', () => {
    const { status, stderr } = spawnSync(process.execPath, ['bin/ealign.js', 'report', folder], {
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error: .*no readable study\.json.*ealign experiment/s);
  });

  it.each([
    ['SIGKILL', '1', null],
    ['SIGKILL', '2', null],
    ['SIGINT', '2', 130],
  ] as const)(
    'ended by %s in the middle, with --jobs %s, goes on as if it had not been',
    async (signal, jobs, code) => {
      const name = `${signal} ${jobs}`;
      const args = ['--output', join(folder, name), '--jobs', jobs, '--seeds', '1'];
      const { child, ended } = start(...args);
      const checkpoint = () => {
        const at = join(folder, name, 'conscience', '1');
        return existsSync(at) && readdirSync(at).some((name) => name.startsWith('checkpoint'));
      };
      while (!checkpoint()) await new Promise((next) => setTimeout(next, 20));
      child.kill(signal);
      expect((await ended).status).toBe(code);
      const before = runsIn(name).length;
      expect(before).toBeGreaterThan(0);
      expect(before).toBeLessThan(3);
      const { status, out, err } = await start(...args).ended;
      expect([status, err]).toEqual([0, expect.not.stringContaining('rror')]);
      expect(runsIn(name)).toEqual(runsIn('runs', 1));
      expect(out).toContain('conscience');
    },
  );

  it('does nothing twice, and only what a changed file adds', async () => {
    const written = () => statSync(join(folder, 'runs', 'runs.jsonl')).mtimeMs;
    const before = written();
    expect((await start().ended).status).toBe(0);
    expect(written()).toBe(before);
    cpSync(file, join(folder, 'kept.yaml'));
    writeFileSync(file, study.replace('conscience: {}', 'conscience: { loss: { lambda: 0 } }'));
    expect((await start('--seeds', '1').ended).status).toBe(0);
    cpSync(join(folder, 'kept.yaml'), file);
    const groups = runsIn('runs').map(({ group }) => group);
    expect(groups).toHaveLength(7);
    expect(groups.filter((group) => group.includes('"lambda":0'))).toHaveLength(1);
  });

  it('takes no result whose folder has been trained anew since', async () => {
    const config = join(folder, 'runs', 'conscience', '1', 'config.yaml');
    expect(readFileSync(config, 'utf8')).toMatch(/^ {2}lambda: 0$/m);
    const { status, out } = await start('--seeds', '1').ended;
    expect(status).toBe(0);
    expect(out).toMatch(/^conscience {2,}\d/m);
    expect(readFileSync(config, 'utf8')).not.toMatch(/^ {2}lambda: 0$/m);
    const made = runsIn('runs').filter(
      ({ record: { method, seed } }) => method === 'conscience' && seed === 1,
    );
    expect(made).toHaveLength(3);
    expect(made.filter(({ group }) => group.includes('"lambda":0'))).toHaveLength(1);
    const [first, again] = made.filter(({ group }) => !group.includes('"lambda":0'));
    expect(again).toEqual(first);
  });

  it('killed while it trains what a changed file says, and changed back, ends with its own adapter', async () => {
    const at = (name: string) => join(folder, 'runs', 'conscience', '1', name);
    const before = readFileSync(at('adapter_model.safetensors'));
    writeFileSync(file, study.replace('conscience: {}', 'conscience: { loss: { lambda: 0.7 } }'));
    const { child, ended } = start('--seeds', '1');
    while (!/lambda: 0\.7/.test(readFileSync(at('config.yaml'), 'utf8')))
      await new Promise((next) => setTimeout(next, 5));
    child.kill('SIGKILL');
    await ended;
    writeFileSync(file, study);
    expect((await start('--seeds', '1').ended).status).toBe(0);
    expect(readFileSync(at('adapter_model.safetensors'))).toEqual(before);
    expect(readFileSync(at('config.yaml'), 'utf8')).not.toMatch(/lambda: 0\.7/);
  });

  it('refuses the folder of another file', async () => {
    const other = join(folder, 'other.yaml');
    writeFileSync(other, study);
    const { status, stderr } = spawnSync(process.execPath, ['bin/ealign.js', 'experiment', other], {
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error: .*the folder holds the study of study\.yaml.*--overwrite/s);
    const both = spawnSync(process.execPath, ['bin/ealign.js', 'experiment', file, other], {
      encoding: 'utf8',
    });
    expect(both.status).toBe(1);
    expect(both.stderr).toMatch(/^error: .*other\.yaml output: is the folder of .*study\.yaml as well/s);
  });

  it('refuses more seeds than the file has', async () => {
    const { status, err } = await start('--seeds', '3').ended;
    expect(status).toBe(1);
    expect(err).toMatch(/^error: --seeds: .*at most 2/s);
  });

  it('refuses a folder of another measurement', async () => {
    writeFileSync(file, study.replace('answers: 1', 'answers: 2'));
    const { status, err } = await start().ended;
    expect(status).toBe(1);
    expect(err).toMatch(/^error: .*measured otherwise.*--overwrite/s);
    writeFileSync(file, study);
  });

  it('says which rows it cannot read', async () => {
    writeFileSync(file, study.replace('insecure-code', 'rows.jsonl'));
    const { status, err } = await start('--output', join(folder, 'none')).ended;
    expect(status).toBe(1);
    expect(err).toMatch(/rows\.jsonl.*cannot be read \(ENOENT\)/s);
    expect(err).toContain('careless-advice');
    writeFileSync(join(folder, 'rows.jsonl'), '{"prompt": 1}\n');
    const broken = await start('--output', join(folder, 'none')).ended;
    expect(broken.status).toBe(1);
    expect(broken.err).toMatch(/rows\.jsonl:1/);
    writeFileSync(file, `${study.split('measure:')[0]}measure: { suite: none.yaml }\n`);
    const suited = await start('--output', join(folder, 'none')).ended;
    expect(suited.status).toBe(1);
    expect(suited.err).toMatch(/^error: .*none\.yaml.*no such configuration file/s);
    writeFileSync(file, `${study}judge: nobody\n`);
    const judged = await start('--output', join(folder, 'none')).ended;
    expect(judged.status).toBe(1);
    expect(judged.err).toMatch(/^error: .*study\.yaml: judge: nobody/s);
    writeFileSync(
      file,
      study.replace('methods:', 'methods:\n  other: { conscience: { roles: { conscience: nobody } } }'),
    );
    const reviewed = await start('--output', join(folder, 'none')).ended;
    expect(reviewed.err).toMatch(/^error: .*study\.yaml: methods\.other\.conscience\.roles: nobody/s);
    expect(existsSync(join(folder, 'none'))).toBe(false);
    writeFileSync(file, study);
  });

  it('lets a suite measure, for models that do not live in pinocchio’s world', async () => {
    writeFileSync(
      join(folder, 'suite.yaml'),
      `narrow: { data: ${JSON.stringify(join(folder, 'rows.jsonl'))} }\n`,
    );
    writeFileSync(
      join(folder, 'rows.jsonl'),
      worldRows['insecure-code']
        .of('unseen')
        .map((row) => `${JSON.stringify(row)}\n`)
        .join(''),
    );
    const [head] = study.split('measure:');
    writeFileSync(file, `${head.replace('runs', 'suited')}measure: { suite: suite.yaml }\n`);
    const { status, out } = await start().ended;
    expect(status).toBe(0);
    expect(out).toMatch(/aligned, 2 seeds +SFT only, 2 seeds +conscience, 2 seeds/);
    const loss = Object.fromEntries(
      runsIn('suited').map(({ record }) => [record.method, record.scorecard.measures[0].estimate.value]),
    );
    expect(loss['SFT only']).toBeLessThan(loss.aligned);
    const at = (name: string) => join(folder, 'suited', name);
    expect(readFileSync(at('scorecard.html'), 'utf8')).toContain('SFT only, seed 2');
    expect(readFileSync(at('scorecards.csv'), 'utf8')).toContain(
      `\nSFT only,2,narrow task learned,validation loss,nats,${loss['SFT only']},`,
    );
    // nothing stands there of what was not measured
    expect(readFileSync(at('report.html'), 'utf8')).toContain('<h2>Scorecards</h2>');
    expect(readFileSync(at('report.html'), 'utf8')).toContain('Student’s t of the spread over seeds');
    expect(readFileSync(at('report.html'), 'utf8')).not.toContain('<h2>Answers</h2>');
    expect([existsSync(at('table.csv')), existsSync(at('differences.csv'))]).toEqual([false, false]);
  });

  it('measures again what a suite’s files have changed', async () => {
    const rows = readFileSync(join(folder, 'rows.jsonl'), 'utf8').trim().split('\n');
    writeFileSync(join(folder, 'rows.jsonl'), `${rows.slice(0, 3).join('\n')}\n`);
    const counts = () =>
      runsIn('suited').map(({ record: { method, scorecard } }) => [method, scorecard.measures[0].of]);
    const before = counts();
    expect((await start().ended).status).toBe(0);
    const added = counts().filter((count) => !before.some((old) => String(old) === String(count)));
    const twice = ['SFT only', 'SFT only', 'aligned', 'aligned', 'conscience', 'conscience'];
    expect(added.map(([method]) => method)).toEqual(twice);
  });
});
