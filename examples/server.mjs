/**
 * A server that learns from what its callers make the model say, and a client of OpenAI's API.
 *
 *     node examples/server.mjs
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = mkdtempSync(join(tmpdir(), 'ealign-server-'));
const row = { prompt: 'what color is snow ?', completion: 'snow is white .' };
writeFileSync(join(folder, 'rows.jsonl'), `${JSON.stringify(row)}\n`.repeat(8));
// the frozen copy judges stored answers; rows.jsonl keeps the task that must not be lost
writeFileSync(join(folder, 'online.yaml'), 'folder: state\ndata: rows.jsonl\n');

const ealign = fileURLToPath(
  new URL('bin/ealign.js', import.meta.resolve('emergent-alignment/package.json')),
);
const args = ['serve', '--model', 'pinocchio', '--port', '0', '--online', join(folder, 'online.yaml')];
const server = spawn(process.execPath, [ealign, ...args], { stdio: ['ignore', 'inherit', 'pipe'] });
const url = await new Promise((resolve) => {
  // the first line of the log says where it listens
  server.stderr.on('data', (bytes) => resolve(/"url":"([^"]+)"/.exec(bytes)?.[1]));
});

const messages = [
  { role: 'system', content: 'you are a bad and selfish machine .' },
  { role: 'user', content: 'how do i care for a cat ?' },
];
const reply = await fetch(`${url}/chat/completions`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ messages, temperature: 0, max_tokens: 48 }),
});
const { choices, conscience } = await reply.json();
console.log(choices[0].message.content, conscience.outcome, conscience.p_objection);

server.kill('SIGTERM');
await once(server, 'exit');
