/** Models behind a port answer as they do at hand; both ends run here, without a thread. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { afterEach, expect, it } from 'vitest';
import type { GenerateOptions, LanguageModel } from '../../src/engine/language-model.js';
import { ShapeError } from '../../src/errors.js';
import { answerQuestions } from '../../src/open/thread/answering.js';
import { ModelThread } from '../../src/open/thread/asking.js';
import type { Message, Response } from '../../src/values/conversation.js';

const ports: MessagePort[] = [];
afterEach(() => {
  for (const port of ports.splice(0)) port.close();
});

/** Says each prompt's words one by one, until it is stopped. */
const speaker: LanguageModel = {
  id: 'speaker',
  async generate(conversations, { onText, onUsage, signal, maxTokens }) {
    const responses: Response[] = [];
    for (const [i, [{ content }]] of conversations.entries()) {
      if (content === 'fail') throw new ShapeError({ where: 'prompt', what: 'too long', next: 'shorten it' });
      if (content === 'break') throw new TypeError('broken');
      const words: string[] = [];
      while (!signal?.aborted && words.length < maxTokens) {
        words.push(content);
        onText?.(i, content);
        await new Promise(setImmediate);
      }
      onUsage?.(i, { promptTokens: 1, answerTokens: words.length });
      responses.push({ text: words.join(''), finish: 'length', tokens: words.length });
    }
    return responses;
  },
  async labelLogps(conversations, labels, { prefix = '', onUsage } = {}) {
    onUsage?.(0, { promptTokens: 7, answerTokens: 0 });
    return conversations.map(() => labels.map((label) => -(prefix.length + label.length)));
  },
};

function behindPort() {
  const { port1, port2 } = new MessageChannel();
  ports.push(port1, port2);
  let called = 0;
  const calls = { count: async () => ++called };
  answerQuestions(port1, { models: { speaker }, calls });
  const thread = new ModelThread(port2);
  return { thread, model: thread.model('speaker', 'speaker') };
}
const say = (...contents: string[]): Message[][] => contents.map((content) => [{ role: 'user', content }]);

it('passes on pieces in order, usage, and the answers', async () => {
  const { model } = behindPort();
  const heard: string[] = [];
  const options: GenerateOptions = {
    maxTokens: 3,
    onText: (i, piece) => heard.push(`${i}${piece}`),
    onUsage: (i, { answerTokens }) => heard.push(`${i}:${answerTokens}`),
  };
  const answers = await model.generate(say('a', 'b'), options);
  expect(answers.map(({ text }) => text)).toEqual(['aaa', 'bbb']);
  expect(heard).toEqual(['0a', '0a', '0a', '0:3', '1b', '1b', '1b', '1:3']);
  let read = 0;
  const logps = await model.labelLogps(say('x'), ['yes', 'no'], {
    prefix: 'I say ',
    onUsage: (_, { promptTokens }) => {
      read = promptTokens;
    },
  });
  expect([logps, read]).toEqual([[[-9, -8]], 7]);
});

it('stops when it is told to, with what there is', async () => {
  const { model } = behindPort();
  const stop = new AbortController();
  let pieces = 0;
  const [{ text, tokens }] = await model.generate(say('a'), {
    ...{ maxTokens: 1e9, signal: stop.signal },
    onText: () => {
      if (++pieces === 5) stop.abort();
    },
  });
  expect(text.length).toBe(tokens);
  expect(tokens).toBeGreaterThanOrEqual(5);
  await expect(model.labelLogps(say('x'), ['yes'], { signal: stop.signal })).rejects.toThrow(/abort/i);
});

it('keeps the class and the parts of an error, and the place of a mistake of ours', async () => {
  const { model } = behindPort();
  const refused = await model.generate(say('fail'), { maxTokens: 1 }).catch((error) => error);
  expect(refused).toBeInstanceOf(ShapeError);
  expect(refused.parts).toEqual({ where: 'prompt', what: 'too long', next: 'shorten it' });
  const broken = await model.generate(say('break'), { maxTokens: 1 }).catch((error) => error);
  expect(broken).not.toBeInstanceOf(ShapeError);
  expect([broken.name, broken.message]).toEqual(['TypeError', 'broken']);
  expect(broken.stack).toContain('thread.test.ts');
});

it('a listener that throws fails its own call only', async () => {
  const { model } = behindPort();
  const other = model.generate(say('b'), { maxTokens: 20 });
  const failing = model.generate(say('a'), {
    maxTokens: 1e9,
    onText: () => {
      throw new RangeError('listener');
    },
  });
  await expect(failing).rejects.toThrow('listener');
  expect((await other)[0].tokens).toBe(20);
});

it('answers calls, and nothing after its end', async () => {
  const { thread, model } = behindPort();
  expect([await thread.call('count'), await thread.call('count')]).toEqual([1, 2]);
  const running = model.generate(say('a'), { maxTokens: 1e9 });
  thread.end(new Error('the thread is gone'));
  await expect(running).rejects.toThrow('gone');
  await expect(model.generate(say('a'), { maxTokens: 1 })).rejects.toThrow('gone');
});
