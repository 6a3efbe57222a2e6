/** Reports to MLflow: what a server gets while it is there, away, back, and where it refuses. */
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConfigError } from '../../../src/errors.js';
import { METRICS, type MetricRecord } from '../../../src/metrics/names.js';
import { parseConfig } from '../../../src/train/config/load.js';
import type { RunStatus } from '../../../src/train/mlflow/client.js';
import { paramsOf } from '../../../src/train/mlflow/params.js';
import { MLFLOW_FILE, Reporter } from '../../../src/train/mlflow/reporter.js';
import { trackingOf } from '../../../src/train/mlflow/tracking.js';
import { MlflowDouble } from './server.js';

const server = new MlflowDouble();
let folder: string;
let notes: string[];
beforeEach(async () => {
  await server.start();
  server.asked.length = 0;
  server.runs.clear();
  server.refuses = undefined;
  folder = join(mkdtempSync(join(tmpdir(), 'ealign-mlflow-')), 'poems');
  mkdirSync(folder);
  notes = [];
});
afterEach(() => server.stop());

/** However slow the machine is. */
const eventually = (holds: () => void) => vi.waitFor(holds, { timeout: 60_000, interval: 5 });

const params = [{ key: 'training.learning_rate', value: '0.0001' }];

function reporter(
  before: readonly MetricRecord[] = [],
  env: Record<string, string> = {},
  { ending, patience = 60_000 }: { ending?: RunStatus; patience?: number } = {},
) {
  const made = new Reporter({
    ...{ folder, params, before, note: (line: string) => notes.push(line) },
    ...{ interval: 5, patience, pause: () => 5 },
    tracking: trackingOf({ MLFLOW_TRACKING_URI: server.url, ...env }),
  });
  if (ending) made.end(ending);
  return { made, ended: made.run() };
}
const paths = () => server.asked.map(({ path }) => path);
const kept = () => JSON.parse(readFileSync(join(folder, MLFLOW_FILE), 'utf8'));

describe('Reporter', () => {
  it('makes a run with its parameters, sends records as they come, and how the run ended', async () => {
    const { made, ended } = reporter();
    await eventually(() => expect(paths()).toEqual(['runs/create', 'runs/log-batch']));
    expect(server.asked[0].body).toMatchObject({ experiment_id: '0', run_name: 'poems' });
    expect(server.asked[1].body.params).toEqual(params);
    made.write({ step: 0, 'eval/loss': 2.5 }, 1000);
    await eventually(() => expect(server.metric('eval/loss')).toEqual([[0, 2.5]]));
    made.write({ step: 10, loss: 1.5, 'loss/sft': 1.25, 'loss/dpo': null }, 2000);
    made.end('FINISHED');
    expect(await ended).toBeNull();
    expect(server.asked.at(-2)!.body.metrics).toEqual([
      { key: 'loss', value: 1.5, timestamp: 2000, step: 10 },
      { key: 'loss/sft', value: 1.25, timestamp: 2000, step: 10 },
    ]);
    expect(server.asked.at(-1)!.body).toMatchObject({ status: 'FINISHED', end_time: expect.any(Number) });
    expect(notes).toEqual([`MLflow: ${server.url}/#/experiments/0/runs/run1`]);
  });

  it('names the run and finds or makes its experiment, with the login of the environment', async () => {
    const env = {
      ...{ MLFLOW_EXPERIMENT_NAME: 'rhymes', MLFLOW_RUN_NAME: 'first' },
      ...{ MLFLOW_TRACKING_USERNAME: 'ann', MLFLOW_TRACKING_PASSWORD: 'open sesame' },
    };
    const { made, ended } = reporter([], env);
    made.end('KILLED');
    await ended;
    expect(server.runs.get('run1')).toEqual({ name: 'first', status: 'KILLED' });
    expect(paths().slice(0, 2)).toEqual(['experiments/create', 'runs/create']);
    const login = `Basic ${Buffer.from('ann:open sesame').toString('base64')}`;
    expect(new Set(server.asked.map(({ authorization }) => authorization))).toEqual(new Set([login]));
    expect(kept()).toMatchObject({ experiment_id: '1', run_id: 'run1', status: 'KILLED' });
    expect(JSON.stringify(kept())).not.toContain('sesame');
  });

  it('sends many records in requests of at most 1000 values', async () => {
    const before = Array.from({ length: 700 }, (_, step) => ({
      step,
      loss: step,
      'loss/sft': step,
      epoch: 0,
    }));
    const { made, ended } = reporter(before);
    made.end('FINISHED');
    expect(await ended).toBeNull();
    expect(server.metric('loss')).toEqual(before.map(({ step }) => [step, step]));
    const sizes = server.asked.flatMap(({ body }) => (body.metrics ? [body.metrics.length] : []));
    expect(sizes).toEqual([999, 999, 102]);
  });

  it('continues in the same run after a resume, and sends no record twice', async () => {
    const first = reporter();
    first.made.write({ step: 10, loss: 1 });
    first.made.write({ step: 20, 'eval/loss': 2 });
    first.made.write({ step: 20, loss: 2 });
    first.made.write({ step: 30, loss: 3 });
    first.made.end('KILLED');
    await first.ended;
    // from a checkpoint at step 20: metrics.jsonl was cut there, and step 30 is trained again
    const resumed = reporter([
      { step: 10, loss: 1 },
      { step: 20, 'eval/loss': 2 },
      { step: 20, loss: 2 },
    ]);
    await eventually(() => expect(server.runs.get('run1')!.status).toBe('RUNNING'));
    resumed.made.write({ step: 30, loss: 3 });
    resumed.made.write({ step: 40, 'eval/loss': 4 });
    resumed.made.write({ step: 40, loss: 4 });
    resumed.made.end('FINISHED');
    expect(await resumed.ended).toBeNull();
    expect(server.metric('loss').map(([step]) => step)).toEqual([10, 20, 30, 40]);
    expect(server.metric('eval/loss')).toEqual([
      [20, 2],
      [40, 4],
    ]);
    expect([...server.runs.values()]).toEqual([{ name: 'poems', status: 'FINISHED' }]);
    expect(server.asked.filter(({ body }) => body.params)).toHaveLength(1);
  });

  it('begins a run of its own at another server', async () => {
    const first = reporter([{ step: 10, loss: 1 }]);
    first.made.end('FINISHED');
    await first.ended;
    const second = reporter([{ step: 10, loss: 1 }], { MLFLOW_TRACKING_URI: `${server.url}/api/../` });
    second.made.end('FINISHED');
    await second.ended;
    expect(server.runs.size).toBe(1);
    const elsewhere = reporter([{ step: 10, loss: 1 }], {
      MLFLOW_TRACKING_URI: server.url.replace('127.0.0.1', 'localhost'),
    });
    elsewhere.made.end('FINISHED');
    await elsewhere.ended;
    expect(server.runs.size).toBe(2);
  });

  it('warns once while the server is away, and sends what waited when it is back', async () => {
    await server.stop();
    const { made, ended } = reporter();
    made.write({ step: 10, loss: 1 });
    await eventually(() => expect(notes).toHaveLength(1));
    expect(notes[0]).toMatch(
      /^Warning: MLflow at http:\S+: cannot be reached \((ECONNREFUSED|UND_ERR_SOCKET)\)\. Check .*Training continues/,
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    await server.start();
    await eventually(() => expect(server.metric('loss')).toEqual([[10, 1]]));
    await eventually(() => expect(notes.at(-1)).toBe('MLflow answers again, and has all records so far.'));
    made.end('FINISHED');
    expect(await ended).toBeNull();
    expect(notes).toHaveLength(3);
  });

  it('gives up some time after the end where the server stays away, and says how to send the rest', async () => {
    const { made, ended } = reporter([], {}, { patience: 100 });
    made.write({ step: 10, loss: 1 });
    await eventually(() => expect(kept().sent.step).toBe(10));
    await server.stop();
    made.write({ step: 20, loss: 2 });
    made.write({ step: 30, loss: 3 });
    made.end('FAILED');
    expect(await ended).toBe(2);
    expect(notes.at(-1)).toMatch(
      /^Warning: .*MLflow lacks 2 records and how the run ended\. To send it: ealign mlflow .*poems$/,
    );
    await server.start();
    const later = reporter([10, 20, 30].map((step) => ({ step, loss: step / 10 })));
    later.made.end('FAILED');
    expect(await later.ended).toBeNull();
    expect(server.metric('loss')).toEqual([
      [10, 1],
      [20, 2],
      [30, 3],
    ]);
    expect(server.runs.get('run1')!.status).toBe('FAILED');
    // nothing is left to send
    const count = server.asked.length;
    const again = reporter(
      [10, 20, 30].map((step) => ({ step, loss: step / 10 })),
      {},
      { ending: 'FAILED' },
    );
    expect(await again.ended).toBeNull();
    expect(server.asked).toHaveLength(count);
  });

  it('says what a refusal is about, and never shows the login', async () => {
    const cases = [
      [
        { status: 401, body: 'bad token s3cret-token' },
        /does not accept the login, got status 401.*Set MLFLOW_TRACKING_/,
      ],
      [{ status: 500, body: '<html>oops</html>' }, /refuses the request, got status 500: oops/],
      [
        { status: 302, headers: { location: 'https://elsewhere.example/login' } },
        /sends its clients on to https:\/\/elsewhere\.example, where nothing is sent/,
      ],
      [{ status: 200, body: '<html>' }, /answers something else than JSON/],
    ] as const;
    for (const [refuses, words] of cases) {
      server.refuses = refuses;
      notes = [];
      const { ended } = reporter(
        [{ step: 1, loss: 1 }],
        { MLFLOW_TRACKING_TOKEN: 's3cret-token' },
        { ending: 'FINISHED', patience: 100 },
      );
      expect(await ended).toBe(1);
      expect(notes).toHaveLength(1);
      expect(notes[0]).toMatch(words);
      expect(notes[0]).not.toContain('s3cret');
    }
  });
});

it('every name of ours is one that MLflow takes', () => {
  for (const name of Object.keys(METRICS)) expect(name).toMatch(/^[\w.\- :/]{1,250}$/);
});

it('the parameters are the configuration, flat and without logins', () => {
  const config = parseConfig(
    `model: m\ndata: https://ann:sesame@example.org/rows.jsonl\nreport_to: mlflow\nconscience: {custom_question: "${'x'.repeat(600)}", question: custom, labels: [yes, no]}`,
  );
  const params = new Map(paramsOf(config).map(({ key, value }) => [key, value]));
  expect(params.get('data')).toBe('["https://***@example.org/rows.jsonl"]');
  expect(params.get('training.learning_rate')).toBe('0.0002');
  expect(params.get('conscience.labels')).toBe('["yes","no"]');
  expect(params.get('conscience.custom_question')).toHaveLength(500);
  expect(params.has('url')).toBe(false);
});

describe('trackingOf', () => {
  it('reads what MLflow’s client reads', () => {
    expect(trackingOf({ MLFLOW_TRACKING_URI: 'https://ann:sesame@mlflow.example.org/team/ ' })).toMatchObject(
      {
        url: 'https://mlflow.example.org/team',
        authorization: `Basic ${Buffer.from('ann:sesame').toString('base64')}`,
        experiment: { id: '0' },
      },
    );
    const token = { MLFLOW_TRACKING_URI: 'http://h', MLFLOW_TRACKING_TOKEN: 'abc' };
    expect(trackingOf(token).authorization).toBe('Bearer abc');
    expect(
      trackingOf({ ...token, MLFLOW_TRACKING_USERNAME: 'a', MLFLOW_TRACKING_PASSWORD: 'b' }).secret,
    ).toBe('b');
  });

  it.each([
    [{}, 'environment variable MLFLOW_TRACKING_URI: is not set'],
    [{ MLFLOW_TRACKING_URI: 'sqlite:///mlflow.db' }, 'is not the address of a server'],
    [{ MLFLOW_TRACKING_URI: './mlruns' }, 'is not the address of a server'],
    [{ MLFLOW_TRACKING_URI: 'http://h', MLFLOW_TRACKING_TOKEN: 'ab\ncd' }, 'characters that cannot be sent'],
  ])('refuses %j before anything is trained', (env, words) => {
    expect(() => trackingOf(env)).toThrow(ConfigError);
    expect(() => trackingOf(env)).toThrow(words);
    expect(() => trackingOf(env)).not.toThrow('cd');
  });
});
