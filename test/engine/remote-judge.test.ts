/**
 * Remote judges whose tokens are not whole numbers, and models that refuse fields of a request and
 * log-probabilities, as gpt-5 does.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { answerReader } from '../../src/engine/remote/answer-reader.js';
import type { RemoteHooks } from '../../src/engine/remote/endpoint.js';
import { RemoteModel } from '../../src/engine/remote/model.js';
import { saidAnswer } from '../../src/engine/remote/said-answer.js';
import type { RemoteOptions } from '../../src/engine/remote/settings.js';
import { NUMBERS } from '../../src/evaluate/rating.js';
import type { Message } from '../../src/values/conversation.js';
import { type Asked, FakeEndpoint, type Reply, refuse, say, spell } from './fake-endpoint.js';

let endpoint: FakeEndpoint;
let notices: string[];
beforeEach(async () => {
  endpoint = new FakeEndpoint();
  notices = [];
  await endpoint.start();
});
afterEach(() => endpoint.stop());

const remote = (options: Partial<RemoteOptions> = {}, hooks: RemoteHooks = {}) =>
  new RemoteModel(
    { baseUrl: endpoint.url, model: 'judge', retries: 0, ...options },
    { env: {}, onNotice: (sentence) => notices.push(sentence), ...hooks },
  );
const question: Message[] = [{ role: 'user', content: 'Rate it from 0 to 100, or say CODE.' }];
const sayable = [...NUMBERS, 'CODE'];

/** Probabilities of the answers that have any. */
async function judged(model: RemoteModel): Promise<Record<string, number>> {
  const [row] = await answerReader(model).answerProbabilities([question], sayable);
  const some = row!.flatMap((p, i) => (p > 0 ? [[sayable[i], Number(p.toFixed(6))]] : []));
  return Object.fromEntries(some);
}

type Step = Record<string, number>;
/** Beside every token there are others. */
const rare: Step = { '~': 1e-9 };

/** A model that writes digit by digit: what may follow each beginning, the likeliest first. */
const spelling = (next: (begun: string) => Step | undefined, continues = true) => {
  return ({ body: { messages, max_tokens } }: Asked): Reply => {
    const probe = /85$/.test(messages[0].content) ? 'probe' : '';
    const last = messages.at(-1);
    let begun: string = continues && last.role === 'assistant' ? last.content : '';
    const steps: Step[] = [];
    while (steps.length < max_tokens) {
      const step = probe === '' ? next(begun) : [{ '8': 1 }, { '5': 1 }][steps.length];
      if (step === undefined) break;
      steps.push(step);
      begun += Object.keys(step)[0];
    }
    return spell(...steps.map((step) => ({ ...step, ...rare })));
  };
};

describe('a judge that writes numbers digit by digit', () => {
  const digits = (begun: string): Step | undefined =>
    ({
      '': { '8': 0.7, '9': 0.15, '1': 0.1, CODE: 0.05 },
      '8': { '5': 0.9, '0': 0.1 },
      '9': { '5': 1 },
      '1': { '0': 1 },
      '10': { '0': 0.8, '.': 0.2 },
    })[begun];

  test('is followed to the end of each number where it continues a begun answer', async () => {
    endpoint.reply = spelling(digits);
    expect(await judged(remote({ prefill: 'assistant' }))).toEqual({
      '10': 0.02,
      '80': 0.07,
      '85': 0.63,
      '95': 0.15,
      '100': 0.08,
      CODE: 0.05,
    });
  });

  test('is refused where only its likeliest number can be known: 8 is not 85', async () => {
    endpoint.reply = spelling(digits);
    await expect(judged(remote())).rejects.toMatchObject({ failure: 'logprobs' });
    await expect(judged(remote())).rejects.toThrow(/numbers digit by digit.*Set prefill/);
  });

  test('needs no further questions where one number has all the weight', async () => {
    const sure = (begun: string): Step | undefined =>
      ({ '': { '8': 0.995, '9': 0.005 }, '8': { '5': 1 } })[begun];
    endpoint.reply = spelling(sure);
    expect(await judged(remote())).toEqual({ '85': 0.995 });
  });

  test('that a first answer does not show is asked for once', async () => {
    const low = (begun: string): Step | undefined => ({ '': { '0': 0.6, '1': 0.4 } })[begun];
    endpoint.reply = spelling(low);
    const model = remote();
    await expect(judged(model)).rejects.toThrow(/digit by digit/);
    expect(endpoint.asked.filter(({ body }) => /85$/.test(body.messages[0].content))).toHaveLength(1);
  });

  test('has white space before the number, and full-width digits', async () => {
    const spaced = (begun: string): Step | undefined =>
      ({ '': { '\n': 1 }, '\n': { ' ': 1 }, '\n ': { '８': 1 }, '\n ８': { '５': 0.75, '0': 0.25 } })[begun];
    endpoint.reply = spelling(spaced);
    expect(await judged(remote())).toEqual({ '80': 0.25, '85': 0.75 });
  });

  test('begins with text: no number is read out of it', async () => {
    endpoint.reply = () => spell({ Score: 0.9, '8': 0.1 });
    const [row] = await answerReader(remote()).answerProbabilities([question], NUMBERS);
    expect(row!.reduce((sum, p) => sum + p)).toBeLessThan(0.25);
  });
});

describe('a judge whose numbers are one token', () => {
  test('is asked once, and 8 is 8', async () => {
    endpoint.reply = () => spell({ '85': 0.6, '8': 0.3, '100': 0.1 });
    expect(await judged(remote())).toEqual({ '8': 0.3, '85': 0.6, '100': 0.1 });
    expect(endpoint.asked).toHaveLength(1);
    expect(endpoint.asked[0].body.max_tokens).toBe(1);
  });

  test('is read behind white space', async () => {
    const steps: Step[] = [
      { '▁': 1, ...rare },
      { '85': 0.75, '8': 0.25 },
    ];
    endpoint.reply = ({ body }) => spell(...steps.slice(0, body.max_tokens));
    expect(await judged(remote())).toEqual({ '8': 0.25, '85': 0.75 });
  });
});

/** As gpt-5: refuses what it does not take, in OpenAI's words and with their `param`. */
const gpt5 =
  (content: string, logprobsStatus = 400) =>
  ({ body }: Asked): Reply => {
    const no = (message: string, param: string, status = 400): Reply => ({
      status,
      body: { error: { message, type: 'invalid_request_error', param, code: 'unsupported_parameter' } },
    });
    if ('max_tokens' in body)
      return no("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", 'max_tokens');
    if ((body.temperature ?? 1) !== 1)
      return no("Unsupported value: 'temperature' does not support 0 with this model.", 'temperature');
    if ('top_p' in body) return no("Unsupported parameter: 'top_p' is not supported.", 'top_p');
    if ('stop' in body) return no("Unsupported parameter: 'stop' is not supported.", 'stop');
    if ('logprobs' in body)
      return no('You are not allowed to request logprobs from this model', 'logprobs', logprobsStatus);
    return say(content);
  };

describe('a model that refuses fields and log-probabilities, as gpt-5', () => {
  test('answers, is told each refusal once, and what is not honoured is said once', async () => {
    endpoint.reply = gpt5('one two');
    const model = remote();
    const options = { maxTokens: 20, temperature: 0.3, stop: [' two'] };
    expect(await model.respond(question, options)).toMatchObject({ text: 'one', finish: 'stop' });
    const refused = endpoint.asked.length - 1;
    expect(refused).toBe(4);
    await model.respond(question, options);
    expect(endpoint.asked).toHaveLength(refused + 2);
    expect(endpoint.asked.at(-1)!.body).toMatchObject({ max_completion_tokens: 20 });
    expect(notices).toEqual([`${model.id} does not take temperature: answers are sampled at its own.`]);
  });

  test('has room to think beside its answer', async () => {
    endpoint.reply = gpt5('one');
    await remote({ reasoningTokens: 500 }).respond(question, { maxTokens: 20 });
    expect(endpoint.asked.at(-1)!.body.max_completion_tokens).toBe(520);
  });

  test('many at a time learn of it as well', async () => {
    endpoint.reply = gpt5('one');
    const answers = await remote().generate(Array(6).fill(question), { maxTokens: 20, temperature: 0 });
    expect(answers.map(({ text }) => text)).toEqual(Array(6).fill('one'));
    expect(notices).toHaveLength(1);
  });

  test.each([400, 403])(
    'judges in words where log-probabilities are refused with status %d',
    async (status) => {
      endpoint.reply = gpt5('90', status);
      const model = remote();
      expect(await judged(model)).toEqual({ '90': 1 });
      expect(notices.filter((notice) => notice.includes('judges in words'))).toHaveLength(1);
    },
  );

  test('is not asked in words where only their number is refused', async () => {
    endpoint.reply = () => refuse(400, 'top_logprobs must be between 0 and 5');
    await expect(judged(remote())).rejects.toThrow(/between 0 and 5/);
  });

  test('judges in words where log-probabilities are left out without a word', async () => {
    endpoint.reply = () => say('CODE');
    expect(await judged(remote())).toEqual({ CODE: 1 });
  });

  test('is understood whatever the key is, which is not shown', async () => {
    endpoint.reply = gpt5('90');
    for (const key of ['x', 'max_tokens', 'e']) {
      const model = remote({}, { env: { OPENAI_API_KEY: key } });
      expect(await model.respond(question, { maxTokens: 20, temperature: 0 })).toMatchObject({ text: '90' });
    }
    endpoint.reply = () => refuse(400, 'x: your key x is no good, try next (key=x)');
    const error = await remote({}, { env: { OPENAI_API_KEY: 'x' } })
      .respond(question, { maxTokens: 20 })
      .catch(String);
    expect(error).toContain('***: your key *** is no good, try next (key=***)');
  });

  test('a field of the user, or one that matters, is not left out', async () => {
    endpoint.reply = gpt5('90');
    const options = { maxTokens: 20 };
    const own = remote({ extra: { temperature: 0.5 } });
    await expect(own.respond(question, options)).rejects.toThrow(/'temperature' does not support/);
    endpoint.reply = () => refuse(400, "Unsupported parameter: 'messages'");
    await expect(remote().respond(question, options)).rejects.toThrow(/Unsupported parameter: 'messages'/);
    endpoint.reply = () => refuse(400, 'temperature must be between 0 and 1');
    await expect(remote().respond(question, { ...options, temperature: 2 })).rejects.toThrow(
      /between 0 and 1/,
    );
  });
});

describe('an answer in words', () => {
  test.each([
    ['85', '85'],
    [' 85.\n', '85'],
    ['**85**', '85'],
    ['Score: 85/100', '85'],
    ['I would say 85 out of 100.', '85'],
    ['On a scale from 0 to 100: 85', '85'],
    ['８５', '85'],
    ['84.6', '85'],
    ['85%', '85'],
    ['100', '100'],
    ['CODE', 'CODE'],
    ['"CODE".', 'CODE'],
    ['Either 80 or 90', undefined],
    ['185', undefined],
    ['-5', undefined],
    ['CODE, else 40', undefined],
    ['GPT4', undefined],
    ['no idea', undefined],
    ['', undefined],
  ])('%j is %s', (text, answer) => {
    expect(saidAnswer(text, sayable)).toBe(answer);
  });
});
