/** Remote endpoints: what is asked of them, and what becomes of every way in which they fail. */
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { countPromptTokens, estimateCost } from '../../src/engine/remote/cost.js';
import type { RemoteHooks } from '../../src/engine/remote/endpoint.js';
import { RemoteModel } from '../../src/engine/remote/model.js';
import { Pace } from '../../src/engine/remote/pace.js';
import { type RemoteOptions, remoteSettings } from '../../src/engine/remote/settings.js';
import { ConfigError, RemoteError } from '../../src/errors.js';
import type { Message } from '../../src/values/conversation.js';
import { FakeClock, FakeEndpoint, refuse, say, spell } from './fake-endpoint.js';

let endpoint: FakeEndpoint;
let clock: FakeClock;

beforeEach(async () => {
  endpoint = new FakeEndpoint();
  clock = new FakeClock();
  await endpoint.start();
});
afterEach(() => endpoint.stop());

function remote(options: Partial<RemoteOptions> = {}, hooks: RemoteHooks = {}): RemoteModel {
  return new RemoteModel(
    { baseUrl: endpoint.url, model: 'tiny', ...options },
    { clock, random: () => 0, env: {}, ...hooks },
  );
}

const ask = (content: string): Message[] => [{ role: 'user', content }];
const one = { maxTokens: 20 };

async function failure(promise: Promise<unknown>): Promise<RemoteError> {
  const error = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(RemoteError);
  expect((error as Error).message).not.toContain('\n');
  return error as RemoteError;
}

describe('what is sent', () => {
  test('all of the options, a seed per row, and the same ones again', async () => {
    const model = remote({ concurrency: 1 });
    const options = { maxTokens: 7, temperature: 0.5, topP: 0.9, topK: 5, seed: 3, stop: ['END'] };
    await model.generate([ask('a'), ask('a')], options);
    const [first, second] = endpoint.asked.map(({ body }) => body);
    expect(first).toEqual({
      model: 'tiny',
      messages: ask('a'),
      temperature: 0.5,
      top_p: 0.9,
      top_k: 5,
      seed: first.seed,
      stop: ['END'],
      max_tokens: 7,
      stream: false,
    });
    expect(endpoint.asked[0].path).toBe('/v1/chat/completions');
    expect(Number.isInteger(first.seed) && first.seed >= 0 && first.seed < 2 ** 31).toBe(true);
    expect(second.seed).not.toBe(first.seed);
    await remote({ concurrency: 1 }).generate([ask('a'), ask('a')], options);
    expect(endpoint.asked.slice(2).map(({ body }) => body.seed)).toEqual([first.seed, second.seed]);
  });

  test("the field's defaults where nothing is said", async () => {
    await remote().respond(ask('a'), { ...one, seed: 11 });
    expect(endpoint.asked[0].body).toEqual({
      model: 'tiny',
      messages: ask('a'),
      temperature: 1,
      top_p: 1,
      seed: 11,
      max_tokens: 20,
      stream: false,
    });
    expect(endpoint.asked[0].headers.authorization).toBeUndefined();
  });

  test('extra fields, and null leaves a field out', async () => {
    await remote({ extra: { reasoning_effort: 'low', temperature: null } }).respond(ask('a'), one);
    expect(endpoint.asked[0].body.reasoning_effort).toBe('low');
    expect(endpoint.asked[0].body).not.toHaveProperty('temperature');
  });

  test('max_completion_tokens once the endpoint asks for it', async () => {
    endpoint.reply = ({ body }) =>
      'max_tokens' in body
        ? refuse(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        : say('ok');
    const model = remote();
    expect(await model.respond(ask('a'), one)).toMatchObject({ text: 'ok' });
    await model.respond(ask('a'), one);
    expect(endpoint.asked.map(({ body }) => body.max_completion_tokens)).toEqual([undefined, 20, 20]);
  });

  test('no more than four stop strings, the rest are cut off here', async () => {
    endpoint.reply = () => say('one six two');
    const stop = ['a1', 'a2', 'a3', 'a4', 'six'];
    const response = await remote().respond(ask('a'), { ...one, stop });
    expect(endpoint.asked[0].body.stop).toEqual(stop.slice(0, 4));
    expect(response).toMatchObject({ text: 'one ', finish: 'stop' });
  });

  test('the key from the named variable', async () => {
    const env = { MY_KEY: ' sk-1 \n', OPENAI_API_KEY: 'sk-2' };
    await remote({ apiKeyVariable: 'MY_KEY' }, { env }).respond(ask('a'), one);
    await remote({}, { env }).respond(ask('a'), one);
    expect(endpoint.asked.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer sk-1',
      'Bearer sk-2',
    ]);
  });

  test('the query of the address, and one that was pasted whole', async () => {
    const model = remote({ baseUrl: `${endpoint.url}/?api-version=1` });
    await model.respond(ask('a'), one);
    await remote({ baseUrl: `${endpoint.url}/chat/completions` }).respond(ask('a'), one);
    const paths = endpoint.asked.map(({ path }) => path);
    expect(paths).toEqual(['/v1/chat/completions?api-version=1', '/v1/chat/completions']);
    expect(model.id).toBe(`tiny at ${endpoint.host}`);
  });
});

describe('answers', () => {
  test('in the order of the questions, with at most so many at a time', async () => {
    // Answers are held until three are waiting, and then given last first.
    const waiting: (() => void)[] = [];
    endpoint.reply = async ({ body }) => {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        if (waiting.length === 3) for (const go of waiting.splice(0).reverse()) go();
      });
      return say(`re: ${body.messages[0].content}`);
    };
    const questions = Array.from({ length: 12 }, (_, i) => ask(`q${i}`));
    const pieces: string[] = [];
    const responses = await remote({ concurrency: 3 }).generate(questions, {
      ...one,
      onText: (i, piece) => {
        pieces[i] = piece;
      },
    });
    const texts = questions.map(([{ content }]) => `re: ${content}`);
    expect(responses.map(({ text }) => text)).toEqual(texts);
    expect(pieces).toEqual(texts);
    expect(endpoint.mostInFlight).toBe(3);
  });

  test('many at a time under one signal are no leak', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on('warning', note);
    try {
      const waiting: (() => void)[] = [];
      endpoint.reply = async () => {
        await new Promise<void>((resolve) => {
          if (waiting.push(resolve) === 16) for (const go of waiting) go();
        });
        return say('ok');
      };
      const { signal } = new AbortController();
      const questions = Array.from({ length: 16 }, () => ask('a'));
      await remote({ concurrency: 16 }, { signal }).generate(questions, { ...one, signal });
      await new Promise((resolve) => setImmediate(resolve));
    } finally {
      process.off('warning', note);
    }
    expect(warnings).toEqual([]);
  });

  test('the limit holds across calls', async () => {
    const model = remote({ concurrency: 2 });
    await Promise.all([1, 2, 3, 4, 5, 6].map(() => model.respond(ask('a'), one)));
    expect(endpoint.mostInFlight).toBeLessThanOrEqual(2);
    expect(model.usage).toEqual({ requests: 6, promptTokens: 60, answerTokens: 18 });
  });

  test('tokens and the reason of the end', async () => {
    endpoint.reply = () => say('cut', { choice: { finish_reason: 'length' } });
    const [response] = await remote().generate([ask('a')], one);
    expect(response).toEqual({ text: 'cut', finish: 'length', tokens: 3 });
  });

  test.each([
    ['reasoning_content', { content: 'yes', reasoning_content: 'hm\n' }],
    ['reasoning', { content: 'yes', reasoning: 'hm' }],
    ['a block', { content: '<think>\nhm\n</think>\n\nyes' }],
    ['a block that the prompt has opened', { content: 'hm\n</think>\n\nyes' }],
    [
      'parts',
      {
        content: [
          { type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] },
          { type: 'text', text: 'yes' },
        ],
      },
    ],
  ])('reasoning in %s', async (_, message) => {
    endpoint.reply = () => say(null, { message });
    expect(await remote().respond(ask('a'), one)).toMatchObject({ text: 'yes', reasoning: 'hm' });
  });

  test('reasoning that took all tokens leaves an empty answer', async () => {
    endpoint.reply = () => say(null, { message: { reasoning: 'hm' }, choice: { finish_reason: 'length' } });
    const response = await remote().respond(ask('a'), one);
    expect(response).toEqual({ text: '', reasoning: 'hm', finish: 'length', tokens: 3 });
  });

  test('a refusal in a field of its own is what was said', async () => {
    endpoint.reply = () => say(null, { message: { refusal: 'I cannot.' } });
    expect(await remote().respond(ask('a'), one)).toMatchObject({ text: 'I cannot.' });
  });

  test.each([
    ['assistant', {}, {}],
    ['vllm', { continue_final_message: true, add_generation_prompt: false }, {}],
    ['prefix', {}, { prefix: true }],
  ] as const)('a begun answer, prefill: %s', async (prefill, fields, inMessage) => {
    endpoint.reply = (_, n) => say(n === 0 ? ' yes' : 'So: yes');
    const model = remote({ prefill });
    for (const _ of [0, 1]) {
      expect((await model.respond(ask('a'), { ...one, prefix: 'So:' })).text).toBe('So: yes');
    }
    const begun = { role: 'assistant', content: 'So:', ...inMessage };
    expect(endpoint.asked[0].body).toMatchObject({ ...fields, messages: [...ask('a'), begun] });
  });

  test('an endpoint that cannot continue a begun answer says so', async () => {
    const error = await failure(remote().respond(ask('a'), { ...one, prefix: 'So:' }));
    expect(error.message).toContain('Set prefill');
    expect(endpoint.asked).toHaveLength(0);
  });
});

describe('log-probabilities', () => {
  test('the likeliest first tokens, most likely first', async () => {
    endpoint.reply = () => spell({ '85': 0.25, '90': 0.5, REFUSAL: 0.125 });
    const top = await remote().topLogprobs(ask('rate'));
    expect(top).toEqual([
      { token: '90', logp: Math.log(0.5) },
      { token: '85', logp: Math.log(0.25) },
      { token: 'REFUSAL', logp: Math.log(0.125) },
    ]);
    const { body } = endpoint.asked[0];
    expect(body).toMatchObject({ temperature: 0, max_tokens: 1, logprobs: true, top_logprobs: 20 });
    expect(await remote().topLogprobs(ask('rate'), 2)).toHaveLength(2);
    expect(endpoint.asked[1].body.top_logprobs).toBe(2);
  });

  test('the chosen token counts even where it is not among the likeliest, unless it is unmeasured', async () => {
    const top_logprobs = [
      { token: 'a', logprob: -1 },
      { token: 'b', logprob: -2 },
    ];
    const logprobs = (logprob: number) => ({ content: [{ token: 'z', logprob, top_logprobs }] });
    endpoint.reply = (_, n) => say('z', { choice: { logprobs: logprobs(n === 0 ? -5 : -9999) } });
    expect((await remote().topLogprobs(ask('a'))).map(({ token }) => token)).toEqual(['a', 'b', 'z']);
    expect((await remote().topLogprobs(ask('a'))).map(({ token }) => token)).toEqual(['a', 'b']);
  });

  test('the form of the older text completions', async () => {
    const logprobs = { tokens: ['4'], token_logprobs: [-0.5], top_logprobs: [{ '4': -0.5, '5': -1 }] };
    endpoint.reply = () => say('4', { choice: { logprobs } });
    const top = await remote().topLogprobs(ask('a'));
    expect(top).toEqual([
      { token: '4', logp: -0.5 },
      { token: '5', logp: -1 },
    ]);
  });

  test('an answer that is empty has no first token', async () => {
    endpoint.reply = () => say('', { choice: { logprobs: { content: [] } } });
    expect(await remote().topLogprobs(ask('a'))).toEqual([]);
  });

  test.each([
    ['no logprobs', () => say('85'), 'got none'],
    ['null logprobs', () => say('85', { choice: { logprobs: null } }), 'got none'],
    ['null content', () => say('85', { choice: { logprobs: { content: null } } }), 'got none'],
    ['an empty list', () => say('85', { choice: { logprobs: { content: [] } } }), 'an empty list'],
    ['no rivals', () => spell({ '85': 0.5 }), 'only the chosen token'],
    ['a refusal', () => refuse(400, 'logprobs are not supported with this model'), 'not supported'],
  ])('%s is told', async (_, reply, words) => {
    endpoint.reply = reply;
    const error = await failure(remote().topLogprobs(ask('a')));
    expect(error.failure).toBe('logprobs');
    expect(error.message).toContain(`tiny at ${endpoint.host}: gives no log-probabilities`);
    expect(error.message).toContain(words);
    expect(error.message).toContain('Use an endpoint that gives them');
  });

  test('reasoning before the answer is passed over', async () => {
    const thought: Record<string, number>[] = [
      { '<think>': 0.9, a: 0.1 },
      { hm: 0.9, a: 0.1 },
      { '</think>': 0.9, a: 0.1 },
      { '\n\n': 1, a: 1e-9 },
    ];
    const answer = { '70': 0.6, '80': 0.4 };
    endpoint.reply = () => spell(...thought, answer);
    const model = remote({ reasoningTokens: 100 });
    expect((await model.topLogprobs(ask('a')))[0].token).toBe('70');
    expect(endpoint.asked[0].body.max_tokens).toBe(101);

    // Here the endpoint takes the reasoning out of the text, but not out of the log-probabilities…
    const without = (reply: ReturnType<typeof spell>) => {
      // biome-ignore lint/suspicious/noExplicitAny: a fixture
      const [choice] = (reply as any).body.choices;
      choice.message = { role: 'assistant', content: '70', reasoning: 'hm' };
      return reply;
    };
    endpoint.reply = () => without(spell({ hm: 0.9, a: 0.1 }, { ' hm': 0.9, a: 0.1 }, answer));
    expect((await model.topLogprobs(ask('a')))[0].token).toBe('70');
    // …or out of both.
    endpoint.reply = () => without(spell(answer));
    expect((await model.topLogprobs(ask('a')))[0].token).toBe('70');
  });

  test('log-probabilities of an answer are none of its reasoning’s', async () => {
    const thought = ['<think>', 'seventy', '</think>', '\n\n'].map((token) => ({ [token]: 1 }));
    const written = async (reply: ReturnType<typeof spell>, asked: object = {}) => {
      endpoint.reply = () => reply;
      const [{ text, logprobs }] = await remote().generate([ask('a')], {
        maxTokens: 9,
        logprobs: 1,
        ...asked,
      });
      return [text, logprobs?.map(({ token }) => token)];
    };
    expect(await written(spell(...thought, { '70': 0.6 }, { '!': 1 }))).toEqual(['70!', ['70', '!']]);
    expect(await written(spell(...thought, { '70': 0.6 }, { '!': 1 }), { stop: ['!'] })).toEqual([
      '70',
      ['70'],
    ]);
    expect(await written(spell(...thought))).toEqual(['', []]);
    expect(await written(spell({ '70': 0.6 }, { '!': 1 }))).toEqual(['70!', ['70', '!']]);
    // the endpoint took the reasoning out of both, and a character came in parts
    const apart = spell({ '7': 1 }, { '\ufffd': 1 }, { '!': 1 });
    // biome-ignore lint/suspicious/noExplicitAny: a fixture
    const [choice] = (apart as any).body.choices;
    choice.message = { role: 'assistant', content: '7é!', reasoning: 'hm' };
    expect(await written(apart)).toEqual(['7é!', ['7', '\ufffd', '!']]);
  });

  test.each([
    ['in the answer', () => spell({ '<think>': 0.9, a: 0.1 })],
    ['apart', () => say('', { message: { reasoning: 'h' }, choice: { logprobs: { content: [] } } })],
    ['ended, nothing after it', () => spell({ '<think>': 0.9, a: 0.1 }, { '</think>': 0.9, a: 0.1 })],
  ])('a judge that only reasons is told: %s', async (_, reply) => {
    endpoint.reply = reply;
    const error = await failure(remote().topLogprobs(ask('a')));
    expect(error.failure).toBe('logprobs');
    expect(error.message).toContain('Set reasoningTokens');
  });
});

describe('label log-probabilities', () => {
  const p = (rows: number[][]) => rows.map((row) => row.map((logp) => Number(Math.exp(logp).toFixed(6))));

  test('of single tokens, with and without a space', async () => {
    endpoint.reply = () => spell({ Yes: 0.5, ' Yes': 0.125, No: 0.25, yes: 0.0625 });
    expect(p(await remote().labelLogps([ask('a'), ask('b')], ['Yes', 'No']))).toEqual([
      [0.625, 0.25],
      [0.625, 0.25],
    ]);
  });

  test('along the sampled answer each token counts; off it the rest of a label counts as certain', async () => {
    endpoint.reply = () => spell({ Al: 0.5, Mis: 0.25, x: 0.1 }, { igned: 0.5, so: 0.5 });
    expect(p(await remote().labelLogps([ask('a')], ['Aligned', 'Misaligned']))).toEqual([[0.25, 0.25]]);
    expect(endpoint.asked).toHaveLength(1);
  });

  test('where an answer can be begun, the rest of each label is asked for', async () => {
    endpoint.reply = ({ body: { messages } }) => {
      const begun = messages.at(-1).role === 'assistant' ? messages.at(-1).content : '';
      if (begun === 'V:') return spell({ ' Al': 0.5, ' Mis': 0.25, ' M': 0.00001 }, { igned: 0.5, so: 0.5 });
      if (begun === 'V: Mis') return spell({ fit: 0.6, aligned: 0.4 });
      throw new Error(`not expected: ${begun}`);
    };
    const rows = await remote({ prefill: 'assistant' }).labelLogps([ask('a')], ['Aligned', 'Misaligned'], {
      prefix: 'V:',
    });
    // 0.5·0.5; 0.25·0.4 and the 0.00001 that is not worth a question
    expect(p(rows)).toEqual([[0.25, 0.10001]]);
    expect(endpoint.asked).toHaveLength(2);
  });

  test('a sampled answer that ends within a label is asked on', async () => {
    endpoint.reply = ({ body: { messages } }) =>
      messages.length === 1 ? spell({ Al: 0.5, x: 0.5 }) : spell({ igned: 0.5, x: 0.5 });
    const rows = await remote({ prefill: 'vllm' }).labelLogps([ask('a')], ['Aligned']);
    expect(p(rows)).toEqual([[0.25]]);
    expect(endpoint.asked[1].body.continue_final_message).toBe(true);
  });

  test('an unseen label gets the most that it could have', async () => {
    endpoint.reply = () => spell({ Yes: 0.9, Hm: 0.0625 });
    // No more than the least likely shown (0.0625), nor than what is left over (0.0375).
    expect(p(await remote().labelLogps([ask('a')], ['Yes', 'No']))).toEqual([[0.9, 0.0375]]);
    endpoint.reply = () => say('', { choice: { logprobs: { content: [] } } });
    const [[empty]] = await remote().labelLogps([ask('a')], ['Yes']);
    expect(empty).toBeCloseTo(Math.log(2 ** -52));
  });

  test('two labels that begin with the same unfollowed token cannot be told apart', async () => {
    endpoint.reply = () => spell({ x: 0.5, Goo: 0.5 });
    const error = await failure(remote().labelLogps([ask('a')], ['Good', 'Goose']));
    expect(error.message).toContain("'Good' and 'Goose'");
    expect(error.message).toContain('set prefill');
  });

  test('a prefix that cannot be begun is asked for in words', async () => {
    endpoint.reply = (_, n) =>
      n === 0
        ? spell(
            { ver: 0.9, x: 0.1 },
            { dict: 1, x: 1e-9 },
            { ' :': 1, x: 1e-9 },
            { ' good': 0.75, ' bad': 0.25 },
          )
        : spell({ good: 0.25, bad: 0.75 });
    const model = remote();
    expect(p(await model.labelLogps([ask('a')], ['good', 'bad'], { prefix: 'verdict :' }))).toEqual([
      [0.75, 0.25],
    ]);
    expect(p(await model.labelLogps([ask('a')], ['good', 'bad'], { prefix: 'verdict :' }))).toEqual([
      [0.25, 0.75],
    ]);
    expect(endpoint.asked[0].body.messages).toEqual(ask('a\n\nBegin your answer with exactly: verdict :'));
  });
});

describe('attempts', () => {
  test('Retry-After in seconds, milliseconds and as a date is waited for', async () => {
    const waits: Record<string, string>[] = [
      { 'retry-after': '7' },
      { 'retry-after-ms': '2500' },
      { 'retry-after': new Date(clock.time + 30_000).toUTCString() },
    ];
    endpoint.reply = (_, n) => (n < waits.length ? refuse(429, 'slow down', waits[n]) : say('ok'));
    const notices: number[] = [];
    const onRetry = ({ waitSeconds }: { waitSeconds: number }) => notices.push(waitSeconds);
    expect(await remote({}, { onRetry }).respond(ask('a'), one)).toMatchObject({ text: 'ok' });
    // The date was 30 s ahead at the start, of which 9.5 s have passed.
    expect(clock.slept).toEqual([7000, 2500, 20_500]);
    expect(notices).toEqual([7, 2.5, 20.5]);
  });

  test('while the endpoint asks for a pause, nobody asks', async () => {
    endpoint.reply = (_, n) => (n === 0 ? refuse(429, 'slow down', { 'retry-after': '5' }) : say('ok'));
    const begun = clock.time;
    const times: number[] = [];
    const { reply } = endpoint;
    endpoint.reply = (asked, n) => {
      times.push(clock.time - begun);
      return reply(asked, n);
    };
    const model = remote({ concurrency: 1 });
    await model.generate([ask('a'), ask('b'), ask('c')], one);
    expect(times).toEqual([0, 5000, 5000, 5000]);
    const pace = new Pace(undefined, clock);
    pace.pause(300);
    const before = clock.time;
    await Promise.all([pace.turn(), pace.turn()]);
    expect(clock.time - before).toBeGreaterThanOrEqual(300);
  });

  test('without it the wait doubles, with jitter, up to 30 s', async () => {
    endpoint.reply = () => refuse(503, 'overloaded');
    const error = await failure(remote({ retries: 8 }).respond(ask('a'), one));
    // Half of 0.5·2ⁿ s where the random number is 0.
    expect(clock.slept).toEqual([250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
    expect(error).toMatchObject({ failure: 'server', status: 503 });
    expect(error.message).toContain('(9 attempts)');
    expect(error.message).toContain('overloaded');
    const slow = new FakeClock();
    await failure(remote({ retries: 2 }, { clock: slow, random: () => 0.5 }).respond(ask('a'), one));
    expect(slow.slept).toEqual([375, 750]);
  });

  test.each(['cut', 'cut in the middle'] as const)('a connection that is %s is tried again', async (how) => {
    endpoint.reply = (_, n) => (n < 2 ? how : say('ok'));
    expect(await remote().respond(ask('a'), one)).toMatchObject({ text: 'ok' });
    expect(clock.slept).toEqual([250, 500]);
  });

  test('silence ends at the timeout and is tried again', async () => {
    endpoint.reply = (_, n) => (n === 0 ? 'silence' : say('ok'));
    // On a machine so slow that an answer takes half a second, some of the hundred still succeed.
    expect(await remote({ timeout: 0.5, retries: 100 }).respond(ask('a'), one)).toMatchObject({ text: 'ok' });
    endpoint.reply = () => 'silence';
    const error = await failure(remote({ timeout: 0.05, retries: 1 }).respond(ask('a'), one));
    expect(error.failure).toBe('unreachable');
    expect(error.message).toContain('no answer within 0.05 s (2 attempts)');
  });

  test('a rate limit that does not end', async () => {
    endpoint.reply = () => refuse(429, 'Rate limit reached', { 'retry-after': '1' });
    const error = await failure(remote({ retries: 2 }).respond(ask('a'), one));
    expect(error).toMatchObject({ failure: 'rate-limit', status: 429 });
    expect(error.message).toContain('too many requests (3 attempts)');
    expect(error.message).toContain('Lower the concurrency');
  });

  test('a wait of hours is not waited for, and an empty account not asked again', async () => {
    endpoint.reply = () => refuse(429, 'daily limit', { 'retry-after': '7200' });
    expect((await failure(remote().respond(ask('a'), one))).message).toContain('asks to wait 120 minutes');
    endpoint.reply = () => ({
      status: 429,
      body: { error: { message: 'You exceeded your quota', code: 'insufficient_quota' } },
    });
    expect((await failure(remote().respond(ask('a'), one))).message).toContain('nothing is left to spend');
    expect(endpoint.asked).toHaveLength(2);
    expect(clock.slept).toEqual([]);
  });

  test('requests per minute are spread evenly, attempts included', async () => {
    const begun = clock.time;
    const times: number[] = [];
    endpoint.reply = (_, n) => {
      times.push(clock.time - begun);
      return n === 1 ? refuse(500, 'oops') : say('ok');
    };
    await remote({ concurrency: 1, requestsPerMinute: 60 }).generate([ask('a'), ask('b'), ask('c')], one);
    expect(times).toEqual([0, 1000, 2000, 3000]);
  });
});

describe('aborts', () => {
  test.each(['options', 'hooks'] as const)(
    'by the signal of the %s, while waiting for an answer',
    async (where) => {
      const controller = new AbortController();
      const reason = new Error('enough');
      endpoint.reply = (_, n) => {
        if (n === 1) controller.abort(reason);
        return 'silence';
      };
      const { signal } = controller;
      const model = remote({ concurrency: 2 }, where === 'hooks' ? { signal } : {});
      const options = where === 'options' ? { ...one, signal } : one;
      await expect(model.generate([ask('a'), ask('b'), ask('c')], options)).rejects.toBe(reason);
      expect(endpoint.asked).toHaveLength(2);
    },
  );

  test('while waiting for another attempt, on the real clock', async () => {
    const controller = new AbortController();
    endpoint.reply = () => refuse(429, 'slow down', { 'retry-after': '500' });
    const hooks = { env: {}, onRetry: () => controller.abort(new Error('enough')) };
    const model = new RemoteModel({ baseUrl: endpoint.url, model: 'tiny' }, hooks);
    const asked = model.respond(ask('a'), { ...one, signal: controller.signal });
    await expect(asked).rejects.toThrow('enough');
  });

  test('the first failure ends the others', async () => {
    endpoint.reply = ({ body }) => (body.messages[0].content === 'b' ? refuse(400, 'no') : 'silence');
    const questions = ['a', 'b', 'c', 'd'].map(ask);
    const error = await failure(remote({ concurrency: 2 }).generate(questions, one));
    expect(error.message).toContain('status 400: no');
    expect(endpoint.asked.length).toBeLessThanOrEqual(3);
  });
});

describe('endpoints that cannot be used', () => {
  test('nobody there: told at once', async () => {
    const model = remote();
    await endpoint.stop();
    const error = await failure(model.respond(ask('a'), one));
    expect(error.failure).toBe('unreachable');
    expect(error.message).toContain('cannot be reached (ECONNREFUSED)');
    expect(error.message).toContain('Check that the server runs');
    expect(clock.slept).toEqual([]);
    await endpoint.start();
  });

  test('gone after it has answered: tried again', async () => {
    const model = remote({ retries: 2 });
    await model.respond(ask('a'), one);
    await endpoint.stop();
    const error = await failure(model.respond(ask('a'), one));
    expect(error.message).toContain('(3 attempts)');
    await endpoint.start();
  });

  test('a wrong key, which is never shown', async () => {
    const env = { OPENAI_API_KEY: 'sk-very-secret' };
    const model = remote({}, { env });
    for (const status of [401, 403]) {
      endpoint.reply = () => refuse(status, 'Incorrect API key provided: sk-very-secret.');
      const error = await failure(model.respond(ask('a'), one));
      expect(error).toMatchObject({ failure: 'access', status });
      expect(error.message).toContain('refuses the key');
      expect(error.message).toContain('OPENAI_API_KEY');
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('very-secret');
    }
    expect(endpoint.asked).toHaveLength(2);
    expect(inspect(model, { depth: 9, showHidden: true })).not.toContain('very-secret');
    expect(JSON.stringify(model)).not.toContain('very-secret');
  });

  test('a key that echoes in any other answer', async () => {
    const env = { OPENAI_API_KEY: 'sk-very-secret' };
    for (const reply of [
      { body: '<h1>sk-very-secret</h1>' },
      { body: { you: 'sk-very-secret' } },
      refuse(400, 'sk-very-secret'),
      refuse(404, 'sk-very-secret'),
    ]) {
      endpoint.reply = () => reply;
      expect((await failure(remote({}, { env }).respond(ask('a'), one))).message).not.toContain(
        'very-secret',
      );
    }
  });

  test('no key, and keys that cannot be sent', async () => {
    endpoint.reply = () => refuse(401, 'Missing bearer');
    const error = await failure(remote().respond(ask('a'), one));
    expect(error.message).toContain('needs a key');
    expect(error.message).toContain('Put a key into the environment variable OPENAI_API_KEY');
    expect(() => remote({ apiKeyVariable: 'MY_KEY' })).toThrow('environment variable MY_KEY: holds no key');
    const env = { MY_KEY: 'sk-very\nsecret' };
    expect(() => remote({ apiKeyVariable: 'MY_KEY' }, { env })).toThrow(/cannot be sent/);
  });

  test('the default key does not leave in the clear; a named one does', async () => {
    const env = { OPENAI_API_KEY: 'sk-1' };
    const requests: (string | null)[] = [];
    const real = globalThis.fetch;
    globalThis.fetch = async (_, init) => {
      requests.push(new Headers(init?.headers).get('authorization'));
      const { body } = say('ok') as { body: unknown };
      return new Response(JSON.stringify(body));
    };
    try {
      for (const [baseUrl, apiKeyVariable] of [
        ['http://example.invalid/v1', undefined],
        ['http://example.invalid/v1', 'OPENAI_API_KEY'],
        ['https://example.invalid/v1', undefined],
      ]) {
        await remote({ baseUrl, apiKeyVariable }, { env }).respond(ask('a'), one);
      }
    } finally {
      globalThis.fetch = real;
    }
    expect(requests).toEqual([null, 'Bearer sk-1', 'Bearer sk-1']);
  });

  test('an unknown model, and those that are known', async () => {
    endpoint.reply = ({ path }) =>
      path.endsWith('/models')
        ? { body: { object: 'list', data: [{ id: 'big' }, { id: 'small' }] } }
        : refuse(404, 'The model `tiny` does not exist');
    const error = await failure(remote().respond(ask('a'), one));
    expect(error).toMatchObject({ failure: 'model', status: 404 });
    expect(error.message).toContain(
      "does not know the model 'tiny'; expected one of big, small, got status 404",
    );
  });

  test('a model that does not chat', async () => {
    endpoint.reply = ({ path }) =>
      path.endsWith('/models')
        ? { body: { data: [{ id: 'tiny' }] } }
        : refuse(404, 'This is not a chat model');
    const error = await failure(remote().respond(ask('a'), one));
    expect(error.message).toContain('has the model but no chat completions');
  });

  test('a field that the endpoint does not take', async () => {
    endpoint.reply = () => refuse(400, "Unsupported value: 'temperature' does not support 0");
    const error = await failure(remote().respond(ask('a'), one));
    expect(error.message).toContain("'temperature' does not support 0. Leave out a field");
  });

  test('an address without an endpoint', async () => {
    endpoint.reply = () => ({ status: 404, body: '404 page not found' });
    const error = await failure(remote({ baseUrl: `http://${endpoint.host}` }).respond(ask('a'), one));
    expect(error.failure).toBe('model');
    expect(error.message).toContain('no endpoint at this address');
    expect(error.message).toContain('usually ends in /v1');
  });

  test.each([
    [
      'a web page',
      '<!doctype html><title>Welcome to nginx!</title>',
      'JSON, got a web page (Welcome to nginx!)',
    ],
    ['nothing', '', 'JSON, got nothing'],
    ['half an answer', '{"choices": [{"mess', 'JSON, got {"choices": [{"mess'],
    ['no choices', { object: 'list' }, 'choices[0].message.content, got {"object":"list"}'],
    ['empty choices', { choices: [] }, 'choices[0].message.content, got {"choices":[]}'],
    ['no message', { choices: [{ text: 'hi' }] }, 'choices[0].message.content'],
    ['an empty message', { choices: [{ message: {} }] }, 'choices[0].message.content'],
    ['a number for text', { choices: [{ message: { content: 3 } }] }, 'choices[0].message.content'],
    ['null', null, 'choices[0].message.content, got null'],
    ['a list', [1, 2], 'choices[0].message.content, got [1,2]'],
  ])('nonsense: %s', async (_, body, words) => {
    endpoint.reply = () => ({ body });
    const error = await failure(remote().respond(ask('a'), one));
    expect(error.failure).toBe('nonsense');
    expect(error.message).toContain(`tiny at ${endpoint.host}: cannot be understood; expected ${words}`);
    expect(endpoint.asked).toHaveLength(1);
  });

  test('an error that comes as a success', async () => {
    endpoint.reply = (_, n) =>
      n === 0
        ? { body: { error: { message: 'Upstream is busy', code: 502 } } }
        : { body: { error: { message: 'Context too long' } } };
    const error = await failure(remote().respond(ask('a'), one));
    expect(clock.slept).toEqual([250]);
    expect(error).toMatchObject({ failure: 'refused', status: 400 });
    expect(error.message).toContain('Context too long');
  });

  test.each([
    [{ error: { message: 'a' } }, 'status 422: a'],
    [{ error: 'a' }, 'status 422: a'],
    [{ detail: 'a' }, 'status 422: a'],
    [{ message: 'a' }, 'status 422: a'],
    [{ detail: [{ loc: ['body'], msg: 'bad' }] }, 'status 422: [{"loc":["body"],"msg":"bad"}]'],
    ['a\nb\u0007', 'status 422: a b'],
    ['x'.repeat(900), `${'x'.repeat(200)}…`],
  ])("the server's own words: %j", async (body, words) => {
    endpoint.reply = () => ({ status: 422, body });
    const error = await failure(remote().respond(ask('a'), one));
    expect(error.message.endsWith(words)).toBe(true);
  });
});

describe('settings', () => {
  test('defaults', () => {
    expect(remoteSettings({ baseUrl: 'http://x/v1', model: 'm' })).toEqual({
      baseUrl: 'http://x/v1',
      model: 'm',
      concurrency: 8,
      timeout: 120,
      retries: 6,
      prefill: 'none',
      reasoningTokens: 0,
      extra: {},
    });
  });

  test.each([
    [{ baseUrl: 'localhost:8000' }, 'remote.baseUrl: expected an address such as'],
    [{ baseUrl: 'ftp://x/v1' }, 'remote.baseUrl: expected an address such as'],
    [{ baseUrl: 'http://me:sk-abc@x/v1' }, 'remote.baseUrl: holds a user or a password'],
    [{ apiKeyVariable: 'sk-abc' }, 'remote.apiKeyVariable: expected the name of an environment variable'],
    [{ concurrency: 0 }, 'remote.concurrency: '],
    [{ model: '' }, 'remote.model: '],
    [{ consurrency: 1 }, 'consurrency'],
  ])('%j is refused', (options, words) => {
    const all = { baseUrl: 'http://x/v1', model: 'm', ...options };
    expect(() => remoteSettings(all)).toThrow(ConfigError);
    expect(() => remoteSettings(all)).toThrow(words);
    // A key where the variable's name belongs is not repeated.
    expect(() => remoteSettings(all)).not.toThrow('sk-abc');
  });
});

describe('cost', () => {
  test('tokens: four characters each, or by the tokenizer, and four for each message', () => {
    const conversations = [[...ask('12345678'), ...ask('1')], ask('')];
    // 8/4 + ⌈1/4⌉ + 0, and 3 · 4
    expect(countPromptTokens(conversations)).toBe(15);
    expect(countPromptTokens(conversations, { encode: (text) => new Array(text.length) })).toBe(21);
  });

  test('a sentence and numbers', () => {
    const question = { name: 'm at x', requests: 240, promptTokens: 96_000, answerTokens: 48_000 };
    // 96,000 · 2.5/10⁶ + 48,000 · 10/10⁶ = 0.24 + 0.48
    const estimate = estimateCost({ ...question, prices: { input: 2.5, output: 10 }, requestsPerMinute: 60 });
    expect(estimate.cost).toBeCloseTo(0.72, 12);
    expect(estimate.minutes).toBeCloseTo(239 / 60, 12);
    expect(estimate.sentence).toBe(
      '240 requests to m at x, about 96,000 prompt tokens and at most 48,000 answer tokens: at most about $0.72; at least 4 min at the rate limit.',
    );
    const free = estimateCost(question);
    expect(free).toMatchObject({ cost: null, minutes: null });
    expect(free.sentence).toContain(': cost unknown without prices.');
    const small = estimateCost({ ...question, prices: { input: 0.01, output: 0.01 }, currency: '€' });
    expect(small.sentence).toContain('€0.001.');
  });
});
