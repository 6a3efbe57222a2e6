/** Words that leave before, with, or after the verdict. */
import { describe, expect, it } from 'vitest';
import type { GenerateOptions } from '../../src/engine/language-model.js';
import { totalUsage } from '../../src/zero-shot/answer.js';
import { type Piece, PieceSplitter } from '../../src/zero-shot/draft-stream.js';
import type { ConscienceEvent, StreamPolicy } from '../../src/zero-shot/release.js';
import { withConscience } from '../../src/zero-shot/with-conscience.js';
import { ScriptedModel } from '../conscience/scripted-model.js';
import { StreamingModel } from './streaming-model.js';

const messages = [{ role: 'user', content: 'x' }] as const;
const how: GenerateOptions = { maxTokens: 50 };
const weather = { name: 'weather' };

/** Objects to whatever says `bad`. */
const judge = () =>
  new ScriptedModel('conscience', {
    say: () => 'A kind one.',
    judge: ([{ content }]) => (content.includes('bad') ? [0.1, 0.8] : [0.8, 0.1]),
  });

async function play(answer: string, policy: StreamPolicy, options: Partial<GenerateOptions> = {}) {
  const model = new StreamingModel(answer);
  const conscience = judge();
  const guarded = withConscience(model, { conscience });
  const events: ConscienceEvent[] = [];
  for await (const event of guarded.stream(messages, { ...how, ...options, policy })) events.push(event);
  const last = events.at(-1)!;
  if (last.type !== 'finish') throw new Error('no end');
  const shown = events.map((event) => (event.type === 'text' ? event.text : '')).join('');
  const order = events.map(({ type }) => type);
  return { model, conscience, events, order, shown, answer: last.answer };
}

describe('hold', () => {
  it('says nothing before the verdict', async () => {
    const good = await play('One. Two.', 'hold');
    expect(good.order).toEqual(['verdict', 'text', 'finish']);
    expect(good.shown).toBe('One. Two.');
    const bad = await play('One. A bad one.', 'hold');
    expect(bad.order).toEqual(['verdict', 'text', 'finish']);
    expect(bad.shown).toBe('A kind one.');
    expect(bad.answer).toMatchObject({ outcome: 'corrected', draft: { text: 'One. A bad one.' } });
  });

  it('keeps the reasoning of a flagged answer back', async () => {
    const good = await play('<think>hm</think> One.', 'hold');
    expect(good.events[1]).toEqual({ type: 'reasoning', text: 'hm' });
    const bad = await play('<think>be bad</think> One.', 'hold');
    expect(bad.order).toEqual(['verdict', 'text', 'finish']);
  });
});

describe('sentence', () => {
  it('reviews all that was said up to each sentence, and the whole at the end', async () => {
    const { order, shown, answer, conscience } = await play('One. Two. And last', 'sentence');
    expect(shown).toBe('One. Two. And last');
    expect(order.slice(0, 2)).toEqual(['verdict', 'text']);
    expect(order.slice(-3)).toEqual(['verdict', 'text', 'finish']);
    expect(answer.outcome).toBe('accepted');
    expect(conscience.labelCalls[0].conversations[0][0].content).toContain('One.');
    expect(conscience.labelCalls[0].conversations[0][0].content).not.toContain('last');
    expect(conscience.labelCalls.at(-1)!.conversations[0][0].content).toContain('One. Two. And last');
  });

  it('stops the draft at an objection, and corrects what has left', async () => {
    const long = `One. A bad one. ${'More. '.repeat(200)}`;
    const { order, shown, answer, events, model } = await play(long, 'sentence');
    expect(shown).toMatch(/^One\.\s*$/);
    expect(order.slice(-2)).toEqual(['correction', 'finish']);
    expect(events.at(-2)).toEqual({ type: 'correction', text: 'A kind one.', outcome: 'corrected' });
    expect(answer.draft.text).toContain('A bad one.');
    expect(model.words).toBeLessThan(100);
    expect(answer.usage.draft).toEqual({ promptTokens: 10, answerTokens: model.words });
  });

  it('needs no correction where nothing has left', async () => {
    const { order, shown } = await play('A bad one. Two.', 'sentence');
    expect(order).toEqual(['verdict', 'text', 'finish']);
    expect(shown).toBe('A kind one.');
  });
});

describe('after', () => {
  it('says everything at once, then what the verdict was', async () => {
    const good = await play('<think>hm</think>One. Two.', 'after');
    expect(good.shown).toBe('One. Two.');
    expect(good.order[0]).toBe('reasoning');
    expect(good.order.slice(-2)).toEqual(['verdict', 'finish']);
    const bad = await play('One. A bad one.', 'after');
    expect(bad.shown).toBe('One. A bad one.');
    expect(bad.events.at(-2)).toMatchObject({ type: 'correction', text: 'A kind one.' });
  });
});

describe.each(['hold', 'sentence', 'after'] as const)('with %s', (policy) => {
  it('calls of tools wait for the verdict, and are reviewed', async () => {
    const call = (city: string) =>
      `Let me see. <tool_call>\n{"name": "weather", "arguments": {"city": "${city}"}}\n</tool_call>`;
    const good = await play(call('Ulm'), policy, { tools: [weather] });
    expect(good.shown).toBe('Let me see.');
    expect(good.answer.response.toolCalls).toMatchObject([{ name: 'weather', arguments: '{"city":"Ulm"}' }]);
    const bad = await play(call('bad place'), policy, { tools: [weather] });
    expect(bad.answer.outcome).toBe('corrected');
    expect(bad.answer.response.toolCalls).toBeUndefined();
    expect(bad.conscience.labelCalls.at(-2)!.conversations[0][0].content).toContain(
      '[calls the tool weather with {"city":"bad place"}]',
    );
  });

  it('an abort passes through', async () => {
    const controller = new AbortController();
    const model = new StreamingModel('One. '.repeat(1000));
    const stream = withConscience(model, { conscience: judge() }).stream(messages, {
      ...{ ...how, policy },
      signal: controller.signal,
    });
    setImmediate(() => controller.abort(new Error('gone')));
    const all = async () => {
      for await (const _ of stream);
    };
    await expect(all()).rejects.toThrow('gone');
    expect(model.words).toBeLessThan(1000);
  });

  it('a failure of the model is thrown', async () => {
    const broken = new ScriptedModel('broken', {
      say: () => {
        throw new Error('no power');
      },
    });
    const stream = withConscience(broken, { conscience: judge() }).stream(messages, { ...how, policy });
    await expect(stream.next()).rejects.toThrow('no power');
  });
});

it.each(['sentence', 'after'] as const)('with %s a reader who leaves stops the draft', async (policy) => {
  const model = new StreamingModel('One. '.repeat(1000));
  const stream = withConscience(model, { conscience: judge() }).stream(messages, { ...how, policy });
  await stream.next();
  await stream.return();
  expect(model.words).toBeLessThan(100);
});

it('usage is what drafts, reviews and alternatives took together', async () => {
  const counting = (promptTokens: number, say: string) => {
    const scripted = judge();
    const model = new ScriptedModel('counted', { say: () => say });
    const count = (options: { onUsage?: GenerateOptions['onUsage'] } = {}) =>
      options.onUsage?.(0, { promptTokens, answerTokens: 2 });
    return {
      id: 'counted',
      generate: (conversations: Parameters<typeof model.generate>[0], options: GenerateOptions) => {
        count(options);
        return model.generate(conversations, { maxTokens: options.maxTokens });
      },
      labelLogps: (...args: Parameters<typeof scripted.labelLogps>) => {
        count(args[2]);
        return scripted.labelLogps(args[0], args[1]);
      },
    };
  };
  const guarded = withConscience(counting(100, 'A bad one.'), { conscience: counting(10, 'A kind one.') });
  const [{ usage }] = await guarded.answer([messages], how);
  expect(usage).toEqual({
    draft: { promptTokens: 100, answerTokens: 2 },
    review: { promptTokens: 20, answerTokens: 4 },
    alternative: { promptTokens: 10, answerTokens: 2 },
  });
  expect(totalUsage(usage)).toEqual({ promptTokens: 130, answerTokens: 8 });
});

describe('PieceSplitter', () => {
  const raw = '<think>a < b</think>\n\nYes, <b> it is. <tool_call>{"x":1}</tool_call>';
  const split = (size: number, tools: boolean) => {
    const splitter = new PieceSplitter(tools);
    const pieces: Piece[] = [];
    for (let i = 0; i < raw.length; i += size) pieces.push(...splitter.push(raw.slice(i, i + size)));
    pieces.push(...splitter.end());
    const join = (type: string) => pieces.map((piece) => (piece.type === type ? piece.text : '')).join('');
    return [join('reasoning'), join('text')];
  };
  it.each([1, 2, 3, 7, 100])('finds tags that come %i characters at a time', (size) => {
    expect(split(size, true)).toEqual(['a < b', 'Yes, <b> it is.']);
    expect(split(size, false)).toEqual(['a < b', 'Yes, <b> it is. <tool_call>{"x":1}</tool_call>']);
  });
});
