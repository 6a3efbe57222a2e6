/** The conscience in `generateText` and `streamText` of the AI SDK itself. */
import type { LanguageModelV4CallOptions, LanguageModelV4StreamPart } from '@ai-sdk/provider';
import { generateText, jsonSchema, stepCountIs, streamText, tool, wrapLanguageModel } from 'ai';
import { MockLanguageModelV4, simulateReadableStream } from 'ai/test';
import { describe, expect, it } from 'vitest';
import { type ConscienceOptions, conscience, METADATA_KEY } from '../../src/ai-sdk/index.js';
import { FRAMEWORKS } from '../../src/conscience/frameworks.js';
import { CORRECTION_NOTICE, STREAM_POLICIES } from '../../src/zero-shot/release.js';

const { accept, object } = FRAMEWORKS.asimov.labels;
const usage = {
  inputTokens: { total: 10, noCache: 10, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 5, text: 5, reasoning: 0 },
};
const stop = { unified: 'stop' as const, raw: 'stop' };

/** The words that a call has put before the model. */
const wordsOf = ({ prompt }: LanguageModelV4CallOptions) => JSON.stringify(prompt);
const isReview = (params: LanguageModelV4CallOptions) => wordsOf(params).includes('Examine your own');
const isRewrite = (params: LanguageModelV4CallOptions) => wordsOf(params).includes('should not stand');

interface Script {
  readonly says: string;
  readonly alternative?: string;
  /** Calls this tool in the first step. */
  readonly calls?: string;
  readonly pace?: number;
}

/** Objects to whatever says `bad`. */
function model({ says, alternative = 'A kind one.', calls, pace = 0 }: Script) {
  const toolCall = {
    type: 'tool-call' as const,
    toolCallId: 'c1',
    toolName: 'act',
    input: JSON.stringify({ how: calls }),
  };
  const reply = (params: LanguageModelV4CallOptions) => {
    if (isReview(params)) return /bad/.test(wordsOf(params).split('your reply]')[1]) ? object : accept;
    return isRewrite(params) ? alternative : says;
  };
  const acts = (params: LanguageModelV4CallOptions) =>
    calls !== undefined &&
    !isReview(params) &&
    !isRewrite(params) &&
    !wordsOf(params).includes('tool-result');
  return new MockLanguageModelV4({
    modelId: 'mock',
    doGenerate: async (params) => {
      params.abortSignal?.throwIfAborted();
      return {
        content: acts(params) ? [toolCall] : [{ type: 'text', text: reply(params) }],
        finishReason: acts(params) ? { unified: 'tool-calls', raw: undefined } : stop,
        usage,
        warnings: [],
      };
    },
    doStream: async (params) => {
      const chunks: LanguageModelV4StreamPart[] = [
        { type: 'stream-start', warnings: [] },
        { type: 'text-start', id: 't' },
        ...reply(params)
          .split(/(?<= )/)
          .map((delta) => ({ type: 'text-delta' as const, id: 't', delta })),
        { type: 'text-end', id: 't' },
        ...(acts(params) ? [toolCall] : []),
        {
          type: 'finish',
          finishReason: acts(params) ? { unified: 'tool-calls' as const, raw: undefined } : stop,
          usage,
        },
      ];
      return { stream: simulateReadableStream({ chunks, chunkDelayInMs: pace, initialDelayInMs: 0 }) };
    },
  });
}

const wrapped = (script: Script, options: ConscienceOptions = {}) => {
  const inner = model(script);
  return { inner, model: wrapLanguageModel({ model: inner, middleware: conscience(options) }) };
};
const recordOf = (metadata: Record<string, unknown> | undefined) =>
  metadata?.[METADATA_KEY] as { outcome: string; verdict: string; policy: string; attempts: number };

describe('generateText', () => {
  it('gives what passes as it is, with the verdict', async () => {
    const result = await generateText({ model: wrapped({ says: 'A good one.' }).model, prompt: 'Hi' });
    expect(result.text).toBe('A good one.');
    expect(recordOf(result.providerMetadata)).toMatchObject({
      outcome: 'accepted',
      verdict: 'accepted',
      attempts: 0,
    });
    expect(result.usage).toMatchObject({ inputTokens: 20, outputTokens: 10 });
  });

  it('gives the alternative in place of what does not, and counts all that was spent', async () => {
    const { inner, model: guarded } = wrapped({ says: 'A bad one.' });
    const result = await generateText({ model: guarded, prompt: 'Hi' });
    expect([result.text, result.finishReason]).toEqual(['A kind one.', 'stop']);
    expect(recordOf(result.providerMetadata)).toMatchObject({
      outcome: 'corrected',
      verdict: 'objected',
      attempts: 1,
    });
    expect(inner.doGenerateCalls).toHaveLength(4);
    expect(result.usage).toMatchObject({ inputTokens: 40, outputTokens: 20 });
  });

  it('withholds what cannot be put right', async () => {
    const { model: guarded } = wrapped({ says: 'A bad one.', alternative: 'Also bad.' }, { withheld: 'No.' });
    const result = await generateText({ model: guarded, prompt: 'Hi' });
    expect([result.text, result.finishReason]).toEqual(['No.', 'content-filter']);
    expect(recordOf(result.providerMetadata).outcome).toBe('withheld');
  });

  it('asks the conscience without tools and without the answer’s format', async () => {
    const { inner, model: guarded } = wrapped({ says: 'A good one.' });
    await generateText({ model: guarded, prompt: 'Hi', tools: { act: act().tool } });
    const review = inner.doGenerateCalls.find(isReview)!;
    expect([review.tools, review.toolChoice, review.responseFormat]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('runs a tool after its call has passed, and never one that has not', async () => {
    const [good, bad] = [act(), act()];
    const run = (calls: string, { tool: it }: ReturnType<typeof act>) =>
      generateText({
        model: wrapped({ says: 'Done.', calls }).model,
        prompt: 'Do it',
        tools: { act: it },
        stopWhen: stepCountIs(3),
      });
    const done = await run('kindly', good);
    expect([done.text, done.steps.length, good.ran]).toEqual(['Done.', 2, ['kindly']]);
    const refused = await run('in a bad way', bad);
    expect([refused.text, bad.ran]).toEqual(['A kind one.', []]);
  });

  it('lets another model judge', async () => {
    const strict = new MockLanguageModelV4({
      doGenerate: async () => ({
        content: [{ type: 'text', text: object }],
        finishReason: stop,
        usage,
        warnings: [],
      }),
    });
    const { inner, model: guarded } = wrapped({ says: 'A good one.' }, { conscience: strict, attempts: 0 });
    const result = await generateText({ model: guarded, prompt: 'Hi' });
    expect(recordOf(result.providerMetadata).outcome).toBe('withheld');
    expect([inner.doGenerateCalls.length, strict.doGenerateCalls.length]).toEqual([1, 1]);
  });

  it('passes errors and aborts through', async () => {
    const failing = new MockLanguageModelV4({
      doGenerate: async () => {
        throw new Error('the provider is down');
      },
    });
    const guarded = wrapLanguageModel({ model: failing, middleware: conscience() });
    await expect(generateText({ model: guarded, prompt: 'Hi', maxRetries: 0 })).rejects.toThrow(
      'the provider is down',
    );
    const { inner, model: other } = wrapped({ says: 'A good one.' });
    const abortSignal = AbortSignal.abort();
    await expect(generateText({ model: other, prompt: 'Hi', abortSignal })).rejects.toThrow(/abort/i);
    expect(inner.doGenerateCalls.filter(isReview)).toEqual([]);
  });
});

describe('streamText', () => {
  async function stream(script: Script, options: ConscienceOptions) {
    const { inner, model: guarded } = wrapped(script, options);
    const result = streamText({ model: guarded, prompt: 'Hi' });
    const early: string[] = [];
    for await (const piece of result.textStream) {
      if (inner.doGenerateCalls.every((call) => !isReview(call))) early.push(piece);
    }
    return {
      text: await result.text,
      finish: await result.finishReason,
      record: recordOf(await result.providerMetadata),
      usage: await result.usage,
      early: early.join(''),
    };
  }

  it.each(STREAM_POLICIES)('gives what passes word by word with %s', async (policy) => {
    const seen = await stream({ says: 'One good. Two good. Three good.', pace: 2 }, { policy });
    expect(seen.text).toBe('One good. Two good. Three good.');
    expect([seen.finish, seen.record]).toEqual([
      'stop',
      expect.objectContaining({ policy, outcome: 'accepted' }),
    ]);
    expect(seen.early === '').toBe(policy !== 'after');
  });

  it.each([
    ['hold', 'A kind one.'],
    ['sentence', `One good. \n\n${CORRECTION_NOTICE}\n\nA kind one.`],
    ['after', `One good. Two bad. Three good.\n\n${CORRECTION_NOTICE}\n\nA kind one.`],
  ] as const)('corrects with %s', async (policy, expected) => {
    const seen = await stream({ says: 'One good. Two bad. Three good.', pace: 2 }, { policy });
    expect(seen.text).toBe(expected);
    expect(seen.record).toMatchObject({ policy, outcome: 'corrected', verdict: 'objected' });
  });

  it('lets no call of a tool leave before the verdict', async () => {
    for (const policy of STREAM_POLICIES) {
      const [good, bad] = [act(), act()];
      for (const [calls, it] of [
        ['kindly', good],
        ['in a bad way', bad],
      ] as const) {
        const { model: guarded } = wrapped({ says: '', calls }, { policy });
        await streamText({ model: guarded, prompt: 'Do it', tools: { act: it.tool } }).consumeStream();
      }
      expect([good.ran, bad.ran]).toEqual([['kindly'], []]);
    }
  });

  it('counts all that was spent', async () => {
    const { usage: spent } = await stream({ says: 'A bad one.' }, { policy: 'hold' });
    expect(spent).toMatchObject({ inputTokens: 40, outputTokens: 20 });
  });

  it('stops with its reader, and tells errors', async () => {
    const { model: guarded } = wrapped({ says: 'good '.repeat(500), pace: 5 }, { policy: 'after' });
    const abort = new AbortController();
    const result = streamText({ model: guarded, prompt: 'Hi', abortSignal: abort.signal });
    let pieces = 0;
    let aborted = false;
    for await (const part of result.fullStream) {
      if (part.type === 'abort') aborted = true;
      if (part.type === 'text-delta' && ++pieces === 3) abort.abort();
    }
    expect([aborted, pieces < 20]).toEqual([true, true]);

    const failing = new MockLanguageModelV4({
      doStream: async () => ({
        stream: simulateReadableStream({
          chunks: [{ type: 'error' as const, error: new Error('it broke') }],
        }),
      }),
    });
    const errors: unknown[] = [];
    const model = wrapLanguageModel({ model: failing, middleware: conscience() });
    await streamText({
      model,
      prompt: 'Hi',
      onError: ({ error }) => void errors.push(error),
    }).consumeStream();
    expect(errors).toEqual([new Error('it broke')]);
  });
});

/** A tool that remembers how it was run. */
function act() {
  const ran: string[] = [];
  const it = tool({
    inputSchema: jsonSchema<{ how: string }>({ type: 'object', properties: { how: { type: 'string' } } }),
    execute: async ({ how }) => {
      ran.push(how);
      return 'ok';
    },
  });
  return { tool: it, ran };
}
