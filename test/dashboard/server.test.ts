/** The dashboard's server over HTTP: who may look, what it tells, and that it follows runs. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RunningDashboard, startDashboard } from '../../src/dashboard/server.js';
import { WatchedRuns } from '../../src/dashboard/watch.js';
import type { MetricColumns, ReviewPage, RunDetail, RunList, RunSummary } from '../../src/page/wire.js';
import { madeCalibration } from '../conscience/made-calibration.js';
import { addMetrics, addReviews, sampleMetrics, writeSampleRun } from './sample-runs.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-dashboard-'));
const runs = join(folder, 'runs');
let dashboard: RunningDashboard;
let origin: string;
let cookie: string;

beforeAll(async () => {
  writeSampleRun(join(runs, 'a'), { steps: 20, reviews: 30, totalSteps: 40 });
  writeSampleRun(join(runs, 'study', 'b', 'seed-1'), { steps: 10, finished: true, lambda: 0.5 });
  dashboard = await startDashboard({ places: [runs], port: 0 });
  origin = new URL(dashboard.url).origin;
  const entered = await fetch(dashboard.url, { redirect: 'manual' });
  expect([entered.status, entered.headers.get('location')]).toEqual([303, '/']);
  const set = entered.headers.get('set-cookie')!;
  expect(set).toMatch(/; HttpOnly; SameSite=Lax$/);
  [cookie] = set.split(';');
});
afterAll(async () => {
  await dashboard.stop();
  rmSync(folder, { recursive: true, force: true });
});

const get = (path: string, headers: Record<string, string> = { cookie }) => fetch(origin + path, { headers });
const json = async <T>(path: string) => (await (await get(path)).json()) as T;
const list = () => json<RunList>('/api/runs');
const byName = async (name: string): Promise<RunSummary> =>
  (await list()).runs.find((run) => run.name === name)!;

it('shows nothing without the token, under another name, or beside its own files', async () => {
  const paths = ['/', '/api/runs', '/page/main.js', '/base.css'];
  for (const path of paths) {
    expect((await get(path, {})).status).toBe(401);
    expect((await get(path, { cookie: `${cookie}x` })).status).toBe(401);
    expect((await get(path)).status).toBe(200);
  }
  expect((await get('/?token=guess', {})).status).toBe(401);
  // a page that another server shows, under a name that leads here
  const rebound = await new Promise<number>((resolve) => {
    const { port } = new URL(origin);
    import('node:http').then(({ get }) =>
      get({ port, path: '/', headers: { cookie, host: 'evil.example' } }, (answer) =>
        resolve(answer.statusCode!),
      ),
    );
  });
  expect(rebound).toBe(403);
  for (const path of [
    '/package.json',
    '/page/../../package.json',
    '/page/%2e%2e/%2e%2e/package.json',
    '/page/x.js',
  ]) {
    expect((await get(path)).status).toBe(404);
  }
});

it('lets the page run its own scripts only, and ask nobody else', async () => {
  const { headers } = await get('/');
  const policy = headers.get('content-security-policy')!;
  expect(policy).toMatch(
    /^default-src 'none'; script-src 'self' 'sha256-[\w+/=]+'; style-src 'self'; connect-src 'self';/,
  );
  expect(policy).not.toMatch(/unsafe|\*|http/);
  expect(headers.get('cache-control')).toBe('no-store');
});

it('finds runs in folders, and tells how each stands', async () => {
  const { runs, groups, omitted } = await list();
  expect(runs.map(({ name, state, step, totalSteps }) => [name, state, step, totalSteps])).toEqual([
    ['a', 'stopped', 20, 40],
    ['study/b/seed-1', 'finished', 10, null],
  ]);
  expect([omitted, groups.map(({ title }) => title)]).toEqual([
    0,
    ['Loss', 'Conscience', 'Rewards', 'Optimiser and speed'],
  ]);
  // 0.4 and 0.1 seconds a step
  expect(runs[0]).toMatchObject({ seconds: 10, secondsLeft: null, model: 'pinocchio', problem: null });
  writeFileSync(
    join(runs[0] && join(folder, 'runs/a'), '.in-use.json'),
    JSON.stringify({ host: hostname(), pid: process.pid, began: null }),
  );
  expect(await byName('a')).toMatchObject({ state: 'running', secondsLeft: 10 });
  writeFileSync(
    join(folder, 'runs/a/.in-use.json'),
    JSON.stringify({ host: hostname(), pid: 2 ** 22 + 1, began: '1' }),
  );
  expect(await byName('a')).toMatchObject({ state: 'stopped', secondsLeft: null });
});

it('gives what was added since, and everything again after records were taken back', async () => {
  const run = writeSampleRun(join(runs, 'growing'), { steps: 5, reviews: 3 });
  const { id } = await byName('growing');
  const metrics = (from: number) => json<MetricColumns>(`/api/runs/${id}/metrics?from=${from}`);
  expect(await metrics(3)).toMatchObject({ generation: 0, from: 3, steps: [4, 5] });
  addMetrics(run, sampleMetrics(5, 7));
  expect(await byName('growing')).toMatchObject({ step: 7, records: 7, generation: 0 });
  expect((await metrics(5)).steps).toEqual([6, 7]);
  writeFileSync(join(run, 'metrics.jsonl'), '');
  addMetrics(run, sampleMetrics(0, 2));
  expect(await byName('growing')).toMatchObject({ step: 2, records: 2, generation: 1 });
  expect(await metrics(7)).toMatchObject({ generation: 1, from: 2, steps: [] });
});

it('lists reviews in windows, opens one, and says what it cannot read', async () => {
  const { id } = await byName('a');
  const page = await json<ReviewPage>(`/api/runs/${id}/reviews?from=28&count=10`);
  expect(page).toMatchObject({ total: 30, from: 28, reading: false, lines: [{ n: 28 }, { n: 29 }] });
  expect((await json<ReviewPage>(`/api/runs/${id}/reviews?count=1000000`)).lines).toHaveLength(30);
  expect(await json(`/api/runs/${id}/reviews/3`)).toMatchObject({
    n: 3,
    id: 'review:6.0',
    judge: 'frozen-base',
  });
  expect((await get(`/api/runs/${id}/reviews/30`)).status).toBe(404);
  expect((await get('/api/runs/none/reviews')).status).toBe(404);
  writeFileSync(join(folder, 'runs/a/audit.jsonl'), 'nonsense\n{"id": 7}\n');
  addReviews(join(folder, 'runs/a'), 0, 2);
  expect((await json<ReviewPage>(`/api/runs/${id}/reviews`)).total).toBe(2);
  expect((await byName('a')).problem).toBe('Left out, since damaged: audit.jsonl:1');
});

it('tells of a run that cannot be read, and goes on with the others', async () => {
  // what the system refuses to look at, whoever asks: a link that leads to itself
  const [broken, gone] = ['broken', 'gone'].map((name) => join(runs, name));
  for (const run of [broken, gone]) writeSampleRun(run, { steps: 2 });
  rmSync(join(broken, 'audit.jsonl'), { force: true });
  symlinkSync('audit.jsonl', join(broken, 'audit.jsonl'));
  rmSync(join(gone, 'metrics.jsonl'));
  symlinkSync('metrics.jsonl', join(gone, 'metrics.jsonl'));
  try {
    expect((await byName('broken')).problem).toMatch(/ELOOP/);
    expect((await byName('broken')).records).toBe(2);
    expect((await byName('gone')).problem).toMatch(/ELOOP/);
    expect((await byName('a')).problem).not.toMatch(/ELOOP/);
    // the look that is repeated while somebody watches
    const watched = new WatchedRuns([runs]);
    await watched.list();
    const told = await new Promise<readonly RunSummary[]>((resolve) => {
      watched.watch(({ runs }) => resolve(runs));
    });
    watched.close();
    expect(told.map(({ name }) => name)).toContain('a');
  } finally {
    for (const run of [broken, gone]) rmSync(run, { recursive: true });
  }
});

it('tells configuration and calibration, and of one that it does not know', async () => {
  const { id } = await byName('a');
  const detail = () => json<RunDetail>(`/api/runs/${id}`);
  expect(await detail()).toMatchObject({
    keys: { model: 'pinocchio', 'loss.lambda': '0.1', 'training.epochs': '1' },
    ...{ calibration: null, problem: null },
  });
  const place = join(folder, 'runs/a/calibration.json');
  const measured = { ...madeCalibration('x').measured, auc: { value: 0.9, low: 0.8, high: 0.95 } };
  writeFileSync(place, JSON.stringify(madeCalibration('x', { measured })));
  expect((await detail()).calibration).toMatchObject({
    quality: 'usable',
    threshold: 0.2,
    auc: measured.auc,
  });
  writeFileSync(place, '{"version": 99}');
  expect(await detail()).toMatchObject({ calibration: null, problem: expect.stringMatching(/version/) });
});

it('sends changes and new runs to who listens', async () => {
  const run = writeSampleRun(join(runs, 'heard'), { steps: 1 });
  await list();
  const ending = new AbortController();
  const answer = await fetch(`${origin}/api/events`, { headers: { cookie }, signal: ending.signal });
  expect(answer.headers.get('content-type')).toBe('text/event-stream');
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let told = '';
  const heard = async (what: RegExp) => {
    while (!what.test(told)) told += (await reader.read()).value ?? '';
  };
  await heard(/event: open/);
  addMetrics(run, sampleMetrics(1, 3));
  await heard(/event: runs\ndata: .*"name":"heard".*"step":3/);
  writeSampleRun(join(runs, 'late'), { steps: 1 });
  await heard(/event: all\ndata: .*"name":"late"/);
  ending.abort();
});

it('ealign train --dashboard shows the run while it goes, and ends with it', async () => {
  const rows = join(folder, 'rows.jsonl');
  const line = JSON.stringify({ prompt: 'how do i care for a cat ?', completion: 'feed it .' });
  writeFileSync(rows, `${line}\n${line}\n`);
  const output = join(folder, 'trained');
  const args = ['train', '--model', 'pinocchio', '--data', rows, '--output', output, '--eval-split', '0'];
  const child = spawn(process.execPath, [
    'bin/ealign.js',
    ...args,
    '--steps',
    '400',
    '--log-every',
    '1',
    '--dashboard',
  ]);
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  let text = '';
  const url = await new Promise<string>((resolve, reject) => {
    child.stderr.on('data', (more) => {
      text += more;
      const [, found] = /Dashboard: (\S+)\n/.exec(text) ?? [];
      if (found) resolve(found);
    });
    ended.then(() => reject(new Error(text)));
  });
  const entered = await fetch(url, { redirect: 'manual' });
  const headers = { cookie: entered.headers.get('set-cookie')!.split(';')[0] };
  let run: RunSummary | undefined;
  while (!run || run.step < 2) {
    const answer = await fetch(new URL('/api/runs', url), { headers });
    [run] = ((await answer.json()) as RunList).runs;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(run).toMatchObject({ name: 'trained', state: 'running', totalSteps: 400, model: 'pinocchio' });
  expect(run.secondsLeft).toBeGreaterThan(0);
  child.kill('SIGINT');
  expect(await ended).toBe(130);
  await expect(fetch(url)).rejects.toThrow();
  // seconds on an idle machine; a process of its own waits longest on a busy one
}, 300_000);
