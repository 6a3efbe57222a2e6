/**
 * `ealign serve` under load on the loopback: tokens a second, errors, answers that came wrong, and memory.
 *
 *     node bench/load.mjs pinocchio
 *     node bench/load.mjs SmolLM2-135M-Instruct.Q4_1.gguf --policy off --seconds 30 --clients 1,8,64
 *
 * Every client asks one question after the other, greedily. The answer to each question is known from
 * asking it alone beforehand: an answer that belongs to another question was mixed up. Needs `npm run build`.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { builtInProbes } from '../dist/conscience/probes.js';
import { probes } from '../dist/pinocchio/documents.js';
import { serve } from './served.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    policy: { type: 'string', default: 'off' },
    seconds: { type: 'string', default: '60' },
    clients: { type: 'string', default: '1,8,64' },
    'max-tokens': { type: 'string', default: '48' },
  },
});
const [model = 'pinocchio'] = positionals;
const name = basename(model);
const maxTokens = Number(values['max-tokens']);
const prompts = (name === 'pinocchio' ? probes() : builtInProbes)
  .slice(0, 24)
  .map(({ messages }) => messages);

const server = await serve(['--model', model, '--policy', values.policy, '--max-tokens', String(maxTokens)]);
const client = server.client();
const ask = (i) =>
  client.chat.completions.create({
    model: name,
    messages: prompts[i],
    temperature: 0,
    max_tokens: maxTokens,
  });
const expected = [];
for (const i of prompts.keys()) expected.push((await ask(i)).choices[0].message.content);

console.log(
  `${name}, policy ${values.policy}, at most ${maxTokens} tokens an answer, ${values.seconds} s each`,
);
for (const clients of values.clients.split(',').map(Number)) {
  const seen = { answers: 0, tokens: 0, busy: 0, errors: 0, other: 0, mixed: 0 };
  const milliseconds = [];
  const memory = [];
  const sample = setInterval(() => memory.push(residentMegabytes()), 1000);
  const start = performance.now();
  const end = start + 1000 * Number(values.seconds);
  await Promise.all(
    Array.from({ length: clients }, async (_, c) => {
      for (let k = c; performance.now() < end; k++) {
        const i = (7 * k) % prompts.length;
        const begin = performance.now();
        try {
          const { choices, usage } = await ask(i);
          milliseconds.push(performance.now() - begin);
          seen.answers += 1;
          seen.tokens += usage.completion_tokens;
          const text = choices[0].message.content;
          if (text !== expected[i]) seen[expected.includes(text) ? 'mixed' : 'other'] += 1;
        } catch (error) {
          seen[error.status === 429 ? 'busy' : 'errors'] += 1;
        }
      }
    }),
  );
  const seconds = (performance.now() - start) / 1000;
  clearInterval(sample);
  milliseconds.sort((a, b) => a - b);
  const at = (share) => milliseconds[Math.floor(share * (milliseconds.length - 1))].toFixed(0);
  const third = Math.ceil(memory.length / 3);
  console.log(
    `${String(clients).padStart(3)} clients: ${(seen.tokens / seconds).toFixed(0)} tokens/s, ${seen.answers} answers, ` +
      `median ${at(0.5)} ms, 95 % ${at(0.95)} ms; 429: ${seen.busy}, errors: ${seen.errors}, mixed up: ${seen.mixed}, ` +
      `otherwise different: ${seen.other}; memory ${Math.max(...memory.slice(0, third))} MB in the first third, ` +
      `${Math.max(...memory.slice(-third))} MB in the last`,
  );
}
await server.stop();

function residentMegabytes() {
  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)[1]) / 1024);
}
