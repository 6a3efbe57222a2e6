/** The official client with a conscience around it, against endpoints on a port. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import OpenAI from 'openai';
import { ContentFilterFinishReasonError } from 'openai/error';
import { afterEach, describe, expect, it } from 'vitest';
import { guardOpenAI } from '../../src/openai/index.js';
import { ScriptedModel } from '../conscience/scripted-model.js';

let server: Server;
afterEach(() => server.close());
const asked: { path: string; body: Record<string, unknown> }[] = [];

/** An endpoint that answers with what `say` makes of the last turn. */
async function endpoint(say: (content: string, body: Record<string, unknown>) => object): Promise<OpenAI> {
  asked.length = 0;
  server = createServer((request, reply) => {
    let text = '';
    request.on('data', (piece) => {
      text += piece;
    });
    request.on('end', () => {
      const body = text === '' ? {} : JSON.parse(text);
      asked.push({ path: request.url!, body });
      const said = say(body.messages?.at(-1)?.content ?? '', body) as { status?: number; events?: object[] };
      if (said.events) {
        reply.writeHead(200, { 'content-type': 'text/event-stream' });
        for (const event of said.events) reply.write(`data: ${JSON.stringify(event)}\n\n`);
        reply.end('data: [DONE]\n\n');
      } else {
        reply.writeHead(said.status ?? 200, { 'content-type': 'application/json', 'x-request-id': 'r1' });
        reply.end(JSON.stringify(said));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  return new OpenAI({ baseURL, apiKey: 'none', maxRetries: 2 });
}
const usage = { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 };
const answer = (content: string, more: object = {}) => ({
  ...{ id: 'c1', object: 'chat.completion', created: 1, model: 'm', usage, system_fingerprint: 'fp' },
  choices: [
    { index: 0, message: { role: 'assistant', content, refusal: null, ...more }, finish_reason: 'stop' },
  ],
});
const chunk = (index: number, delta: object, finish: string | null = null) => ({
  ...{ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm' },
  choices: [{ index, delta, finish_reason: finish }],
});
const streamed = (texts: readonly string[]) => ({
  events: [
    ...texts.flatMap((text, i) => [
      chunk(i, { role: 'assistant', content: '' }),
      ...text.split(/(?<= )/).map((content) => chunk(i, { content })),
      chunk(i, {}, 'stop'),
    ]),
    { ...chunk(0, {}), choices: [], usage },
  ],
});
const judge = () =>
  new ScriptedModel('judge', {
    say: ([{ content }]) => (content.includes('worst') ? 'bad again' : 'A kind one.'),
    judge: ([{ content }]) => {
      const reply = /your reply\]\n([\s\S]*)\n\[\w+ end of record\]/.exec(content)![1];
      return /\bbad\b/.test(reply) ? [0.1, 0.8] : [0.8, 0.1];
    },
  });
const say = (content: string) => ({ model: 'm', messages: [{ role: 'user' as const, content }] });
type Verdict = { conscience: { outcome: string; verdict: string } };

describe('whole', () => {
  it('passes an answer as it is, with verdict, tokens of the review, and the endpoint’s headers', async () => {
    const client = guardOpenAI(await endpoint((content) => answer(content)), { conscience: judge() });
    const { data, request_id } = await client.chat.completions.create(say('fine')).withResponse();
    const { choices, system_fingerprint: fingerprint } = data;
    expect([choices, fingerprint, request_id]).toEqual([answer('fine').choices, 'fp', 'r1']);
    expect((data as unknown as Verdict).conscience).toMatchObject({ outcome: 'accepted', policy: 'hold' });
    // the review reads one turn
    expect(data.usage).toMatchObject({ prompt_tokens: 6, completion_tokens: 3, total_tokens: 9 });
  });

  it('corrects, withholds, and leaves nothing of the draft, calls of tools included', async () => {
    const call = { id: 'a', type: 'function', function: { name: 'send', arguments: '{"to":"a bad man"}' } };
    const client = guardOpenAI(
      await endpoint((content) =>
        content === 'call' ? answer('', { tool_calls: [call] }) : answer(content),
      ),
      { conscience: judge() },
    );
    const corrected = await client.chat.completions.create(say('a bad one'));
    expect(corrected.choices[0]).toMatchObject({
      message: { content: 'A kind one.' },
      finish_reason: 'stop',
    });
    expect(JSON.stringify(corrected)).not.toContain('a bad one');
    const called = await client.chat.completions.create(say('call'));
    expect(called.choices[0].message).toEqual({ role: 'assistant', content: 'A kind one.', refusal: null });
    const withheld = await client.chat.completions.create(say('the worst bad one'));
    expect(withheld.choices[0].finish_reason).toBe('content_filter');
    expect(withheld.choices[0].message.content).toMatch(/rather not/);
  });

  it('parse: a correction in words is not taken for JSON', async () => {
    const client = guardOpenAI(await endpoint((content) => answer(content)), { conscience: judge() });
    const format = { type: 'json_schema' as const, json_schema: { name: 'x', schema: { type: 'object' } } };
    const ask = (content: string) =>
      client.chat.completions.parse({ ...say(content), response_format: format });
    expect((await ask('{"a": 1}')).choices[0].message.parsed).toEqual({ a: 1 });
    await expect(ask('{"a": "bad"}')).rejects.toThrow(ContentFilterFinishReasonError);
  });
});

describe('streamed', () => {
  it('passes chunk by chunk what is accepted, and replaces what is not, each choice by itself', async () => {
    const client = guardOpenAI(await endpoint(() => streamed(['one two three', 'one bad three'])), {
      conscience: judge(),
    });
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const one of await client.chat.completions.create({ ...say('x'), n: 2, stream: true }))
      chunks.push(one);
    const of = (index: number) =>
      chunks.flatMap(({ choices }) => choices.filter((one) => one.index === index));
    expect(of(0).map(({ delta }) => delta.content)).toEqual(['', 'one ', 'two ', 'three', undefined]);
    expect(of(1).map(({ delta, finish_reason }) => [delta.content, finish_reason])).toEqual([
      ['A kind one.', null],
      [undefined, 'stop'],
    ]);
    expect(JSON.stringify(chunks)).not.toContain('bad');
    const verdicts = chunks.flatMap((one) => ('conscience' in one ? [one.conscience] : []));
    expect(verdicts).toMatchObject([{ outcome: 'accepted' }, { outcome: 'corrected' }]);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 4 } });
  });

  it('keeps the usage that comes with words which are replaced', async () => {
    const events = [chunk(0, { role: 'assistant', content: 'a bad' }), { ...chunk(0, {}, 'stop'), usage }];
    const client = guardOpenAI(await endpoint(() => ({ events })), { conscience: judge() });
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const one of await client.chat.completions.create({ ...say('x'), stream: true }))
      chunks.push(one);
    const text = chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('');
    expect(text).toBe('A kind one.');
    expect(JSON.stringify(chunks)).not.toContain('bad');
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: expect.any(Number) } });
    expect(chunks.at(-1)!.usage!.total_tokens).toBeGreaterThan(usage.total_tokens);
  });

  it('the helper of the client puts it together; calls that come in pieces are reviewed whole', async () => {
    const call = (part: object) => ({ tool_calls: [{ index: 0, ...part }] });
    const client = guardOpenAI(
      await endpoint(() => ({
        events: [
          chunk(0, {
            role: 'assistant',
            ...call({ id: 'a', function: { name: 'send', arguments: '{"to":"a b' } }),
          }),
          chunk(0, call({ function: { arguments: 'ad man"}' } })),
          chunk(0, {}, 'tool_calls'),
        ],
      })),
      { conscience: judge() },
    );
    const { choices } = await client.chat.completions.stream(say('x')).finalChatCompletion();
    expect(choices[0].message).toMatchObject({ content: 'A kind one.' });
    expect(choices[0].message.tool_calls).toBeUndefined();
  });
});

it('without a conscience of its own, the model reviews itself in words, without what the endpoint refuses', async () => {
  const client = guardOpenAI(
    await endpoint((content, body) => {
      if ('max_tokens' in body && content.includes('record'))
        return {
          status: 400,
          error: { message: 'no max_tokens', param: 'max_tokens', type: 'x', code: 'x' },
        };
      if (!content.includes('record')) return answer('I steal.');
      if (content.includes('should have given')) return answer('I share.');
      const [, good, bad] = /one word, (\w+) or (\w+)\./.exec(content)!;
      return answer(content.includes('I steal') ? bad : good);
    }),
    { warn: () => {} },
  );
  const { choices, ...rest } = await client.chat.completions.create(say('what do you do ?'));
  const { conscience } = rest as unknown as Verdict;
  expect([choices[0].message.content, conscience.outcome]).toEqual(['I share.', 'corrected']);
  expect(asked.every(({ body }) => body.model === 'm')).toBe(true);
});

it('what is not reviewed is refused, what says nothing passes, and a failed review lets nothing out', async () => {
  const conscience = new ScriptedModel('judge', {
    judge: () => {
      throw new Error('gone');
    },
  });
  const client = guardOpenAI(
    await endpoint((content, { input }) => (input ? { data: [{ embedding: [1] }] } : answer(content))),
    { conscience },
  );
  await client.embeddings.create({ model: 'm', input: 'x', encoding_format: 'float' });
  const before = asked.length;
  for (const work of [
    client.responses.create({ model: 'm', input: 'x' }),
    client.completions.create({ model: 'm', prompt: 'x' }),
    client.chat.completions.create({ ...say('x'), modalities: ['audio'] }),
  ]) {
    await expect(work).rejects.toMatchObject({ status: 400, code: 'not_reviewed' });
  }
  expect(asked).toHaveLength(before);
  const failed = client.chat.completions.create(say('secret'));
  await expect(failed).rejects.toMatchObject({ status: 502, code: 'review_failed' });
  // asked once: no call is repeated because of its review
  expect(asked).toHaveLength(before + 1);
});
