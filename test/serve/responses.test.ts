/** `/v1/responses` as the official client and the OpenAI Agents SDK use it, unmodified. */
import { Agent, OpenAIResponsesModel, run, setTracingDisabled, tool } from '@openai/agents';
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Response } from '../../src/values/conversation.js';
import { CORRECTION_NOTICE } from '../../src/zero-shot/release.js';
import { Parrot, type TestServer, testServer } from './server.js';

let server: TestServer;
afterEach(() => server.stop());

const client = () => new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
const ask = (input: unknown, more: object = {}) =>
  client().responses.create({ model: 'parrot', input, ...more } as never) as unknown as Promise<
    OpenAI.Responses.Response & { conscience: { outcome: string } }
  >;
const call = (city: string) => `<tool_call>{"name": "weather", "arguments": {"city": "${city}"}}</tool_call>`;
const weather = { type: 'function', name: 'weather', parameters: { type: 'object', properties: {} } };

/** Has thought before it speaks. */
class Thinker extends Parrot {
  override async generate(...asked: Parameters<Parrot['generate']>): Promise<Response[]> {
    return (await super.generate(...asked)).map((said) => ({ ...said, reasoning: 'hm' }));
  }
}

describe('whole', () => {
  it('answers, with instructions, verdict and usage', async () => {
    server = await testServer();
    const said = await ask('hello there', {
      instructions: 'be kind',
      temperature: 0.5,
      metadata: { a: 'b' },
    });
    expect(said.output_text).toBe('hello there');
    expect(server.model.heard[0]).toEqual([
      { role: 'system', content: 'be kind' },
      { role: 'user', content: 'hello there' },
    ]);
    // the draft reads 5 and writes 2, its review reads 1
    expect(said.usage).toMatchObject({ input_tokens: 6, output_tokens: 2, total_tokens: 8 });
    expect(said).toMatchObject({ status: 'completed', instructions: 'be kind', metadata: { a: 'b' } });
    expect(said.conscience.outcome).toBe('accepted');
  });

  it('corrects, withholds, and says what was cut', async () => {
    server = await testServer();
    const corrected = await ask('a bad one');
    expect([corrected.output_text, corrected.status]).toEqual(['A kind one.', 'completed']);
    const withheld = await ask('the worst bad one');
    expect(withheld).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'content_filter' },
    });
    expect(withheld.output_text).toMatch(/rather not/);
    const cut = await ask('one two three', { max_output_tokens: 2 });
    expect(cut).toMatchObject({
      output_text: 'one two ',
      incomplete_details: { reason: 'max_output_tokens' },
    });
  });

  it('takes its own output back as input: words, reasoning and calls', async () => {
    server = await testServer({}, new Thinker());
    const first = await ask(call('Ulm'), { tools: [weather] });
    expect(first.output.map(({ type }) => type)).toEqual(['reasoning', 'function_call']);
    const [, called] = first.output as unknown as [unknown, { call_id: string; arguments: string }];
    expect(JSON.parse(called.arguments)).toEqual({ city: 'Ulm' });
    const input = [
      { role: 'user', content: [{ type: 'input_text', text: 'rain ?' }] },
      ...first.output,
      { type: 'function_call_output', call_id: called.call_id, output: 'it rains' },
    ];
    const second = await ask(input, { tools: [weather] });
    expect(second.output_text).toBe('it rains');
    expect(server.model.heard.at(-1)).toEqual([
      { role: 'user', content: 'rain ?' },
      {
        ...{ role: 'assistant', content: '' },
        toolCalls: [{ id: called.call_id, name: 'weather', arguments: '{"city":"Ulm"}' }],
      },
      { role: 'tool', content: 'it rains', toolCallId: called.call_id },
    ]);
    const third = await ask([...input, ...second.output, { role: 'user', content: 'and now ?' }]);
    expect(third.output_text).toBe('and now ?');
  });
});

describe('streamed', () => {
  const read = async (input: string, more: object = {}) => {
    const stream = client().responses.stream({ model: 'parrot', input, ...more } as never);
    const events: { type: string; sequence_number?: number; delta?: string }[] = [];
    for await (const event of stream) events.push(event as (typeof events)[number]);
    const raw = events.filter(({ type }) => type.startsWith('response.'));
    return { types: raw.map(({ type }) => type), events: raw, final: await stream.finalResponse() };
  };

  it('tells each item, then the response that it adds up to', async () => {
    server = await testServer({ policies: ['after'] }, new Parrot(1));
    const { types, events, final } = await read('one two', { conscience: { policy: 'after' } });
    expect(types).toEqual([
      ...['response.created', 'response.in_progress'],
      ...['response.output_item.added', 'response.content_part.added'],
      ...['response.output_text.delta', 'response.output_text.delta'],
      ...['response.output_text.done', 'response.content_part.done', 'response.output_item.done'],
      'response.completed',
    ]);
    expect(events.map(({ sequence_number: n }) => n)).toEqual(types.map((_, i) => i));
    expect(final.output_text).toBe('one two');
    const bad = await read('a bad one', { conscience: { policy: 'after' } });
    expect(bad.final.output_text).toBe(`a bad one\n\n${CORRECTION_NOTICE}\n\nA kind one.`);
  });

  it('holds until the verdict; calls and reasoning are items of their own', async () => {
    server = await testServer({}, new Thinker());
    const held = await read('a bad one');
    expect(JSON.stringify(held.events)).not.toContain('bad');
    expect(held.final.output_text).toBe('A kind one.');
    const called = await read(call('Ulm'), { tools: [weather] });
    expect(called.types).toContain('response.function_call_arguments.done');
    expect(called.final.output.map(({ type }) => type)).toEqual(['reasoning', 'function_call']);
    const withheld = await read('the worst bad one');
    expect(withheld.types.at(-1)).toBe('response.incomplete');
  });

  it('a failure is an error of the client', async () => {
    server = await testServer();
    await expect(read('fail')).rejects.toMatchObject({ status: 500 });
  });
});

const say = { role: 'user', content: 'x' };
const thought = { type: 'reasoning', id: 'rs_1', summary: [] };
const answer = {
  role: 'assistant',
  content: [{ type: 'output_text', text: 'y', annotations: [], logprobs: [] }],
};
const called = {
  type: 'function_call',
  id: 'fc_1',
  call_id: 'a',
  name: 'weather',
  arguments: '{}',
  status: 'completed',
};
const output = { type: 'function_call_output', call_id: 'a', output: 'rain' };

it.each([
  [{ input: [] }, 'input'],
  [{ input: [{ type: 'item_reference', id: 'x' }] }, 'input.0.type'],
  [{ input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'x' }] }] }, 'input.0.content'],
  [{ input: [{ role: 'king', content: 'x' }], instructions: 's' }, 'input.0.role'],
  [{ previous_response_id: 'resp_1' }, 'previous_response_id'],
  [{ background: true }, 'background'],
  [{ reasoning: { effort: 'low' } }, 'reasoning'],
  [{ tools: [{ type: 'web_search' }] }, 'tools.0.type'],
  [{ tools: [{ ...weather, strict: true }] }, 'tools.0.strict'],
  [{ max_output_tokens: 1e6 }, 'max_output_tokens'],
  [{ max_tokens: 5 }, 'max_tokens'],
  [{ messages: [] }, 'messages'],
  [{ n: 2 }, 'n'],
  [{ text: { bogus: 1 } }, 'text.bogus'],
  [{ text: 'json' }, 'text'],
  [{ text: { format: 'json' } }, 'text.format'],
  [{ reasoning: 'high' }, 'reasoning'],
  [{ reasoning: [] }, 'reasoning'],
  [{ stream_options: 5, stream: true }, 'stream_options'],
  [{ input: ['x'] }, 'input.0'],
  [
    { input: [{ role: 'user', content: [{ type: 'input_text', text: 'x', bogus: 1 }] }] },
    'input.0.content.0.bogus',
  ],
  [{ input: [say, { ...called, bogus: 1 }] }, 'input.1.bogus'],
  [{ input: [say, called, { ...output, bogus: 1 }] }, 'input.2.bogus'],
  // items that are no turn, and those that are part of one
  [{ input: [say, thought, { role: 'king', content: 'x' }], instructions: 's' }, 'input.2.role'],
  [{ input: [say, called, called, output, output, { role: 'user', content: 5 }] }, 'input.5.content'],
  [{ input: [say, called, { ...called, name: 5 }], instructions: 's' }, 'input.2.name'],
  [{ input: [say, answer, thought, { ...called, arguments: {} }] }, 'input.3.arguments'],
  [{ input: [say, { ...answer, bogus: 1 }, called] }, 'input.1.bogus'],
  [{ input: [say, called, { ...output, call_id: 5 }] }, 'input.2.call_id'],
  [{ input: [say, { ...called, call_id: 5 }] }, 'input.1.call_id'],
  [{ instructions: 5 }, 'instructions'],
])('%j names %s', async (extra, param) => {
  server = await testServer();
  await expect(ask('x', extra)).rejects.toMatchObject({ status: 400, param });
});

it('an agent of the OpenAI Agents SDK runs on it, calls its tools, and is corrected', async () => {
  setTracingDisabled(true);
  server = await testServer();
  const model = new OpenAIResponsesModel(client(), 'parrot');
  const agent = new Agent({
    ...{ name: 'agent', model, instructions: 'be kind' },
    tools: [
      tool({
        ...{ name: 'weather', description: 'tells the weather', strict: false },
        parameters: {
          type: 'object' as const,
          properties: {},
          required: [],
          additionalProperties: true as const,
        },
        execute: async (given: unknown) => `rain in ${z.object({ city: z.string() }).parse(given).city}`,
      }),
    ],
  });
  expect((await run(agent, call('Ulm'))).finalOutput).toBe('rain in Ulm');
  expect((await run(agent, 'a bad one')).finalOutput).toBe('A kind one.');
  const streamed = await run(agent, call('Ulm'), { stream: true });
  let text = '';
  for await (const piece of streamed.toTextStream()) text += piece;
  expect([text, streamed.finalOutput]).toEqual(['rain in Ulm', 'rain in Ulm']);
});
