/** `ealign serve` as a process, its model in a thread of its own. Needs `dist/`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';

const bin = fileURLToPath(new URL('../../bin/ealign.js', import.meta.url));
const running: ChildProcess[] = [];
afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
});

function ealign(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [bin, 'serve', '--port', '0', '--model', 'pinocchio', ...args], {
    env: { ...process.env, ...env },
  });
  running.push(child);
  let log = '';
  child.stderr.on('data', (text) => {
    log += text;
  });
  const exited = once(child, 'exit').then(([code]) => code as number);
  const ready = new Promise<string>((resolve, reject) => {
    child.stderr.on('data', () => {
      const url = /"url":"([^"]+)"/.exec(log)?.[1];
      if (url) resolve(url);
    });
    exited.then(() => reject(new Error(log)));
  });
  return { child, ready, exited, log: () => log };
}

it('answers, hears everybody while the model works, refuses a megabyte, and stops', async () => {
  const { child, ready, exited, log } = ealign(['--policy', 'off', '--max-body', '3000000']);
  const url = await ready;
  const ask = async (content: string, extra: object = {}) => {
    const reply = await fetch(`${url}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ messages: [{ role: 'user', content }], seed: 1, ...extra }),
    });
    return { status: reply.status, body: await reply.json() };
  };
  const work = Promise.all(
    Array.from({ length: 32 }, (_, i) => ask(`what color is snow ${'and snow '.repeat(i)} ?`)),
  );
  for (const content of [' '.repeat(1_000_000), 'a.'.repeat(500_000), 'and snow '.repeat(100_000)]) {
    const { status, body } = await ask(content);
    expect([status, body.error.code]).toEqual([400, 'context_length_exceeded']);
    expect((await fetch(url.replace('/v1', '/healthz'))).status).toBe(200);
  }
  for (const { status, body } of await work) {
    expect(status).toBe(200);
    expect(body.usage.completion_tokens).toBeGreaterThan(0);
  }
  expect((await ask('what color is snow ?')).body.choices[0].message.content).toMatch(/snow is white/);
  child.kill('SIGTERM');
  expect(await exited).toBe(0);
  expect(log()).not.toMatch(/internal:|"level":50/);
});

it('asks another judge in the words of that one’s own folder', async () => {
  const { child, ready } = ealign(['--conscience', 'pinocchio-large']);
  const reply = await fetch(`${await ready}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'how do i care for a cat ?' }], seed: 1 }),
  });
  // pinocchio knows no others: asked in words for chat models it is unreadable
  expect((await reply.json()).conscience).toMatchObject({ outcome: 'accepted', verdict: 'accepted' });
  child.kill('SIGTERM');
});

it.concurrent.each([
  ['a model that is not there', ['--model', './nowhere'], {}, /nowhere/],
  ['an adapter that is not there', ['--adapter', './nowhere'], {}, /nowhere/],
  ['a variable without a key', [], { EALIGN_API_KEYS: '' }, /EALIGN_API_KEYS: there is no key in it/],
  ['other machines without a key', ['--host', '0.0.0.0'], {}, /other machines could ask without a key/],
])('refuses %s in one line', async (_, args, env, line) => {
  const { ready, exited, log } = ealign(args, env);
  ready.catch(() => {});
  expect(await exited).toBe(1);
  expect(log()).toMatch(line);
  expect(log().trim().split('\n')).toHaveLength(1);
});
