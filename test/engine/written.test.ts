/** Log-probabilities of an answer's tokens, and answers that have to be JSON, of models that were never trained. */
import { Ajv } from 'ajv';
import { afterAll, describe, expect, it } from 'vitest';
import { OnnxEngine } from '../../src/engine/onnx/engine.js';
import type { ChatTokenizer } from '../../src/tokenizer/tokenizer.js';
import type { Message } from '../../src/values/conversation.js';
import { letterTokenizer, tinyModel } from './tiny.js';

const engine = new OnnxEngine(tinyModel({ tied: false, maxPositions: 96 }));
afterAll(() => engine.close());
const model = engine.model('policy');
const say = (content: string): Message[] => [{ role: 'user', content }];

describe('log-probabilities', () => {
  it('are those of scoring the answer, add up to its text, and change nothing', async () => {
    // one that is read as it was written: some tokens share a letter
    const drawn = await Promise.all(
      Array.from({ length: 40 }, async (_, seed) => {
        const asked = { maxTokens: 4, temperature: 1, seed };
        return { asked, plain: (await model.generate([say('hello')], asked))[0] };
      }),
    );
    const { asked, plain } = drawn.find(({ plain: { text } }) => /^[a-z \n]{4}$/.test(text))!;
    const [told] = await model.generate([say('hello')], { ...asked, logprobs: 3 });
    expect(told).toMatchObject({ text: plain.text, finish: plain.finish });
    const logprobs = told.logprobs!;
    expect(logprobs.map(({ token }) => token).join('')).toBe(told.text);
    for (const { token, bytes, top } of logprobs) {
      expect(Buffer.from(bytes!).toString()).toBe(token);
      expect(top).toHaveLength(3);
      expect(top.map(({ logprob }) => logprob)).toEqual(
        top.map(({ logprob }) => logprob).sort((a, b) => b - a),
      );
    }
    // the same by the scorer: the label is the answer
    const [[scored]] = await model.labelLogps([say('hello')], [told.text]);
    const sum = logprobs.reduce((all, { logprob }) => all + logprob, 0);
    expect(sum).toBeCloseTo(scored, 3);
  });

  it('end where a stop string cuts the text', async () => {
    const asked = { maxTokens: 12, temperature: 1, seed: 3 };
    const [{ text }] = await model.generate([say('hello')], asked);
    const stop = [text.slice(4, 6)];
    const [cut] = await model.generate([say('hello')], { ...asked, stop, logprobs: 0 });
    expect(cut.text).toBe(text.slice(0, text.indexOf(stop[0])));
    expect(cut.logprobs!.map(({ token }) => token).join('')).toBe(cut.text);
    expect(cut.logprobs!.every(({ top }) => top.length === 0)).toBe(true);
  });
});

describe('JSON', () => {
  const characters = [...'{}[]",: 0123456789.-abcdefglnrstu'];
  const textOf = (id: number) => characters[id - 2] ?? '';
  const tokenizer: ChatTokenizer = {
    ...letterTokenizer,
    encode: (text) => [...text].map((character) => 2 + Math.max(0, characters.indexOf(character))),
    decode: (ids) => ids.map(textOf).join(''),
    streamDecoder: () => ({ push: textOf, flush: () => '' }),
  };
  const babbler = new OnnxEngine({ ...tinyModel({ tied: false, maxPositions: 512 }), tokenizer });
  afterAll(() => babbler.close());
  const schema = {
    type: 'object',
    properties: {
      a: { type: 'integer', minimum: 0 },
      b: { enum: ['ab', 'cd', false] },
      c: { type: 'array', items: { type: 'number' }, minItems: 1, maxItems: 3 },
      d: { type: 'string', maxLength: 5 },
    },
    required: ['a', 'b', 'd'],
    additionalProperties: false,
  };
  const valid = new Ajv().compile(schema);

  it.each([0, 0.3, 1, 2])('a model that babbles at temperature %d fits a schema', async (temperature) => {
    const conversations = ['a', 'bad', 'face'].map(say);
    const asked = { maxTokens: 400, temperature, format: { schema }, logprobs: 1 };
    const answers = await babbler.model('policy').generate(conversations, asked);
    for (const { text, finish, logprobs } of answers) {
      expect([text, finish, valid(JSON.parse(text))]).toEqual([text, 'stop', true]);
      expect(logprobs!.map(({ token }) => token).join('')).toBe(text);
    }
  });

  it('nucleus and top-k are taken of what may follow', async () => {
    const asked = { maxTokens: 400, temperature: 1, topK: 2, topP: 0.9, format: { schema } };
    const [{ text }] = await babbler.model('policy').generate([say('a')], asked);
    expect([text, valid(JSON.parse(text))]).toEqual([text, true]);
  });

  it('a model without its characters says so', async () => {
    const failed = model.generate([say('x')], { maxTokens: 9, format: {} });
    await expect(failed).rejects.toThrow(/no token that may follow/);
  });
});
