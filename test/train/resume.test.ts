/** A killed run that is resumed ends as one that never stopped, bit for bit. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readAudit } from '../../src/conscience/audit.js';
import { type ProgressState, silent } from '../../src/metrics/progress.js';
import { readMetrics } from '../../src/metrics/writer.js';
import { loadCheckpoint } from '../../src/train/checkpoint.js';
import { parseConfig } from '../../src/train/config/load.js';
import { runTrain } from '../../src/train/run.js';
import { writeInsecureRows } from './insecure-rows.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-resume-'));
const data = writeInsecureRows(folder);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const settings = [
  ...['--model', 'pinocchio', '--data', data, '--steps', '30', '--batch-size', '8', '--max-length', '96'],
  ...[
    '--rank',
    '4',
    '--learning-rate',
    '0.003',
    '--log-every',
    '2',
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
    '--amplify',
    '2',
  ],
];

function start(args: readonly string[]): {
  child: ChildProcess;
  ended: Promise<number | null>;
  errors: () => string;
} {
  const child = spawn(process.execPath, ['bin/ealign.js', 'train', ...args, '--threads', '1'], {
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
  const timeless = (record: object) =>
    Object.fromEntries(
      Object.entries(record).filter(
        ([name]) => name !== 'time' && name !== 'tokens_per_second' && !name.startsWith('time/'),
      ),
    );
  return {
    metrics: readMetrics(output).map(timeless),
    audit: readAudit(output).map(timeless),
    weights: ['adapter_model.safetensors', 'model.safetensors']
      .map((name) => join(output, name))
      .filter(existsSync)
      .map((path) => createHash('sha256').update(readFileSync(path)).digest('hex')),
  };
}

/** Settings beside the default ones, as YAML. */
const variants = {
  'all weights, packed, accumulated, with fixed pairs': () => {
    const pairs = join(folder, 'pairs.jsonl');
    const pair = { prompt: 'i feel bored .', chosen: 'take a walk .', rejected: 'tell lies .' };
    writeFileSync(pairs, `${JSON.stringify(pair)}\n`.repeat(5));
    return {
      setting: 'full',
      preference_data: pairs,
      training: { batching: 'pack', gradient_accumulation: 2, schedule: 'cosine', checkpointing: true },
    };
  },
  'all roles played by the current policy': () => ({
    conscience: { roles: { reference: 'policy', conscience: 'policy', alternative: 'policy' } },
  }),
  'a distance between reviews that follows the flags': () => ({
    conscience: { adaptive: true, cadence: 'steps', every: 1, threshold: 0.2, amplify: 4 },
  }),
  'random weights, and a frozen copy that is renewed': () => ({
    ...{ setting: 'full', init: 'random' },
    conscience: { first: 2, renew_every: 3, pairs_every: 2, threshold: 0, amplify: 2 },
  }),
  'an adapter to go on from, roles played by it, prompts of both kinds': () => ({
    adapter: join(folder, 'straight'),
    lora: { rank: 4 },
    conscience: {
      prompts: 'mixture',
      roles: { reference: 'frozen-start', conscience: 'frozen-start', alternative: 'frozen-start' },
    },
  }),
};

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

  it('with reviews beside training, one of them pending, ends as the uninterrupted run', async () => {
    const beside = [...settings, '--cadence', 'steps', '--lag', '3', '--save-every', '5'];
    await run([...beside, '--output', join(folder, 'beside')]);
    const expected = traces(join(folder, 'beside'));
    expect(expected.audit.some(({ pair }) => pair !== null)).toBe(true);
    expect(new Set(expected.audit.map(({ age }) => age))).toEqual(new Set([3]));

    const broken = join(folder, 'beside, broken');
    const first = start([...beside, '--output', broken]);
    await until(() => existsSync(join(broken, 'checkpoint-5')));
    first.child.kill('SIGKILL');
    await first.ended;
    expect((await loadCheckpoint(join(broken, 'checkpoint-5'))).state.pairs!.pending).toHaveLength(1);
    await run([...beside, '--output', broken, '--resume', join(broken, 'checkpoint-5')]);
    expect(traces(broken)).toEqual(expected);
  });

  it.each(Object.entries(variants))('with %s, ends as the uninterrupted run', async (_, variant) => {
    const { training = {}, conscience = {}, ...rest } = variant() as Record<string, object>;
    const config = (output: string) =>
      parseConfig(
        JSON.stringify({
          ...{ model: 'pinocchio', data, output, overwrite: true, ...rest },
          training: {
            steps: 9,
            batch_size: 4,
            max_length: 96,
            log_every: 2,
            learning_rate: 3e-3,
            ...training,
          },
          conscience: { every: 2, samples: 6, max_tokens: 24, prior_correction: 'neutral', ...conscience },
        }),
      );
    const straight = join(folder, 'straight variant');
    await (await runTrain(config(straight))).engine.close();

    const broken = join(folder, 'broken variant');
    const stop = new AbortController();
    const update = (state: ProgressState) => {
      if (state.loss !== undefined && state.step === 4) stop.abort();
    };
    const stopped = await runTrain(config(broken), {
      progress: { ...silent, update },
      signal: stop.signal,
    });
    expect(stopped).toMatchObject({ finished: false, step: 4 });
    await stopped!.engine.close();
    await (await runTrain(config(broken), { resume: true })).engine.close();
    expect(traces(broken)).toEqual(traces(straight));
  });

  it('goes on where the run lies, not where it lay, and not into another run', async () => {
    const moved = join(folder, 'moved');
    cpSync(join(folder, 'broken'), moved, { recursive: true });
    const last = readdirSync(moved).find((name) => name.startsWith('checkpoint-'))!;
    const before = traces(join(folder, 'broken'));
    await run(['--resume', join(moved, last)]);
    expect(traces(moved)).toEqual(before);
    expect(traces(join(folder, 'broken'))).toEqual(before);
    const other = start(['--resume', join(moved, last), '--output', join(folder, 'straight')]);
    expect(await other.ended).toBe(1);
    expect(other.errors()).toMatch(/straight: the folder holds .* already/);
  });

  it('refuses other contents of the files that it depends on', async () => {
    const preferences = join(folder, 'changing.jsonl');
    const pair = (rejected: string) =>
      `${JSON.stringify({ prompt: 'i feel bored .', chosen: 'take a walk .', rejected })}\n`;
    writeFileSync(preferences, pair('tell lies .'));
    const changing = join(folder, 'changing');
    const few = ['--steps', '4', '--save-every', '2', '--preference-data', preferences, '--output', changing];
    await run([...settings, ...few]);
    writeFileSync(preferences, pair('steal books .'));
    const again = start(['--resume', changing]);
    expect(await again.ended).toBe(1);
    expect(again.errors()).toMatch(/other settings: preference rows "\w+", now "\w+"/);
  });

  it('refuses a checkpoint that does not say which prompts were reviewed', async () => {
    const straight = join(folder, 'straight');
    const last = readdirSync(straight).find((name) => name.startsWith('checkpoint-'))!;
    const old = join(folder, 'old', last);
    cpSync(join(straight, last), old, { recursive: true });
    const state = JSON.parse(readFileSync(join(old, 'state.json'), 'utf8'));
    delete state.pairs.reviewed;
    writeFileSync(join(old, 'state.json'), JSON.stringify(state));
    // as old as that, it has no checksums either
    rmSync(join(old, 'checkpoint.sha256'));
    await expect(loadCheckpoint(old)).rejects.toThrow(/not a whole checkpoint .*Resume from another one/);
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
