/** The official client, unmodified, against a server on a port. */
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { keysFromVariable } from '../../src/serve/keys.js';
import type { Response } from '../../src/values/conversation.js';
import { CORRECTION_NOTICE } from '../../src/zero-shot/release.js';
import { ScriptedModel } from '../conscience/scripted-model.js';
import { Parrot, type TestServer, testServer, until } from './server.js';

let server: TestServer;
afterEach(() => server.stop());

const client = (options: Partial<ConstructorParameters<typeof OpenAI>[0]> = {}) =>
  new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0, ...options });
const say = (content: string) => ({ model: 'parrot', messages: [{ role: 'user' as const, content }] });
const weather = {
  type: 'function' as const,
  function: { name: 'weather', parameters: { type: 'object', properties: {} } },
};
const calling = { id: 'call-1', type: 'function', function: { name: 'weather', arguments: '{}' } };
type Verdict = { conscience: { outcome: string; verdict: string; usage: Record<string, object> } };

/** Has thought before it speaks. */
class Thinker extends Parrot {
  override async generate(...asked: Parameters<Parrot['generate']>): Promise<Response[]> {
    return (await super.generate(...asked)).map((said) => ({ ...said, reasoning: 'hm' }));
  }
}

async function failure(work: Promise<unknown>): Promise<InstanceType<typeof OpenAI.APIError>> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof OpenAI.APIError) return error;
  throw new Error(`no API error: ${error}`);
}

describe('plain', () => {
  it('answers, with the verdict in body and headers, and usage that adds up', async () => {
    server = await testServer();
    const { data, response } = await client().chat.completions.create(say('hello there')).withResponse();
    expect(data.choices).toEqual([
      {
        index: 0,
        message: { role: 'assistant', content: 'hello there', refusal: null },
        logprobs: null,
        finish_reason: 'stop',
      },
    ]);
    // the draft reads 5 and writes 2, its review reads 1
    expect(data.usage).toEqual({ prompt_tokens: 6, completion_tokens: 2, total_tokens: 8 });
    expect((data as unknown as Verdict).conscience).toMatchObject({
      outcome: 'accepted',
      verdict: 'accepted',
    });
    expect(response.headers.get('x-conscience-outcome')).toBe('accepted');
    expect(response.headers.get('x-request-id')).toMatch(/^req_\w{32}$/);
  });

  it('corrects what the conscience objects to, and never shows the draft', async () => {
    server = await testServer();
    const { data, response } = await client().chat.completions.create(say('a bad one')).withResponse();
    expect(data.choices[0]).toMatchObject({ message: { content: 'A kind one.' }, finish_reason: 'stop' });
    expect(JSON.stringify(data)).not.toContain('bad');
    expect(response.headers.get('x-conscience-verdict')).toBe('objected');
  });

  it('drafts nothing where the request is objected to, and says so', async () => {
    const conscience = new ScriptedModel('judge', {
      say: () => 'A kind one.',
      judge: ([{ content }], labels) =>
        labels.includes('Harmful') && content.includes('poison') ? [0.1, 0.8] : [0.8, 0.1],
    });
    server = await testServer({}, new Parrot(), { conscience, reviewInput: true });
    const { data, response } = await client().chat.completions.create(say('a poison')).withResponse();
    expect(server.model.asked).toEqual([]);
    expect(data.choices[0]).toMatchObject({ message: { content: 'A kind one.' }, finish_reason: 'stop' });
    // two reviews read a turn each, the alternative reads one and writes one
    expect(data.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 1 });
    expect((data as unknown as Verdict).conscience).toMatchObject({
      ...{ outcome: 'corrected', verdict: 'objected', framework: 'input' },
      input: { verdict: 'objected', p_objection: expect.closeTo(0.8 / 0.9) },
    });
    expect(response.headers.get('x-conscience-outcome')).toBe('corrected');
    const fine = await client().chat.completions.create(say('tea'));
    expect((fine as unknown as Verdict).conscience).toMatchObject({
      ...{ verdict: 'accepted', framework: 'asimov' },
      input: { verdict: 'accepted' },
    });
  });

  it('withholds where nothing passes', async () => {
    server = await testServer();
    const data = await client().chat.completions.create(say('the worst bad one'));
    expect(data.choices[0].finish_reason).toBe('content_filter');
    expect(data.choices[0].message.content).toMatch(/rather not/);
  });

  it('cuts at max_tokens', async () => {
    server = await testServer();
    const data = await client().chat.completions.create({ ...say('one two three'), max_tokens: 2 });
    expect(data.choices[0]).toMatchObject({ message: { content: 'one two ' }, finish_reason: 'length' });
  });

  it('passes sampling on', async () => {
    server = await testServer();
    await client().chat.completions.create({
      ...say('x'),
      temperature: 0.3,
      top_p: 0.5,
      seed: 7,
      stop: 'END',
      top_k: 5,
    } as never);
    const asked = { temperature: 0.3, topP: 0.5, topK: 5, seed: 7, stop: ['END'] };
    expect(server.model.asked[0]).toMatchObject(asked);
  });
});

describe('streamed', () => {
  const read = async (content: string, extra: object = {}) => {
    const body = {
      ...say(content),
      stream: true as const,
      stream_options: { include_usage: true },
      ...extra,
    };
    const chunks = [];
    for await (const chunk of await client().chat.completions.create(body)) chunks.push(chunk);
    const text = chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('');
    return { chunks, text, last: chunks.at(-2)!, usage: chunks.at(-1)!.usage };
  };

  it('hold: one piece behind the verdict', async () => {
    server = await testServer();
    const { text, last, usage, chunks } = await read('a bad one');
    expect(text).toBe('A kind one.');
    expect(chunks[0].choices[0].delta).toEqual({ role: 'assistant', content: '' });
    expect(last.choices[0].finish_reason).toBe('stop');
    expect(last).toMatchObject({ conscience: { outcome: 'corrected' } });
    expect(usage!.total_tokens).toBe(usage!.prompt_tokens + usage!.completion_tokens);
  });

  it('sentence and after: words come as they may, corrections behind a notice', async () => {
    server = await testServer({ policies: ['sentence', 'after'] }, new Parrot(2));
    const good = await read('One. Two three. Four', { conscience: { policy: 'sentence' } });
    expect(good.text).toBe('One. Two three. Four');
    expect(good.chunks.length).toBeGreaterThan(4);
    const stopped = await read('One. Two. A bad one. Three. Four.', { conscience: { policy: 'sentence' } });
    expect(stopped.text).toMatch(/^One\. /);
    expect(stopped.text).not.toContain('bad');
    expect(stopped.text).toContain(`\n\n${CORRECTION_NOTICE}\n\nA kind one.`);
    const after = await read('One. A bad one.', { conscience: { policy: 'after' } });
    expect(after.text).toBe(`One. A bad one.\n\n${CORRECTION_NOTICE}\n\nA kind one.`);
    const marked = after.chunks.find((chunk) => 'conscience' in chunk)!;
    expect(marked).toMatchObject({ conscience: { correction: true, text: 'A kind one.' } });
  });

  it('off: nothing is reviewed, where the operator allows it', async () => {
    server = await testServer({ policies: ['off'] });
    const { text, last } = await read('a bad one', { conscience: { policy: 'off' } });
    expect(text).toBe('a bad one');
    expect(last).not.toHaveProperty('conscience');
  });

  it('an abort ends the draft', async () => {
    server = await testServer({ policies: ['after'] }, new Parrot(5));
    const stream = await client().chat.completions.create(
      { ...say('word '.repeat(1000)), stream: true, max_tokens: 90 },
      { headers: { 'x-conscience-policy': 'after' } },
    );
    for await (const _ of stream) break;
    stream.controller.abort();
    await until(() => server.model.aborted === 1);
    await until(() => server.lines.some(({ error }) => error === 'client_gone'));
  });

  it('an abort of a plain request ends it, too', async () => {
    server = await testServer({}, new Parrot(5));
    const controller = new AbortController();
    const waiting = client().chat.completions.create(say('word '.repeat(90)), { signal: controller.signal });
    await until(() => server.model.running === 1);
    controller.abort();
    await expect(waiting).rejects.toThrow(/abort/i);
    await until(() => server.model.aborted === 1);
  });
});

it('parallel requests get their own answers', async () => {
  server = await testServer({ concurrency: 4, queue: 100 }, new Parrot(1));
  const texts = Array.from({ length: 40 }, (_, i) => `answer number ${i}`);
  const answers = await Promise.all(texts.map((text) => client().chat.completions.create(say(text))));
  expect(answers.map(({ choices }) => choices[0].message.content)).toEqual(texts);
  expect(server.model.mostRunning).toBe(4);
});

describe('tools', () => {
  const call = (city: string) =>
    `<tool_call>{"name": "weather", "arguments": {"city": "${city}"}}</tool_call>`;
  it('are called, and their calls reviewed', async () => {
    server = await testServer();
    const ask = { ...say(call('Ulm')), tools: [weather] };
    const good = await client().chat.completions.create(ask);
    expect(good.choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: {
        content: null,
        tool_calls: [{ function: { name: 'weather', arguments: '{"city":"Ulm"}' } }],
      },
    });
    const bad = await client().chat.completions.create({ ...say(call('a bad place')), tools: [weather] });
    expect(bad.choices[0].message.tool_calls).toBeUndefined();
    expect(bad.choices[0].message.content).toBe('A kind one.');
  });

  it('stream, and their results come back as turns', async () => {
    server = await testServer();
    const stream = client().chat.completions.stream({ ...say(call('Ulm')), tools: [weather] });
    const { message } = (await stream.finalChatCompletion()).choices[0];
    expect(message.tool_calls).toHaveLength(1);
    const { id } = message.tool_calls![0];
    const next = await client().chat.completions.create({
      model: 'parrot',
      tools: [weather],
      messages: [...say('rain?').messages, message, { role: 'tool', tool_call_id: id, content: 'it rains' }],
    });
    expect(next.choices[0].message.content).toBe('it rains');
  });
});

describe('errors', () => {
  it.each([
    [{ messages: [] }, 'messages'],
    [{ temperature: 3 }, 'temperature'],
    [{ max_tokens: 1e6 }, 'max_tokens'],
    [{ n: 9 }, 'n'],
    [{ top_logprobs: 2 }, 'top_logprobs'],
    [{ logprobs: true, top_logprobs: 21 }, 'top_logprobs'],
    [{ response_format: { type: 'json_object' }, tools: [weather] }, 'response_format'],
    [{ response_format: { type: 'grammar' } }, 'response_format.type'],
    [
      {
        response_format: { type: 'json_schema', json_schema: { schema: { type: 'string', pattern: 'a+' } } },
      },
      'response_format',
    ],
    [{ response_format: 'json_object' }, 'response_format'],
    [{ logit_bias: { 1234: -100 } }, 'logit_bias'],
    [{ presence_penalty: 0.5 }, 'presence_penalty'],
    [{ reasoning_effort: 'low' }, 'reasoning_effort'],
    [{ modalities: ['text', 'audio'] }, 'modalities'],
    [{ repetition_penalty: 1.1 }, 'repetition_penalty'],
    [{ min_p: 0.1 }, 'min_p'],
    [{ temprature: 0.1 }, 'temprature'],
    [{ stream_options: { usage: true } }, 'stream_options'],
    [{ tools: [weather], parallel_tool_calls: false }, 'parallel_tool_calls'],
    [{ tools: [{ ...weather, function: { ...weather.function, strict: true } }] }, 'tools.0.function.strict'],
    [{ tool_choice: 'required' }, 'tool_choice'],
    [{ messages: [{ role: 'user', content: 'x', name: 'ann' }] }, 'messages.0.name'],
    [
      { messages: [...say('x').messages, { role: 'assistant', content: 'y', prefix: true }] },
      'messages.1.prefix',
    ],
    [{ messages: [{ role: 'king', content: 'x' }] }, 'messages.0.role'],
    [
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
      'messages.0.content',
    ],
    [{ tools: [weather], tool_choice: { type: 'function', function: { name: 'other' } } }, 'tool_choice'],
    [{ conscience: { policy: 'off' } }, 'conscience.policy'],
    [{ prediction: { type: 'content', content: 'y' } }, 'prediction'],
    [{ web_search_options: {} }, 'web_search_options'],
    [{ n: {} }, 'n'],
    [{ stream_options: { include_usage: true } }, 'stream_options'],
    [{ messages: [{ role: 'user', content: 'half \ud83d' }] }, 'messages'],
    [{ messages: [{ role: 'user', content: 'x', tool_calls: [calling] }] }, 'messages.0.tool_calls'],
  ])('%j names %s', async (extra, param) => {
    server = await testServer();
    const error = await failure(client().chat.completions.create({ ...say('x'), ...extra } as never));
    expect(error).toMatchObject({ status: 400, param, type: 'invalid_request_error' });
    expect(error.message).toContain(param.split('.')[0]);
  });

  it('a field that is not honoured passes where its value changes nothing, and says what was meant', async () => {
    server = await testServer();
    const harmless = {
      ...{ n: 1, logit_bias: {}, logprobs: false, presence_penalty: 0, response_format: { type: 'text' } },
      ...{ modalities: ['text'], parallel_tool_calls: false, user: 'ann', metadata: { a: 'b' }, store: true },
      ...{ service_tier: 'auto', reasoning_effort: null, min_p: 0, stream_options: null, unheard_of: null },
    };
    await client().chat.completions.create({ ...say('x'), ...harmless } as never);
    const slip = await failure(client().chat.completions.create({ ...say('x'), max_token: 5 } as never));
    expect(slip).toMatchObject({ status: 400, code: 'unknown_parameter', param: 'max_token' });
    expect(slip.message).toContain('did you mean max_tokens?');
  });

  const turn = (more: object, role = 'user') => ({ messages: [{ role, content: 'x', ...more }] });
  it.each([
    [turn({ bogus: 1 }), 'messages.0.bogus'],
    [turn({ weight: 0 }, 'assistant'), 'messages.0.weight'],
    [turn({ bogus: 1 }, 'system'), 'messages.0.bogus'],
    [turn({ tool_call_id: 'a', bogus: 1 }, 'tool'), 'messages.0.bogus'],
    [turn({ content: [{ type: 'text', text: 'x', bogus: 2 }] }), 'messages.0.content.0.bogus'],
    [turn({ tool_calls: [{ ...calling, bogus: 1 }] }, 'assistant'), 'messages.0.tool_calls.0.bogus'],
    [
      turn({ tool_calls: [{ ...calling, function: { ...calling.function, bogus: 1 } }] }, 'assistant'),
      'messages.0.tool_calls.0.function.bogus',
    ],
    [{ response_format: { type: 'text', bogus: 1 } }, 'response_format.bogus'],
    [{ tools: [{ ...weather, bogus: 1 }] }, 'tools.0.bogus'],
    [{ tools: [{ ...weather, function: { ...weather.function, bogus: 1 } }] }, 'tools.0.function.bogus'],
    [
      { tools: [weather], tool_choice: { type: 'function', function: { name: 'weather' }, bogus: 1 } },
      'tool_choice.bogus',
    ],
  ])('%j: an unknown key inside is refused as %s', async (extra, param) => {
    server = await testServer();
    const error = await failure(client().chat.completions.create({ ...say('x'), ...extra } as never));
    expect(error).toMatchObject({ status: 400, param, code: 'unknown_parameter' });
    expect(error.message).toContain(param);
  });

  it('an unknown key inside says what was meant', async () => {
    server = await testServer();
    const slip = turn({ tool_cals: [calling] }, 'assistant');
    const error = await failure(client().chat.completions.create({ ...say('x'), ...slip } as never));
    expect(error.message).toContain('did you mean tool_calls?');
  });

  it('what clients add to turns, parts and tools passes, and changes nothing', async () => {
    server = await testServer();
    const nothing = { refusal: null, audio: null, function_call: null, name: null, unheard_of: null };
    const cached = { cache_control: { type: 'ephemeral' } };
    const messages = [
      { role: 'system', content: [{ type: 'text', text: 's', ...cached }], tool_calls: [], name: null },
      { role: 'user', content: 'u', tool_calls: null, id: 'turn-1', ...cached },
      { role: 'assistant', content: 'a', ...nothing, annotations: [], tool_calls: [], reasoning: 'r' },
      { role: 'assistant', content: null, tool_calls: [{ index: 0, ...calling }], reasoning_content: 'r' },
      { role: 'tool', tool_call_id: 'call-1', name: 'weather', content: 'it rains' },
      { role: 'assistant', content: '', refusal: 'No.' },
      { role: 'user', content: [{ type: 'text', text: 'x', annotations: [] }] },
    ];
    const tool = { ...weather, function: { ...weather.function, description: null, strict: null } };
    const body = { ...say('x'), messages, tools: [{ ...tool, ...cached }] };
    await client().chat.completions.create(body as never);
    expect(server.model.heard[0]).toEqual([
      { role: 'system', content: 's' },
      { role: 'user', content: 'u' },
      { role: 'assistant', content: 'a' },
      {
        ...{ role: 'assistant', content: '' },
        toolCalls: [{ id: 'call-1', name: 'weather', arguments: '{}' }],
      },
      { role: 'tool', content: 'it rains', toolCallId: 'call-1', name: 'weather' },
      { role: 'assistant', content: 'No.' },
      { role: 'user', content: 'x' },
    ]);
    expect(server.model.asked[0].tools).toEqual([weather.function]);
  });

  it('its own answers come back whole: plain, with calls, with reasoning', async () => {
    server = await testServer({}, new Thinker());
    const ask = async (content: string) => {
      const body = { ...say(content), tools: [weather] };
      const { message } = (await client().chat.completions.create(body)).choices[0];
      const messages = [...body.messages, message, { role: 'user' as const, content: 'and now?' }];
      const next = await client().chat.completions.create({ ...body, messages });
      expect(next.choices[0].message.content).toBe('and now?');
      return message;
    };
    expect(await ask('hello')).toMatchObject({ content: 'hello', reasoning_content: 'hm' });
    const call = '<tool_call>{"name": "weather", "arguments": {}}</tool_call>';
    expect((await ask(call)).tool_calls).toHaveLength(1);
  });

  it('a body that is no UTF-8 is refused, not altered', async () => {
    server = await testServer();
    const body = Buffer.from(JSON.stringify(say('caf\u00e9')), 'latin1');
    const headers = { 'content-type': 'application/json' };
    const reply = await fetch(`${server.url}/v1/chat/completions`, { method: 'POST', headers, body });
    expect(reply.status).toBe(400);
    expect(await reply.json()).toMatchObject({ error: { code: 'invalid_json' } });
    expect(server.model.asked).toEqual([]);
  });

  it('tools that are nested without end are refused, not recursed into', async () => {
    server = await testServer();
    const nested = (depth: number) => JSON.parse(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`);
    const ask = (depth: number) =>
      client().chat.completions.create({
        ...say('x'),
        tools: [{ type: 'function', function: { name: 'deep', parameters: nested(depth) } }],
      });
    await ask(20);
    expect(await failure(ask(2000))).toMatchObject({ status: 400, param: 'tools', code: 'nested_too_deep' });
  });

  it('an unknown model is 404, a failure 500 without its inside', async () => {
    server = await testServer();
    const unknown = await failure(client().chat.completions.create({ ...say('x'), model: 'gpt-9' }));
    expect(unknown).toMatchObject({ status: 404, code: 'model_not_found' });
    const broken = await failure(client().chat.completions.create(say('fail')));
    expect(broken).toMatchObject({ status: 500, code: 'internal_error' });
    expect(broken.message).not.toContain('secret');
    expect(server.lines.some((line) => JSON.stringify(line).includes('a secret detail'))).toBe(true);
    const streamed = await failure(
      client().chat.completions.create({ ...say('fail'), stream: true }) as Promise<unknown>,
    );
    expect(streamed.status).toBe(500);
  });

  it('keys are asked for, and a wrong one is no key', async () => {
    server = await testServer({ keys: keysFromVariable('alice:correct-horse,bob:battery-staple') });
    expect(await failure(client().models.list())).toMatchObject({ status: 401, code: 'invalid_api_key' });
    const bob = client({ apiKey: 'battery-staple' });
    expect((await bob.models.list()).data.map(({ id }) => id)).toEqual(['parrot']);
    expect(await bob.models.retrieve('parrot')).toMatchObject({ object: 'model' });
    await bob.chat.completions.create(say('x'));
    expect(server.lines.at(-1)).toMatchObject({ key: 'bob', status: 200 });
    expect(JSON.stringify(server.lines)).not.toContain('battery');
  });

  it('too much is 429, with a time to come again', async () => {
    server = await testServer({ rateLimits: { requestsPerMinute: 2 } });
    await client().chat.completions.create(say('x'));
    await client().chat.completions.create(say('x'));
    const error = await failure(client().chat.completions.create(say('x')));
    expect(error).toMatchObject({ status: 429, code: 'rate_limit_exceeded' });
    expect(Number(error.headers!.get('retry-after'))).toBeGreaterThan(0);
  });

  it('a full queue is 429', async () => {
    server = await testServer({ concurrency: 1, queue: 1 }, new Parrot(5));
    const running = [0, 1].map(() => client().chat.completions.create(say('word '.repeat(20))));
    await until(() => server.model.running === 1);
    const error = await failure(client().chat.completions.create(say('x')));
    expect(error).toMatchObject({ status: 429, code: 'queue_full' });
    await Promise.all(running);
  });

  it('an answer that takes too long is 504', async () => {
    server = await testServer({ timeoutSeconds: 0.1 }, new Parrot(5));
    const error = await failure(client().chat.completions.create(say('word '.repeat(90))));
    expect(error).toMatchObject({ status: 504, code: 'timeout' });
    await until(() => server.model.aborted === 1);
  });

  it('a body too large is 413', async () => {
    server = await testServer({ maxBodyBytes: 2000 });
    const error = await failure(client().chat.completions.create(say('x'.repeat(3000))));
    expect(error).toMatchObject({ status: 413, code: 'body_too_large' });
  });
});

describe('around it', () => {
  it('logs no content unless told to', async () => {
    server = await testServer();
    await client().chat.completions.create(say('my secret'));
    expect(server.lines[0]).toMatchObject({ policy: 'hold', outcome: 'accepted', completion_tokens: 2 });
    expect(JSON.stringify(server.lines)).not.toContain('secret');
    await server.stop();
    server = await testServer({ logContent: true });
    await client().chat.completions.create(say('my secret'));
    expect(JSON.stringify(server.lines)).toContain('secret');
  });

  it('counts for Prometheus', async () => {
    server = await testServer();
    await client().chat.completions.create(say('a bad one'));
    const text = await (await fetch(`${server.url}/metrics`)).text();
    expect(text).toContain('ealign_outcomes_total{policy="hold",outcome="corrected",verdict="objected"} 1');
    expect(text).toContain('ealign_tokens_total{use="draft",direction="written"} 3');
    expect(text).toContain('ealign_requests_total{path="/v1/chat/completions",status="200"} 1');
  });

  it('stops when the last answer has gone', async () => {
    server = await testServer({}, new Parrot(5));
    const running = client().chat.completions.create(say('word '.repeat(40).trim()));
    await until(() => server.model.running === 1);
    const stopped = server.stop();
    expect((await running).choices[0].message.content).toMatch(/^word word/);
    await stopped;
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
  });

  it('ends what lasts too long when it stops', async () => {
    server = await testServer({ graceSeconds: 0.1, maxTokens: 5000 }, new Parrot(5));
    const running = failure(client().chat.completions.create(say('word '.repeat(5000))));
    await until(() => server.model.running === 1);
    await server.stop();
    expect(await running).toMatchObject({ status: 503, code: 'stopping' });
    // meant, and so no failure with a stack
    expect(server.lines.map(({ msg, error }) => [msg, error])).toEqual([['request', 'stopping']]);
  });
});

describe('form', () => {
  /** Says what it was asked with, as its tokens would be. */
  class Teller extends Parrot {
    override async generate(
      ...[conversations, options]: Parameters<Parrot['generate']>
    ): Promise<Response[]> {
      const [said] = await super.generate(conversations, options);
      const token = { token: said.text, logprob: -0.5, bytes: [...Buffer.from(said.text)] };
      return [
        { ...said, ...(options.logprobs === undefined ? {} : { logprobs: [{ ...token, top: [token] }] }) },
      ];
    }
  }
  const ask = (content: string, more: object) =>
    client().chat.completions.create({ ...say(content), ...more } as never) as unknown as Promise<
      OpenAI.ChatCompletion & Verdict
    >;

  it('n: answers of their own seeds, each with its verdict; the first is that of n = 1', async () => {
    server = await testServer();
    const several = await ask('a bad one', { n: 3, seed: 7 });
    expect(several.choices.map(({ index, message }) => [index, message.content])).toEqual(
      [0, 1, 2].map((i) => [i, 'A kind one.']),
    );
    expect(several.choices).toMatchObject(Array(3).fill({ conscience: { outcome: 'corrected' } }));
    expect(several).not.toHaveProperty('conscience');
    const seeds = server.model.asked.map(({ seed }) => seed);
    expect([seeds[0], new Set(seeds).size]).toEqual([7, 3]);
    // each draft reads 5 and writes 3, is reviewed twice, which reads 1 each, and its alternative reads 1 and writes 1
    expect(several.usage).toMatchObject({ prompt_tokens: 24, completion_tokens: 12 });
    expect(server.lines.at(-1)).toMatchObject({ prompt_tokens: 24, completion_tokens: 12 });
  });

  it('n: streamed together, one usage', async () => {
    server = await testServer({ policies: ['after'] }, new Parrot(2));
    const body = { ...say('one two'), n: 2, conscience: { policy: 'after' }, stream: true as const };
    const stream = client().chat.completions.stream({
      ...body,
      stream_options: { include_usage: true },
    } as never);
    const { choices, usage } = await stream.finalChatCompletion();
    expect(choices.map(({ message }) => message.content)).toEqual(['one two', 'one two']);
    expect(usage).toMatchObject({ prompt_tokens: 12, completion_tokens: 4 });
    const failed = client().chat.completions.create({ ...say('fail'), n: 2, stream: true });
    expect(await failure(failed as Promise<unknown>)).toMatchObject({ status: 500 });
  });

  it('logprobs: those of the draft, streamed with its end, none of a correction', async () => {
    server = await testServer({}, new Teller());
    const { choices } = await ask('fine', { logprobs: true, top_logprobs: 1 });
    const token = { token: 'fine', logprob: -0.5, bytes: [...Buffer.from('fine')] };
    const content = [{ ...token, top_logprobs: [token] }];
    expect(choices[0].logprobs).toEqual({ content, refusal: null });
    expect(server.model.asked[0].logprobs).toBe(1);
    const stream = client().chat.completions.stream({ ...say('fine'), logprobs: true });
    expect((await stream.finalChatCompletion()).choices[0].logprobs?.content).toEqual(content);
    expect((await ask('a bad one', { logprobs: true })).choices[0].logprobs).toBeNull();
    expect((await ask('fine', {})).choices[0].logprobs).toBeNull();
  });

  it('JSON: model and alternative are held to it', async () => {
    server = await testServer();
    const schema = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] };
    const format = { type: 'json_schema' as const, json_schema: { name: 'x', strict: true, schema } };
    const parsed = await client().chat.completions.parse({ ...say('{"a": "b"}'), response_format: format });
    expect(parsed.choices[0].message.parsed).toEqual({ a: 'b' });
    await ask('x', { response_format: { type: 'json_object' } });
    await ask('x', { response_format: { type: 'json_object', schema } });
    expect(server.model.asked.map(({ format }) => format)).toEqual([{ schema }, {}, { schema }]);
    const said = await client().responses.create({
      ...{ model: 'parrot', input: '{"a": "b"}' },
      text: { format: { type: 'json_schema', name: 'x', schema } },
    });
    expect([said.output_text, server.model.asked.at(-1)!.format]).toEqual(['{"a": "b"}', { schema }]);
  });

  it('JSON that is streamed is whole: no correction follows words that have left', async () => {
    server = await testServer({ defaultPolicy: 'sentence', policies: ['after', 'off'] });
    const body = { ...say('{"a": "One. A bad one."}'), response_format: { type: 'json_object' as const } };
    const read = async (more: object = {}) => {
      let text = '';
      for await (const chunk of await client().chat.completions.create({ ...body, ...more, stream: true }))
        text += chunk.choices[0]?.delta.content ?? '';
      return text;
    };
    // the judge's alternative, alone
    expect(await read()).toBe('A kind one.');
    expect(await read({ conscience: { policy: 'off' } })).toBe('{"a": "One. A bad one."}');
    expect(await read({ response_format: { type: 'text' } })).toContain('I take back');
    await expect(read({ conscience: { policy: 'after' } })).rejects.toThrow(
      /cannot be corrected under after/,
    );
    await expect(read({ conscience: { policy: 'sentence' } })).rejects.toThrow(/under sentence/);
    expect((await ask('fine', { ...body, conscience: { policy: 'after' } })).choices).toHaveLength(1);
  });
});
