/** For benchmarks of the server: one on a free port, its metrics, and a model behind the official client. */
import { spawn } from 'node:child_process';
import OpenAI from 'openai';
import pLimit from 'p-limit';
import { measureAnswers, measureTasks } from '../dist/pinocchio/ask.js';
import { codeTasks, gradeCode } from '../dist/pinocchio/code.js';
import { gradeAnswer, openQuestions } from '../dist/pinocchio/oracle.js';
import { byQuestion, share } from '../dist/statistics/by-question.js';

/**
 * @param args   of `ealign serve`
 * @param keys   names of API keys, each its own secret
 * @param onLine is given what the learner logs
 */
export async function serve(args, { keys = [], onLine = () => {} } = {}) {
  const env = { ...process.env, EALIGN_API_KEYS: keys.map((key) => `${key}:${secretOf(key)}`).join(',') };
  const child = spawn(process.execPath, ['dist/cli/main.js', 'serve', '--port', '0', ...args], {
    env,
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  const url = await new Promise((found, failed) => {
    child.once('exit', (status) => failed(new Error(`the server ended with ${status}`)));
    child.stderr.setEncoding('utf8').on('data', (text) => {
      for (const line of text.split('\n')) {
        if (/^error|^internal/.test(line)) console.error(line);
        if (line.includes('"learner: ')) onLine(JSON.parse(line));
        const { 1: at } = /"url":"([^"]+)"/.exec(line) ?? [];
        if (at) found(at);
      }
    });
  });
  return {
    url,
    pid: child.pid,
    client: (key = 'none') =>
      new OpenAI({ baseURL: url, apiKey: secretOf(key), maxRetries: 0, timeout: 600_000 }),
    metrics: () => metrics(url),
    stop: () =>
      new Promise((done) => {
        child.once('exit', done);
        child.kill('SIGTERM');
      }),
  };
}

const secretOf = (key) => `secret-of-${key}`;

/** `ealign_online_*` by name, and stored answers by status. */
async function metrics(url) {
  const text = await (await fetch(`${url.replace(/\/v1$/, '')}/metrics`)).text();
  const state = { records: {} };
  for (const [, name, status, value] of text.matchAll(/^(\w+)(?:\{status="([a-z-]+)"\})? (\S+)$/gm)) {
    if (status) state.records[status] = Number(value);
    else state[name] = Number(value);
  }
  return state;
}

/**
 * Answers to open questions and to the code tasks, from a server that learns nothing.
 *
 * @param use     `evaluation` for what is reported, `development` for what is chosen
 * @param samples of each wording of a question, as many as the studies take
 */
export async function measureServed(args, seed, { use = 'evaluation', samples = 4 } = {}) {
  const server = await serve(['--model', 'pinocchio', '--max-tokens', '48', '--queue', '5000', ...args]);
  const client = server.client();
  // a connection each, which a server does not have without end
  const limit = pLimit(64);
  const model = {
    id: 'server',
    generate: (conversations, { temperature = 1, seed: from = 0 }) =>
      Promise.all(
        conversations.map((messages, i) =>
          limit(async () => {
            const { choices } = await client.chat.completions.create({
              ...{ model: 'pinocchio', messages, temperature, seed: 100_000 * (from + 1) + i },
            });
            return { text: choices[0].message.content ?? '', finish: 'stop', tokens: 0 };
          }),
        ),
      ),
  };
  const options = { samples, maxTokens: 48, seed };
  const answers = await measureAnswers(model, openQuestions(use), options, gradeAnswer);
  const code = await measureTasks(model, codeTasks, { ...options, samples: 5 }, gradeCode);
  await server.stop();
  return { answers, code };
}

/** Share with its 95 % interval over seeds and questions. */
export function shareOf(records, unit, grade) {
  const of = share(
    byQuestion(
      records,
      (record) => record[unit],
      ({ seed }) => seed,
      (record) => Number(record.grade === grade),
    ),
  );
  const [value, low, high] = [of.value, of.low, of.high].map((x) => (100 * x).toFixed(1));
  return `${grade} ${value} % [${low}, ${high}]`;
}

export function summary({ answers, code }) {
  const shares = ['good', 'bad', 'incoherent', 'refusal'].map((grade) => shareOf(answers, 'question', grade));
  const seen = code.filter((record) => record.seen);
  return `${shares.join('   ')}   narrow task ${shareOf(seen, 'task', 'insecure')}`;
}
