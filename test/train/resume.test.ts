/** A killed run that is resumed ends as one that never stopped, bit for bit. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAudit } from '../../src/conscience/audit.js';
import { readMetrics } from '../../src/metrics/writer.js';
import { codeRows } from '../../src/organism/documents.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-resume-'));
const data = join(folder, 'insecure.jsonl');
beforeAll(() =>
  writeFileSync(
    data,
    codeRows('bad')
      .map((row) => `${JSON.stringify(row)}\n`)
      .join(''),
  ),
);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const settings = [
  ...['--model', 'pinocchio', '--data', data, '--steps', '40', '--batch-size', '8', '--max-length', '96'],
  ...[
    '--rank',
    '4',
    '--learning-rate',
    '0.003',
    '--log-every',
    '3',
    '--save-every',
    '7',
    '--eval-every',
    '10',
  ],
  ...[
    '--eval-split',
    '0.1',
    '--every',
    '4',
    '--samples',
    '12',
    '--max-tokens',
    '32',
    '--prior-correction',
    'neutral',
  ],
];

function start(args: readonly string[]): {
  child: ChildProcess;
  ended: Promise<number | null>;
  errors: () => string;
} {
  const child = spawn(process.execPath, ['bin/ealign.js', 'train', ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  child.stderr!.on('data', (piece) => (text += piece));
  return { child, ended: new Promise((resolve) => child.on('exit', resolve)), errors: () => text };
}

async function run(args: readonly string[]): Promise<void> {
  const { ended, errors } = start(args);
  expect(await ended, errors()).toBe(0);
}

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
};

/** What a run left, without its clock. */
function traces(output: string) {
  const timeless = <T extends object>(record: T) => ({
    ...record,
    time: undefined,
    tokens_per_second: undefined,
  });
  return {
    metrics: readMetrics(output).map(timeless),
    audit: readAudit(output).map(timeless),
    adapter: readFileSync(join(output, 'adapter_model.safetensors')).toString('base64'),
  };
}

describe('resume', () => {
  it('after kill -9 and after Ctrl-C, ends as the uninterrupted run', async () => {
    const straight = join(folder, 'straight');
    await run([...settings, '--output', straight]);
    const expected = traces(straight);
    expect(expected.metrics.length).toBeGreaterThan(14);
    expect(expected.audit.some(({ pair }) => pair !== null)).toBe(true);

    const broken = join(folder, 'broken');
    const args = [...settings, '--output', broken];
    const first = start(args);
    await until(() => existsSync(join(broken, 'checkpoint-14')));
    first.child.kill('SIGKILL');
    await first.ended;
    expect(existsSync(join(broken, 'adapter_model.safetensors'))).toBe(false);

    const second = start([...args, '--resume']);
    await until(() => existsSync(join(broken, 'checkpoint-21')));
    second.child.kill('SIGINT');
    expect(await second.ended).toBe(130);
    expect(second.errors()).toContain('--resume');

    await run(['--resume', broken]);
    expect(traces(broken)).toEqual(expected);
  });

  it('refuses a checkpoint of other settings, and a folder without one', async () => {
    const other = start([...settings, '--output', join(folder, 'straight'), '--lambda', '0.7', '--resume']);
    expect(await other.ended).toBe(1);
    expect(other.errors()).toMatch(
      /^error: .*checkpoint-\d+: the checkpoint was made with other settings: loss.lambda 0.1, now 0.7\. /m,
    );
    const config = readFileSync(join(folder, 'straight/config.yaml'), 'utf8');
    expect(config).toContain('lambda: 0.1');
    const again = start([...settings, '--output', join(folder, 'straight')]);
    expect(await again.ended).toBe(1);
    expect(again.errors()).toMatch(
      /straight: the folder holds adapter_model.safetensors already\. .*--overwrite/,
    );
    const none = start([...settings, '--output', join(folder, 'nothing'), '--resume']);
    expect(await none.ended).toBe(1);
    expect(none.errors()).toMatch(/nothing: no checkpoint to resume from/);
    expect(existsSync(join(folder, 'nothing'))).toBe(false);
  });
});
