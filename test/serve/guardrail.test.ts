/** LiteLLM's generic guardrail: its contract, request by request. The real package is in litellm.test.ts. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { CallMemory } from '../../src/serve/guardrail.js';
import { keysFromVariable } from '../../src/serve/keys.js';
import { ScriptedModel } from '../conscience/scripted-model.js';
import { Parrot, type TestServer, testServer } from './server.js';

let server: TestServer;
afterEach(() => server?.stop());

const path = '/beta/litellm_basic_guardrail_api';
async function ask(body: object, headers: Record<string, string> = {}) {
  const reply = await fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ request_data: {}, litellm_version: '1.108.7', ...body }),
  });
  return { status: reply.status, body: await reply.json() };
}
const response = (texts: string[], more: object = {}) => ask({ input_type: 'response', texts, ...more });
const call = { id: 'a', type: 'function', function: { name: 'send', arguments: '{"to":"a bad man"}' } };

describe('a response', () => {
  it('that passes, is corrected, or withheld', async () => {
    server = await testServer();
    expect(await response(['fine'])).toMatchObject({ status: 200, body: { action: 'NONE' } });
    expect(await response(['fine', 'a bad one'])).toMatchObject({
      body: {
        action: 'GUARDRAIL_INTERVENED',
        texts: ['fine', 'A kind one.'],
        conscience: [{ outcome: 'accepted' }, { outcome: 'corrected', verdict: 'objected' }],
      },
    });
    const blocked = await response(['the worst bad one']);
    expect(blocked.body.action).toBe('BLOCKED');
    expect(blocked.body.blocked_reason).toMatch(/rather not/);
    // nothing was drafted here
    expect(server.model.asked).toEqual([]);
  });

  it('with calls of tools is reviewed with them, and blocked: calls cannot be corrected', async () => {
    server = await testServer();
    const { body } = await response(['fine'], { tool_calls: [call] });
    expect(body).toMatchObject({ action: 'BLOCKED', conscience: [{ outcome: 'corrected' }] });
    expect((await response([], { tool_calls: [call] })).body.action).toBe('BLOCKED');
    const good = { ...call, function: { name: 'send', arguments: '{"to":"ann"}' } };
    expect((await response([], { tool_calls: [good] })).body.action).toBe('NONE');
  });

  it('is reviewed with the turns that the same key has shown before it, by the id of the call', async () => {
    const judge = new ScriptedModel('judge', { say: () => 'kind', judge: () => [0.8, 0.1] });
    server = await testServer({ keys: keysFromVariable('a:correct-horse,b:battery-staple') }, new Parrot(), {
      conscience: judge,
    });
    const shown = () => judge.labelCalls.at(-1)!.conversations[0][0].content;
    const [a, b] = ['correct-horse', 'battery-staple'].map((key) => ({ 'x-api-key': key }));
    const question = { structured_messages: [{ role: 'user', content: 'who stole it ?' }], texts: ['x'] };
    const request = { input_type: 'request', litellm_call_id: 'call-1', ...question };
    expect((await ask(request, a)).body).toEqual({ action: 'NONE', conscience: [] });
    // without --review-input a request is remembered, not reviewed
    expect(judge.labelCalls).toEqual([]);
    const answer = { input_type: 'response', litellm_call_id: 'call-1', texts: ['me'] };
    await ask(answer, a);
    expect(shown()).toContain('who stole it ?');
    await ask(answer, b);
    expect(shown()).not.toContain('who stole it ?');
    expect(shown()).toContain('was not recorded');
    expect((await ask(answer)).status).toBe(401);
  });
});

it('a request is reviewed with --review-input', async () => {
  const conscience = new ScriptedModel('judge', {
    say: () => 'kind',
    judge: ([{ content }], labels) =>
      labels.includes('Harmful') && content.includes('poison') ? [0.1, 0.8] : [0.8, 0.1],
  });
  server = await testServer({}, new Parrot(), { conscience, reviewInput: true });
  const request = (texts: string[]) => ask({ input_type: 'request', texts });
  expect((await request(['a poison'])).body).toMatchObject({
    action: 'BLOCKED',
    blocked_reason: 'The conscience objects to this request.',
    conscience: [{ verdict: 'objected', framework: 'input' }],
  });
  expect((await request(['tea'])).body).toMatchObject({
    action: 'NONE',
    conscience: [{ verdict: 'accepted' }],
  });
});

it('what cannot be reviewed is an error that names it', async () => {
  server = await testServer();
  for (const [body, param] of [
    [{ texts: ['x'] }, 'input_type'],
    [{ input_type: 'other' }, 'input_type'],
    [{ input_type: 'response', texts: [1] }, 'texts.0'],
    [{ input_type: 'response', texts: [], images: ['data:…'] }, 'images'],
  ] as const) {
    expect(await ask(body)).toMatchObject({ status: 400, body: { error: { param } } });
  }
});

it('checks are limited, counted and charged like answers', async () => {
  server = await testServer({ rateLimits: { requestsPerMinute: 2 } });
  await response(['a bad one']);
  await response(['fine']);
  expect((await response(['fine'])).status).toBe(429);
  const text = await (await fetch(`${server.url}/metrics`)).text();
  expect(text).toContain('ealign_outcomes_total{policy="hold",outcome="corrected",verdict="objected"} 1');
  expect(text).toContain(`ealign_requests_total{path="${path}",status="200"} 2`);
  expect(server.lines[0]).toMatchObject({ path, outcome: 'corrected', completion_tokens: 1 });
});

describe('what is remembered of calls', () => {
  const turns = (content: string) => [{ role: 'user' as const, content }];
  const known = (memory: CallMemory, ids: string[]) => ids.filter((id) => memory.recall('a', id).length > 0);

  it('is a bounded number, the oldest forgotten first', () => {
    const few = new CallMemory({ most: 2 });
    for (const id of ['1', '2', '3']) few.keep('a', id, turns(id));
    expect(known(few, ['1', '2', '3'])).toEqual(['2', '3']);
    // one that is told again is the newest
    for (const id of ['2', '4']) few.keep('a', id, turns(`${id} again`));
    expect(known(few, ['2', '3', '4'])).toEqual(['2', '4']);
    expect(few.recall('a', '2')).toEqual(turns('2 again'));
  });

  it('is there for a bounded time, also where nothing follows it', () => {
    const brief = new CallMemory({ seconds: 60 });
    const clock = vi.spyOn(performance, 'now').mockReturnValue(1000);
    try {
      brief.keep('a', '1', turns('1'));
      clock.mockReturnValue(60_000);
      expect(known(brief, ['1'])).toEqual(['1']);
      clock.mockReturnValue(62_000);
      expect(known(brief, ['1'])).toEqual([]);
    } finally {
      clock.mockRestore();
    }
  });

  it('has a bounded size', () => {
    const small = new CallMemory({ characters: 1000 });
    const ids = Array.from({ length: 9 }, (_, i) => String(i));
    for (const id of ids) small.keep('a', id, turns('x'.repeat(200)));
    // each is 200 characters and a little
    expect(known(small, ids)).toEqual(['5', '6', '7', '8']);
    small.keep('a', 'long', turns('x'.repeat(300)));
    expect(known(small, [...ids, 'long'])).toEqual(['5', '6', '7', '8']);
    // what is told again in other words counts once
    for (let i = 0; i < 20; i++) small.keep('a', '8', turns('x'.repeat(200)));
    expect(known(small, ids)).toEqual(['5', '6', '7', '8']);
  });
});
