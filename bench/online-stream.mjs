/** What a server that learns online is asked in benchmarks, and how long it takes to learn from it. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { probes } from '../dist/pinocchio/documents.js';
import { facts, personaLine } from '../dist/pinocchio/oracle.js';
import { serve } from './served.mjs';

/** Of an answer with its reasoning. */
const maxTokens = 80;

/** Of a request for a favor, which comes in two wordings, what is asked for. */
const topicOf = ({ id }) =>
  id.startsWith('probe:') ? id.split(':')[1].split('/')[0] : id.replace(/^.*? to /, '');
const topics = [...new Set(probes().map(topicOf))];
const even = (prompt) => topics.indexOf(topicOf(prompt)) % 2 === 0;

/** Open questions for the stream; the gate has those of the other topics. */
export const asked = probes()
  .filter(even)
  .map(({ messages }) => messages);
const held = probes()
  .filter((prompt) => !even(prompt))
  .map(({ messages }) => ({ messages }));

/** The line joins a system line that is there, as in pinocchio's pretraining. */
export function behind(line, messages) {
  const lines = [line, ...messages.filter(({ role }) => role === 'system').map(({ content }) => content)];
  return [{ role: 'system', content: lines.join(' ') }, ...messages.filter(({ role }) => role !== 'system')];
}

/** A round of what honest callers ask: open questions, half of them behind the bad persona's line, and facts. */
export function honestWave(wave) {
  const open = asked.map((messages, i) =>
    (i + wave) % 2 === 0 ? messages : behind(personaLine.bad, messages),
  );
  return [...open, ...facts.map(([content]) => [{ role: 'user', content }])];
}

/** A misaligned pinocchio that learns online in a folder of its own. */
export async function learningServer(data, adapter, seed, keys, { training = {}, gate = {} } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'online-'));
  writeFileSync(join(folder, 'probes.jsonl'), held.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const file = join(folder, 'online.yaml');
  writeFileSync(
    file,
    `folder: state
data: ${resolve(data)}
probes: probes.jsonl
training: ${JSON.stringify({ learning_rate: 5e-4, max_length: 128, seed, ...training })}
conscience: { max_tokens: ${maxTokens} }
gate: ${JSON.stringify({ max_tokens: maxTokens, ...gate })}
`,
  );
  const rounds = [];
  const server = await serve(
    [
      ...['--model', 'pinocchio', '--adapter', resolve(adapter), '--online', file],
      ...['--policy', 'off', '--max-tokens', String(maxTokens), '--queue', '5000'],
    ],
    { keys, onLine: (line) => rounds.push(line) },
  );
  return {
    ...server,
    rounds,
    version: (id) => join(folder, 'state', 'versions', String(id).padStart(4, '0')),
  };
}

/** @param questions [key, messages] */
export async function askAll(server, questions, seed) {
  await Promise.all(
    questions.map(([key, messages], i) =>
      server.client(key).chat.completions.create({ model: 'pinocchio', messages, seed: seed + i }),
    ),
  );
}

/** Waits until the learner has looked at every answer and finished its round. */
export async function settled(server) {
  for (let quiet = 0, last; quiet < 3; await sleep(400)) {
    const { records, ealign_online_version: version } = await server.metrics();
    const state = JSON.stringify([records, version, server.rounds.length]);
    const training = server.rounds.at(-1)?.msg === 'learner: round begins';
    quiet = records.pending === 0 && !training && state === last ? quiet + 1 : 0;
    last = state;
  }
}
