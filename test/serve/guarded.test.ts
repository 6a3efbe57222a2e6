/** What web pages, other machines and strangers can make a server do: over a socket, with headers that `fetch` forbids. */
import { request } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { isLocal } from '../../src/serve/guarded.js';
import { keysFromVariable } from '../../src/serve/keys.js';
import { type TestServer, testServer } from './server.js';

let server: TestServer;
afterEach(() => server?.stop());

const body = JSON.stringify({ messages: [{ role: 'user', content: 'hello' }] });
const json = { 'content-type': 'application/json' };

/** @returns the status, and the error's code */
function ask(path: string, headers: Record<string, string>, method = 'POST'): Promise<[number, string?]> {
  return new Promise((resolve, reject) => {
    const { port } = new URL(server.url);
    const sent = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (reply) => {
      let text = '';
      reply.on('data', (piece) => {
        text += piece;
      });
      reply.on('end', () => {
        const code = /"code":"(\w+)"/.exec(text)?.[1];
        resolve(code === undefined ? [reply.statusCode!] : [reply.statusCode!, code]);
      });
    });
    sent.on('error', reject);
    sent.end(method === 'POST' ? body : undefined);
  });
}
const chat = (headers: Record<string, string>) => ask('/v1/chat/completions', headers);
const get = (path: string, headers: Record<string, string>) => ask(path, headers, 'GET');

describe('a local server without keys', () => {
  it.each([
    ['localhost', 200],
    ['LOCALHOST:8080', 200],
    ['127.0.0.1:8080', 200],
    ['127.1.2.3', 200],
    ['[::1]:8080', 200],
    ['box.example:8080', 200],
    ['evil.example', 403],
    ['127.0.0.1.evil.example', 403],
    ['localhost.evil.example:8080', 403],
    ['192.168.0.7', 403],
    ['[fe80::1]', 403],
  ])('asked as %s: %i', async (host, status) => {
    server = await testServer({ hosts: ['Box.example'] });
    expect((await chat({ ...json, host }))[0]).toBe(status);
    expect((await get('/v1/models', { host }))[0]).toBe(status);
    expect((await get('/metrics', { host }))[0]).toBe(status);
    expect((await get('/healthz', { host }))[0]).toBe(200);
  });

  it('takes JSON only, which no page may send without asking', async () => {
    server = await testServer();
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
    ]) {
      expect(await chat({ 'content-type': type })).toEqual([415, 'unsupported_media_type']);
    }
    expect(await chat({})).toEqual([415, 'unsupported_media_type']);
    expect(await chat({ 'content-type': 'Application/JSON; charset=utf-8' })).toEqual([200]);
    expect(server.model.asked).toHaveLength(1);
  });

  it('answers no page of another site', async () => {
    server = await testServer();
    for (const origin of ['https://evil.example', 'null', 'http://localhost.evil.example']) {
      expect(await chat({ ...json, origin })).toEqual([403, 'host_not_allowed']);
    }
    expect(await chat({ ...json, origin: 'http://localhost:3000' })).toEqual([200]);
  });
});

it('with keys, whoever shows one may ask, by any name and in any type', async () => {
  server = await testServer({ keys: keysFromVariable('correct-horse') });
  const key = { authorization: 'Bearer correct-horse', host: 'api.example' };
  expect(await chat(key)).toEqual([200]);
  expect(await chat({ host: 'api.example' })).toEqual([401, 'invalid_api_key']);
});

it('metrics want a key wherever other machines reach them', async () => {
  const keys = keysFromVariable('correct-horse');
  server = await testServer({ keys, host: '0.0.0.0' });
  expect(await get('/metrics', {})).toEqual([401, 'invalid_api_key']);
  expect(await get('/metrics', { authorization: 'Bearer correct-horse' })).toEqual([200]);
  expect(await get('/healthz', {})).toEqual([200]);
  await server.stop();
  // here they want none, but a proxy before them is no way around
  server = await testServer({ keys });
  expect(await get('/metrics', {})).toEqual([200]);
  expect(await get('/metrics', { host: 'api.example' })).toEqual([403, 'host_not_allowed']);
});

it('knows which addresses are local', () => {
  for (const host of ['localhost', '127.0.0.1', '127.9.9.9', '::1', '[::1]'])
    expect(isLocal(host)).toBe(true);
  for (const host of ['0.0.0.0', '::', '127.evil.example', '10.0.0.1', 'box'])
    expect(isLocal(host)).toBe(false);
});
