/** The AI SDK, unmodified, against a running `ealign serve`. */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunningServer } from '../../src/serve/server.js';
import { CORRECTION_NOTICE } from '../../src/zero-shot/release.js';
import { Parrot, testServer } from '../serve/server.js';

const parrot = new Parrot(3);
let server: RunningServer;
beforeAll(async () => {
  server = await testServer({ policies: ['sentence', 'after'], queue: 100, maxTokens: 3000 }, parrot);
});
afterAll(() => server.stop());

const model = (policy?: string) =>
  createOpenAICompatible({
    ...{ name: 'ealign', baseURL: `${server.url}/v1`, apiKey: 'none', includeUsage: true },
    ...(policy ? { headers: { 'x-conscience-policy': policy } } : {}),
  })('parrot');

it('answers, corrects, and says so', async () => {
  const good = await generateText({ model: model(), prompt: 'A good one.' });
  expect([good.text, good.finishReason]).toEqual(['A good one.', 'stop']);
  expect(good.usage.totalTokens).toBeGreaterThan(0);
  const { text, response } = await generateText({ model: model(), prompt: 'A bad one.' });
  expect(text).toBe('A kind one.');
  expect(response.headers).toMatchObject({ 'x-conscience-outcome': 'corrected' });
  const withheld = await generateText({ model: model(), prompt: 'the worst, bad' });
  expect(withheld.finishReason).toBe('content-filter');
});

it('streams with each policy', async () => {
  const stream = async (policy: string | undefined) => {
    const result = streamText({ model: model(policy), prompt: 'One. A bad one.' });
    return [await result.text, (await result.usage).totalTokens! > 0];
  };
  expect(await stream(undefined)).toEqual(['A kind one.', true]);
  expect(await stream('sentence')).toEqual([`One. \n\n${CORRECTION_NOTICE}\n\nA kind one.`, true]);
  expect(await stream('after')).toEqual([`One. A bad one.\n\n${CORRECTION_NOTICE}\n\nA kind one.`, true]);
});

it('answers many at once, each its own', async () => {
  const prompts = Array.from({ length: 24 }, (_, i) => `Good answer number ${i}.`);
  const texts = await Promise.all(
    prompts.map(async (prompt) => (await generateText({ model: model(), prompt })).text),
  );
  expect(texts).toEqual(prompts);
});

it('stops when its caller does', async () => {
  const abort = new AbortController();
  const result = streamText({
    model: model('after'),
    prompt: 'good '.repeat(2000),
    abortSignal: abort.signal,
  });
  let pieces = 0;
  for await (const part of result.fullStream) if (part.type === 'text-delta' && ++pieces === 3) abort.abort();
  expect(pieces).toBeLessThan(50);
  const before = parrot.aborted;
  for (let i = 0; i < 100 && parrot.running > 0; i++) await new Promise((resolve) => setTimeout(resolve, 20));
  expect([parrot.running, parrot.aborted >= before]).toEqual([0, true]);
});

it('calls tools and reads their results', async () => {
  const asked: string[] = [];
  const weather = tool({
    inputSchema: jsonSchema<{ city: string }>({ type: 'object', properties: { city: { type: 'string' } } }),
    execute: async ({ city }) => {
      asked.push(city);
      return 'sunny';
    },
  });
  const result = await generateText({
    model: model(),
    prompt: '<tool_call>{"name": "weather", "arguments": {"city": "Bern"}}</tool_call>',
    tools: { weather },
    stopWhen: stepCountIs(2),
  });
  expect(asked).toEqual(['Bern']);
  expect(result.text).toContain('sunny');
});

it('gives errors as the SDK’s own', async () => {
  const wrong = createOpenAICompatible({ name: 'ealign', baseURL: `${server.url}/v1` })('another');
  await expect(generateText({ model: wrong, prompt: 'Hi', maxRetries: 0 })).rejects.toMatchObject({
    ...{ name: 'AI_APICallError', statusCode: 404 },
    message: expect.stringMatching(/no model another/),
  });
});
