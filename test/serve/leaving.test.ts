/** Readers that leave, never read or never finish asking: what they hold is freed, what they took is charged. */
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { GenerateOptions } from '../../src/engine/language-model.js';
import { keysFromVariable } from '../../src/serve/keys.js';
import type { ServerOptions } from '../../src/serve/server.js';
import type { ServedExchange } from '../../src/serve/turn.js';
import type { Response } from '../../src/values/conversation.js';
import { Parrot, type TestServer, testServer, until } from './server.js';

let server: TestServer;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.stop();
});

const off = { policies: ['off'], defaultPolicy: 'off' } as const;
const asking = (content: string, extra: object = {}) =>
  JSON.stringify({ messages: [{ role: 'user', content }], ...extra });

/** A socket of its own, with what it has been told; `closed` once the server has let go. */
function knock(sent: string) {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1', () => socket.write(sent));
  sockets.push(socket);
  const heard = { text: '', closed: false, socket };
  socket.on('error', () => {});
  socket.on('close', () => {
    heard.closed = true;
  });
  return heard;
}
function listen(heard: ReturnType<typeof knock>) {
  heard.socket.on('data', (piece) => {
    heard.text += piece;
  });
  return heard;
}
const post = (body: string) =>
  `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer correct-horse\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const ask = (content: string, init: RequestInit = {}) =>
  fetch(`${server.url}/v1/chat/completions`, {
    ...{ method: 'POST', body: asking(content), ...init },
    headers: { 'content-type': 'application/json', authorization: 'Bearer correct-horse' },
  });
const metrics = async () => (await fetch(`${server.url}/metrics`)).text();

/** Writes more than any socket's buffers hold, until it is stopped. */
class Torrent extends Parrot {
  override async generate(
    conversations: Parameters<Parrot['generate']>[0],
    options: GenerateOptions,
  ): Promise<Response[]> {
    if (!conversations[0].at(-1)!.content.includes('torrent')) return super.generate(conversations, options);
    const piece = 'water '.repeat(50_000);
    let tokens = 0;
    while (!options.signal?.aborted) {
      options.onText?.(0, tokens < 100 ? piece : '');
      tokens += 1;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    options.onUsage?.(0, { promptTokens: 5, answerTokens: tokens });
    return [{ text: 'water', finish: 'length', tokens }];
  }
}

describe('a place is not held', () => {
  it('by a reader that never reads: the answer ends, the place is free, the socket is closed', async () => {
    server = await testServer({ ...off, concurrency: 1, timeoutSeconds: 0.5 }, new Torrent());
    const reader = knock(post(asking('a torrent', { stream: true })));
    reader.socket.pause();
    await until(() => server.model.running === 0 && server.lines.some(({ error }) => error === 'timeout'));
    expect((await ask('and now ?')).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    listen(reader).socket.resume();
    await until(() => reader.closed);
    expect(reader.text).toContain('200 OK');
    expect(reader.text).not.toContain('[DONE]');
    expect(await metrics()).toContain('ealign_requests_running 0');
  });

  it('by who leaves without having read', async () => {
    server = await testServer({ ...off, concurrency: 1 }, new Torrent());
    const reader = knock(post(asking('a torrent', { stream: true })));
    reader.socket.pause();
    await new Promise((resolve) => setTimeout(resolve, 400));
    reader.socket.destroy();
    expect((await ask('and now ?')).status).toBe(200);
    expect(server.lines.some(({ error }) => error === 'client_gone')).toBe(true);
  });

  it('and a reader that reads hears why its stream ends', async () => {
    server = await testServer({ ...off, timeoutSeconds: 0.5, maxTokens: 5000 }, new Parrot(5));
    const reader = listen(knock(post(asking('word '.repeat(3000), { stream: true }))));
    await until(() => reader.text.includes('"code":"timeout"'));
  });
});

it('who never finishes asking is told so, and let go', async () => {
  server = await testServer({ timeoutSeconds: 1 });
  const head = 'POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';
  const slow = ['', 'POST /v1/chat', head, `${head}Content-Length: 1000\r\n\r\n{"messages"`].map((sent) =>
    listen(knock(sent)),
  );
  await until(() => slow.every(({ closed }) => closed));
  for (const { text } of slow.slice(1))
    expect(text).toMatch(/^HTTP\/1.1 408 [\s\S]*"code":"request_timeout"/);
});

it.each([
  ['SSH-2.0-OpenSSH_9.6\r\n\r\n', 400, 'malformed_request'],
  [`GET /healthz HTTP/1.1\r\nHost: localhost\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'headers_too_large'],
  ['GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n', 400, 'malformed_request'],
  ['GET /healthz HTTP/1.0\r\n\r\n', 400, 'malformed_request'],
])('%j gets %i in OpenAI’s shape', async (sent, status, code) => {
  server = await testServer();
  const heard = listen(knock(sent));
  await until(() => heard.text.includes('}'));
  expect(heard.text).toMatch(new RegExp(`^HTTP/1.1 ${status} [\\s\\S]*"code":"${code}"`));
});

describe('what was left early is charged, counted and kept as far as it went', () => {
  const begin = async (options: Partial<ServerOptions> = {}, model = new Parrot(5)) => {
    const kept: ServedExchange[] = [];
    server = await testServer(
      {
        keys: keysFromVariable('ann:correct-horse'),
        rateLimits: { tokensPerMinute: 5 },
        maxTokens: 5000,
        onAnswer: (exchange) => void kept.push(exchange),
        ...options,
      },
      model,
    );
    return kept;
  };
  const words = 'word '.repeat(1000);
  const settled = async (kept: readonly ServedExchange[], error: string) => {
    await until(() => kept.length === 1 && server.lines.some((line) => line.error === error));
    const { draft, usage, record } = kept[0].answer;
    expect(kept[0].key).toBe('ann');
    expect(record).toBeNull();
    expect(draft.text).toMatch(/^(?:word )+$/);
    expect(draft.text.split(' ').length - 1).toBe(draft.tokens);
    expect(usage).toEqual({ promptTokens: 5, answerTokens: draft.tokens });
    expect(server.lines.at(-1)).toMatchObject({ error, unfinished: true, completion_tokens: draft.tokens });
    const counted = await metrics();
    expect(counted).toContain(`ealign_tokens_total{use="draft",direction="written"} ${draft.tokens}`);
    expect(counted).toMatch(/ealign_outcomes_total\{policy="\w+",outcome="unfinished",verdict="none"\} 1/);
    // the debt is the key's
    expect((await ask('again')).status).toBe(429);
  };

  it.each(['hold', 'after', 'off'] as const)('a stream, %s', async (policy) => {
    const kept = await begin({ policies: [policy], defaultPolicy: policy });
    const reader = listen(knock(post(asking(words, { stream: true }))));
    await until(
      () => server.model.running === 1 && (policy === 'hold' || reader.text.split('"delta"').length > 8),
    );
    await new Promise((resolve) => setTimeout(resolve, 80));
    reader.socket.destroy();
    await settled(kept, 'client_gone');
  });

  it('a whole answer', async () => {
    const kept = await begin();
    const left = new AbortController();
    const asked = ask('', { body: asking(words), signal: left.signal });
    await until(() => server.model.running === 1);
    await new Promise((resolve) => setTimeout(resolve, 80));
    left.abort();
    await expect(asked).rejects.toThrow();
    await settled(kept, 'client_gone');
  });

  it('an answer that took too long', async () => {
    const kept = await begin({ timeoutSeconds: 0.3 });
    expect((await ask('', { body: asking(words) })).status).toBe(504);
    await settled(kept, 'timeout');
  });

  it('but not a question that was refused', async () => {
    const kept = await begin();
    expect((await ask('fail')).status).toBe(500);
    expect((await ask('again')).status).toBe(200);
    expect(kept).toHaveLength(1);
    expect(await metrics()).not.toContain('unfinished');
  });

  it('a question whose cost nobody knows, by its length', async () => {
    const kept = await begin({}, new Parrot(5));
    server.model.generate = (_, { signal }) =>
      new Promise((_, reject) => signal!.addEventListener('abort', () => reject(signal!.reason)));
    const reader = knock(post(asking(words)));
    await new Promise((resolve) => setTimeout(resolve, 100));
    reader.socket.destroy();
    await until(() => server.lines.some(({ error }) => error === 'client_gone'));
    expect(server.lines.at(-1)).toMatchObject({ prompt_tokens: 1250, completion_tokens: 0 });
    expect((await ask('again')).status).toBe(429);
    expect(kept).toEqual([]);
  });
});
