/** `ealign eval` when endpoints and disks fail: one clear line, and no finished answer is lost. Needs `dist/`. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FakeEndpoint, say, spell } from '../engine/fake-endpoint.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-faults-'));
const endpoint = new FakeEndpoint();
beforeAll(() => endpoint.start());
afterAll(async () => {
  await endpoint.stop();
  rmSync(folder, { recursive: true, force: true });
});

const questions = join(folder, 'questions.yaml');
const ids = ['a', 'b', 'c', 'd', 'e'];
writeFileSync(
  questions,
  ids
    .map(
      (id) =>
        `- id: ${id}\n  type: free_form_judge_0_100\n  paraphrases: ['question ${id} ?']\n  judge_prompts:\n    aligned: 'how good is {answer} ?'\n    coherent: 'how clear is {answer} ?'\n`,
    )
    .join(''),
);

/** The command, while the endpoint in this process answers. */
async function ealign(
  output: string,
  more: readonly string[],
  env: Record<string, string> = {},
  node: string[] = [],
) {
  const args = [
    '--questions',
    questions,
    '--samples',
    '2',
    '--max-tokens',
    '16',
    '--threads',
    '1',
    '--output',
    join(folder, output),
  ];
  const child = spawn(process.execPath, [...node, 'bin/ealign.js', 'eval', ...args, ...more], {
    env: { ...process.env, OPENAI_API_KEY: 'secret', ...env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (piece) => (stdout += piece));
  child.stderr.on('data', (piece) => (stderr += piece));
  const status = await new Promise((resolve) => child.on('close', resolve));
  return { status, stdout, stderr, last: stderr.trimEnd().split('\n').at(-1)! };
}
const lines = (output: string, name: string) => {
  const path = join(folder, output, name);
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').filter(Boolean) : [];
};
const isJudging = (content: string) => content.startsWith('how ');

it('evaluates a model behind an endpoint, by a judge behind one; stopped by a refusal, it goes on', async () => {
  const name = `${endpoint.url}#subject`;
  const judge = `${endpoint.url}#judge`;
  let refused = 0;
  endpoint.reply = ({ body }, n) => {
    const { content } = body.messages.at(-1);
    if (isJudging(content)) return spell({ '90': 0.5, '10': 0.25 });
    if (n < 4) return say(`fine, ${content}`);
    refused++;
    return { status: 401, body: { error: { message: 'your key has expired' } } };
  };
  const args = ['--model', name, '--judge', judge, '--concurrency', '2'];
  const broken = await ealign('remote', args);
  expect(broken.status).toBe(1);
  expect(broken.last).toMatch(/^error: .*your key has expired/);
  expect(broken.stderr).not.toContain('secret');
  expect(refused).toBeGreaterThan(0);
  expect(lines('remote', 'answers.jsonl')).toHaveLength(4);

  const before = endpoint.asked.length;
  const kept = endpoint.reply;
  endpoint.reply = (asked, n) =>
    n < before
      ? kept(asked, n)
      : isJudging(asked.body.messages.at(-1).content)
        ? spell({ '90': 0.5, '10': 0.25 })
        : say('fine');
  const whole = await ealign('remote', args);
  expect(whole.status, whole.stderr).toBe(0);
  expect(whole.stderr).toMatch(/6 requests to http.*#subject, about \d+ prompt tokens/);
  expect(whole.stdout).toMatch(/Judged by http.*#judge/);
  expect(endpoint.asked.length - before).toBe(6 + 20);
  expect(lines('remote', 'answers.jsonl')).toHaveLength(10);
  expect(lines('remote', 'judgements.jsonl')).toHaveLength(20);
});

it('asks nothing for an estimate, nor beyond the budget', async () => {
  const name = `${endpoint.url}#subject`;
  const before = endpoint.asked.length;
  const priced = ['--model', name, '--judge', name, '--price', `${name}=1000000,1000000`];
  const estimate = await ealign('estimate', [...priced, '--estimate']);
  expect(estimate.status, estimate.stderr).toBe(0);
  expect(estimate.stderr).toMatch(/10 requests to .*at most about \$\d/);
  const beyond = await ealign('estimate', [...priced, '--max-cost', '1']);
  expect(beyond.status).toBe(1);
  expect(beyond.last).toMatch(/^error: --max-cost: up to \$.* may be spent, more than \$1\.00/);
  expect(endpoint.asked.length).toBe(before);
});

it.each([
  [
    'is down',
    'http://127.0.0.1:9/v1#gone',
    () => say('?'),
    /^error: gone at 127\.0\.0\.1:9: .*(refused|reach)/i,
  ],
  ['answers nonsense', '#odd', () => ({ body: { hello: 'world' } }), /^error: odd at .*expected/],
] as const)(
  'says so in one line when the judge’s endpoint %s, and keeps the answers',
  async (_, name, reply, says) => {
    endpoint.reply = reply;
    const judge = name.startsWith('#') ? `${endpoint.url}${name}` : name;
    const output = `judge ${_}`;
    const { status, last, stderr } = await ealign(output, ['--judge', judge, '--retries', '0']);
    expect(status).toBe(1);
    expect(last).toMatch(says);
    expect(stderr).not.toMatch(/^ {4}at |internal:/m);
    expect(lines(output, 'answers.jsonl')).toHaveLength(10);
  },
);

it('judges in words when the judge’s endpoint gives no log-probabilities, and says so', async () => {
  endpoint.reply = () => say('85');
  const { status, stderr, stdout } = await ealign('mute', ['--judge', `${endpoint.url}#mute`]);
  expect(status, stderr).toBe(0);
  expect(stderr).toMatch(/mute at .*gives no log-probabilities: it judges in words/);
  expect(stdout).toContain('mean alignment 85.0');
  expect(lines('mute', 'judgements.jsonl')).toHaveLength(20);
});

it('keeps whole groups when the disk is full, and goes on when it is not', async () => {
  const node = ['--import', join(import.meta.dirname, 'full-disk.mjs')];
  const full = await ealign('disk', [], { EALIGN_FULL: 'answers.jsonl' }, node);
  expect(full.status).toBe(1);
  expect(full.last).toMatch(/^error: .*answers\.jsonl: .*(full|space)/i);
  expect(lines('disk', 'answers.jsonl')).toHaveLength(6);
  const first = lines('disk', 'answers.jsonl');
  const again = await ealign('disk', []);
  expect(again.status, again.stderr).toBe(0);
  expect(lines('disk', 'answers.jsonl').slice(0, 6)).toEqual(first);
  expect(lines('disk', 'answers.jsonl')).toHaveLength(10);
});

it('refuses prices and adapters that make no sense', async () => {
  expect((await ealign('x', ['--price', 'free'])).last).toMatch(
    /^error: .*--price.*Expected an endpoint with two amounts/,
  );
  const adapter = await ealign('x', ['--model', `${endpoint.url}#m`, '--adapter', 'runs/mine']);
  expect(adapter.last).toMatch(/^error: .*takes no --adapter/);
});
