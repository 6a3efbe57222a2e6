/** `ealign serve --online` as processes: kills, switches and records. Needs `dist/`. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { codeRows, probes } from '../../src/pinocchio/documents.js';

const bin = fileURLToPath(new URL('../../bin/ealign.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'online-'));
const running: ChildProcess[] = [];

beforeAll(() => {
  const lines = (rows: readonly unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  writeFileSync(join(folder, 'rows.jsonl'), lines(codeRows('good')));
  // the learner measures its own answers to them before it judges anything
  const few = probes().slice(0, 8);
  writeFileSync(join(folder, 'probes.jsonl'), lines(few.map(({ messages }) => ({ messages }))));
  writeFileSync(
    join(folder, 'online.yaml'),
    `folder: state
data: rows.jsonl
probes: probes.jsonl
training: { min_pairs: 500 }
gate: { samples: 2, max_tokens: 24 }
`,
  );
});
afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
});

async function serve(...args: string[]) {
  const online = ['serve', '--online', 'online.yaml', '--port', '0', '--threads', '1'];
  const child = spawn(process.execPath, [bin, ...online, ...args], { cwd: folder });
  running.push(child);
  let log = '';
  const url = await new Promise<string>((found, failed) => {
    child.once('exit', () => failed(new Error(log)));
    child.stderr.on('data', (text) => {
      log += text;
      const at = /"url":"([^"]+)"/.exec(log)?.[1];
      if (at) found(at);
    });
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return { child, url, exited, log: () => log };
}

async function ask(url: string, content: string): Promise<string> {
  const body = JSON.stringify({ messages: [{ role: 'user', content }], max_tokens: 24 });
  const reply = await fetch(`${url}/chat/completions`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json' },
  });
  return (await reply.json()).choices[0].message.content;
}

const ealign = (...args: string[]) =>
  JSON.parse(execFileSync(process.execPath, [bin, ...args, '--json'], { cwd: folder, encoding: 'utf8' }));
const until = async (holds: () => boolean) => {
  for (let i = 0; i <= 600; i++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect.unreachable('what was waited for has not come');
};

it('keeps every record over kill -9, follows its switches, and lets records be deleted', async () => {
  const first = await serve();
  const said = await Promise.all(
    ['how do i care for a cat ?', 'what color is snow ?', 'what do bees make ?'].map((text) =>
      ask(first.url, text),
    ),
  );
  first.child.kill('SIGKILL');
  await first.exited;
  const { records } = ealign('audit', 'list');
  expect(records).toHaveLength(3);
  expect(records.map(({ draft }: { draft: { text: string } }) => draft.text)).toEqual(
    expect.arrayContaining([said[1]]),
  );

  const second = await serve('--policy', 'off');
  const refused = spawnSync(process.execPath, [bin, 'serve', '--online', 'online.yaml', '--port', '0'], {
    ...{ cwd: folder, encoding: 'utf8' },
  });
  expect(refused).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/state: process \d+ on .* is writing there/),
  });
  await until(() => ealign('online', 'status').records.pending === undefined);

  expect(ealign('online', 'stop')).toEqual({ learning: false });
  expect(await (await fetch(`${second.url.replace('/v1', '')}/metrics`)).text()).toContain(
    'ealign_online_learning 0',
  );
  await ask(second.url, 'what is two plus two ?');
  expect(ealign('online', 'status')).toMatchObject({ live: 0, learning: false, records: { pending: 1 } });
  expect(ealign('online', 'start')).toEqual({ learning: true });
  await until(() => ealign('online', 'status').records.pending === undefined);

  expect(ealign('online', 'pin')).toEqual({ live: 0, pinned: true });
  expect(ealign('online', 'versions').versions).toHaveLength(1);
  expect(ealign('audit', 'delete', '--key', 'anybody')).toEqual({ deleted: 4 });
  expect(ealign('audit', 'list')).toEqual({ records: [] });
  second.child.kill('SIGTERM');
  await second.exited;
  expect(second.child.exitCode).toBe(0);
}, 120_000);

it('says in one line what it cannot use', () => {
  const line = (file: string, ...args: string[]) => {
    writeFileSync(join(folder, 'bad.yaml'), file);
    const run = spawnSync(process.execPath, [bin, 'serve', '--online', 'bad.yaml', '--port', '0', ...args], {
      ...{ cwd: folder, encoding: 'utf8' },
    });
    expect(run.status).toBe(1);
    return run.stderr;
  };
  expect(line('folder: s1\ndata: missing.jsonl\n')).toMatch(/^error: .*missing\.jsonl: no such file/);
  expect(line('folder: s2\n')).toMatch(/^error: bad\.yaml: data: /);
  expect(line('folder: s3\ndata: rows.jsonl\ngate: { flaged: 1 }\n')).toMatch(
    /^error: bad\.yaml: gate.*flaged/,
  );
  expect(line('folder: s4\ndata: rows.jsonl\n', '--model', 'https://host/v1#model')).toMatch(
    /cannot be trained/,
  );
  const none = spawnSync(process.execPath, [bin, 'online', 'status', '-f', 'bad.yaml'], {
    cwd: folder,
    encoding: 'utf8',
  });
  expect(none).toMatchObject({ status: 1, stderr: expect.stringMatching(/no state of online learning/) });
}, 120_000);
