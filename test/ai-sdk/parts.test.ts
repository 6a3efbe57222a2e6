/**
 * Parts of a provider's stream behind the conscience: what passes is the provider's own, part for part;
 * of what does not pass nothing leaks.
 */
import type {
  LanguageModelV2,
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage,
} from '@ai-sdk/provider';
import { generateText, jsonSchema, stepCountIs, streamText, tool, wrapLanguageModel } from 'ai';
import { MockLanguageModelV3, MockLanguageModelV4 } from 'ai/test';
import { describe, expect, it } from 'vitest';
import { type ConscienceOptions, conscience, METADATA_KEY } from '../../src/ai-sdk/index.js';
import { FRAMEWORKS } from '../../src/conscience/frameworks.js';
import type { LanguageModel } from '../../src/engine/language-model.js';
import { Random } from '../../src/random.js';
import { CORRECTION_NOTICE, STREAM_POLICIES } from '../../src/zero-shot/release.js';
import { ScriptedModel } from '../conscience/scripted-model.js';

type Part = LanguageModelV4StreamPart;
const prompt: LanguageModelV4CallOptions['prompt'] = [
  { role: 'system', content: 'Be brief.', providerOptions: { lab: { cache: true } } },
  {
    role: 'user',
    content: [{ type: 'text', text: 'Hi', providerOptions: { lab: { part: 1 } } }],
    providerOptions: { lab: { turn: 2 } },
  },
];
const usage: LanguageModelV4Usage = {
  inputTokens: { total: 10, noCache: 4, cacheRead: 6, cacheWrite: undefined },
  outputTokens: { total: 5, text: 3, reasoning: 2 },
  raw: { tokens: 15 },
};
const finish = (unified: 'stop' | 'tool-calls' = 'stop'): Part => ({
  ...{ type: 'finish', usage, finishReason: { unified, raw: 'end' } },
  providerMetadata: { lab: { logprobs: 'of every token' } },
});
const said = (id: string, ...deltas: string[]): Part[] => [
  { type: 'text-start', id },
  ...deltas.map((delta): Part => ({ type: 'text-delta', id, delta })),
  { type: 'text-end', id },
];

/** A judge that objects to what says `wicked`. */
function judge(): ScriptedModel & { readonly reviewed: string[] } {
  const reviewed: string[] = [];
  const scripted = new ScriptedModel('judge', {
    say: () => 'A kind one.',
    judge: (messages, labels) => {
      const seen = messages.at(-1)!.content.split('your reply]').at(-1)!;
      reviewed.push(seen);
      const objects = /wicked/.test(seen);
      return labels.map((label) => ((label === FRAMEWORKS.asimov.labels.object) === objects ? 0.98 : 0.01));
    },
  });
  return Object.assign(scripted, { reviewed });
}
/** Tells no usage. */
const silent = (model: LanguageModel): LanguageModel => ({
  id: model.id,
  generate: (conversations, options) => model.generate(conversations, { ...options, onUsage: undefined }),
  labelLogps: (conversations, labels, how) =>
    model.labelLogps(conversations, labels, { ...how, onUsage: undefined }),
});

function provider(parts: readonly Part[], pace = 0) {
  const calls: LanguageModelV4CallOptions[] = [];
  let cancelled = false;
  const model: LanguageModelV4 = {
    ...{ specificationVersion: 'v4', provider: 'lab', modelId: 'fake', supportedUrls: {} },
    doGenerate: async () => {
      throw new Error('not asked');
    },
    doStream: async (params) => {
      calls.push(params);
      let i = 0;
      const stream = new ReadableStream<Part>({
        async pull(controller) {
          if (pace > 0 && i % pace === 0) await new Promise((resolve) => setTimeout(resolve));
          if (i < parts.length) controller.enqueue(parts[i++]);
          else controller.close();
        },
        cancel() {
          cancelled = true;
        },
      });
      return { stream, request: { body: 'asked' }, response: { headers: { 'x-request': '7' } } };
    },
  };
  return { model, calls, isCancelled: () => cancelled };
}

async function through(parts: readonly Part[], options: ConscienceOptions = {}, pace = 0) {
  const { model, calls } = provider(parts, pace);
  const own = judge();
  const guarded = wrapLanguageModel({
    model,
    middleware: conscience({ conscience: silent(own), ...options }),
  });
  const params: LanguageModelV4CallOptions = { prompt, providerOptions: { lab: { effort: 'high' } } };
  const result = await guarded.doStream(params);
  const out: Part[] = [];
  for await (const part of result.stream) out.push(part);
  return { out, result, calls, params, reviewed: own.reviewed };
}

/** A stream as no provider sends it, but any could: all kinds of parts, blocks interleaved, ids used again. */
function randomParts(random: Random, word: () => string): Part[] {
  const meta = () => (random.next() < 0.5 ? { providerMetadata: { lab: { n: random.int(1000) } } } : {});
  const parts: Part[] = [{ type: 'stream-start', warnings: [] }];
  if (random.next() < 0.7) parts.push({ type: 'response-metadata', id: 'r', modelId: 'm' });
  const open: { kind: 'text' | 'reasoning' | 'tool-input'; id: string }[] = [];
  for (let n = random.int(60); n > 0; n--) {
    const id = `${random.int(4)}`;
    const block = open.length > 0 ? open[random.int(open.length)] : undefined;
    const dice = random.int(16);
    if (dice < 3) {
      const kind = (['text', 'reasoning', 'tool-input'] as const)[dice];
      if (open.some((other) => other.kind === kind && other.id === id)) continue;
      open.push({ kind, id });
      const executed = random.next() < 0.5 ? { providerExecuted: true } : {};
      if (kind === 'tool-input')
        parts.push({ type: 'tool-input-start', id, toolName: 't', ...executed, ...meta() });
      else parts.push({ type: `${kind}-start`, id, ...meta() });
    } else if (dice < 10 && block) {
      parts.push({
        type: `${block.kind}-delta`,
        id: block.id,
        delta: random.next() < 0.1 ? '' : word(),
        ...meta(),
      });
    } else if (dice === 10 && block) {
      open.splice(open.indexOf(block), 1);
      parts.push({ type: `${block.kind}-end`, id: block.id, ...meta() });
    } else if (dice === 11) {
      const executed = random.next() < 0.5 ? { providerExecuted: true, dynamic: true } : {};
      parts.push({ type: 'tool-call', toolCallId: id, toolName: 't', input: '{}', ...executed, ...meta() });
    } else if (dice === 12) {
      parts.push({ type: 'tool-result', toolCallId: id, toolName: 't', result: { n }, ...meta() });
    } else if (dice === 13) {
      parts.push({ type: 'source', sourceType: 'url', id, url: 'https://example.org', ...meta() });
    } else if (dice === 14) {
      parts.push(
        { type: 'file', mediaType: 'image/png', data: { type: 'data', data: 'AA==' }, ...meta() },
        { type: 'reasoning-file', mediaType: 'image/png', data: { type: 'data', data: 'AA==' }, ...meta() },
        { type: 'custom', kind: 'lab.note', ...meta() },
        { type: 'tool-approval-request', approvalId: `a${n}`, toolCallId: id, ...meta() },
      );
    } else if (dice === 15) {
      parts.push({ type: 'raw', rawValue: { n } }, { type: 'ping' });
      if (random.next() < 0.2) parts.push({ type: 'error', error: new Error('overloaded') });
    }
  }
  for (const { kind, id } of open)
    if (random.next() < 0.8) parts.push({ type: `${kind}-end`, id, ...meta() });
  return [...parts, finish()];
}

const clean = ['Well', ' then', '. ', '\n', 'One. Two', ' fine!', ' 是。', ' and so'];

describe.each(STREAM_POLICIES)('with %s', (policy) => {
  it('a stream that passes is the provider’s own, part for part', async () => {
    for (let seed = 0; seed < 25; seed++) {
      const random = new Random(seed, 'parts');
      const parts = randomParts(random, () => clean[random.int(clean.length)]);
      const { out, result } = await through(parts, { policy }, seed % 4);
      const where = `seed ${seed}`;
      expect(out.slice(0, -1), where).toEqual(parts.slice(0, -1));
      const { [METADATA_KEY]: verdict, ...own } = (out.at(-1) as { providerMetadata: object })
        .providerMetadata as Record<string, unknown>;
      expect({ ...out.at(-1), providerMetadata: own }, where).toEqual(parts.at(-1));
      expect([result.request, result.response?.headers]).toEqual([{ body: 'asked' }, { 'x-request': '7' }]);
      const hasFailed = parts.some(({ type }) => type === 'error');
      expect(hasFailed || verdict !== undefined, where).toBe(true);
    }
  });

  it('of an answer that does not pass no call leaves, and every block that has begun ends', async () => {
    let refused = 0;
    for (let seed = 0; seed < 25; seed++) {
      const random = new Random(seed, 'wicked parts');
      const words = [...clean, ' wicked', ' wicked', ' wicked. ', ' wicked. '];
      const parts = randomParts(random, () => words[random.int(words.length)]);
      const { out } = await through(parts, { policy }, seed % 4);
      const where = `seed ${seed}`;
      const last = out.at(-1) as Extract<Part, { type: 'finish' }>;
      expect(last.type, where).toBe('finish');
      const record = last.providerMetadata?.[METADATA_KEY] as { outcome: string } | undefined;
      if (record?.outcome !== 'corrected') continue;
      refused++;
      expect(Object.keys(last.providerMetadata!), where).toEqual([METADATA_KEY]);
      for (const part of out) {
        if (part.type === 'tool-call' || part.type === 'tool-input-start') {
          expect([policy, part.providerExecuted], where).toEqual(['after', true]);
        }
        expect(part.type, where).not.toBe('tool-approval-request');
        if (policy !== 'after') expect(part.type, where).not.toMatch(/^(raw|file|custom|tool-)/);
        if (policy !== 'after' && 'delta' in part && part.id !== 'conscience')
          expect(part.delta).not.toMatch(/wicked/);
      }
      expect(unended(out), where).toEqual([]);
      const told = out.flatMap((part) => (part.type === 'text-delta' ? [part.delta] : [])).join('');
      expect(told.endsWith('A kind one.'), where).toBe(true);
      expect(told.includes(CORRECTION_NOTICE), where).toBe(told !== 'A kind one.');
    }
    expect(refused).toBeGreaterThan(5);
  });

  it('the second step of tool use carries what the provider attached to the first', async () => {
    const meta = (signature: string) => ({ providerMetadata: { lab: { signature } } });
    const first: Part[] = [
      { type: 'reasoning-start', id: 'r', ...meta('begun') },
      { type: 'reasoning-delta', id: 'r', delta: 'I look it up.' },
      { type: 'reasoning-delta', id: 'r', delta: '', ...meta('signed') },
      { type: 'reasoning-end', id: 'r' },
      { type: 'reasoning-start', id: 'redacted', ...meta('opaque') },
      { type: 'reasoning-end', id: 'redacted' },
      { type: 'text-start', id: 't', ...meta('text') },
      { type: 'text-delta', id: 't', delta: 'A moment.' },
      { type: 'text-end', id: 't' },
      { type: 'tool-input-start', id: 'c', toolName: 'look' },
      { type: 'tool-input-delta', id: 'c', delta: '{"what":"sky"}' },
      { type: 'tool-input-end', id: 'c' },
      { type: 'tool-call', toolCallId: 'c', toolName: 'look', input: '{"what":"sky"}', ...meta('call') },
      finish('tool-calls'),
    ];
    const look = tool({
      inputSchema: jsonSchema<{ what: string }>({ type: 'object' }),
      execute: () => 'blue',
    });
    const second = async (options?: ConscienceOptions) => {
      const steps = [provider(first), provider([...said('t2', 'It is blue.'), finish()])];
      const prompts: unknown[] = [];
      const inner = new MockLanguageModelV4({
        doStream: async (params) => {
          prompts.push(params.prompt);
          return steps[prompts.length - 1].model.doStream(params);
        },
      });
      const model = options ? wrapLanguageModel({ model: inner, middleware: conscience(options) }) : inner;
      await streamText({ model, prompt: 'Sky?', tools: { look }, stopWhen: stepCountIs(3) }).consumeStream();
      return prompts;
    };
    const plain = await second();
    expect(plain).toHaveLength(2);
    expect(await second({ policy, conscience: silent(judge()) })).toEqual(plain);
  });

  it('errors pass, before any word without a review', async () => {
    const error: Part = { type: 'error', error: new Error('overloaded') };
    const early = await through([error, finish()], { policy });
    expect([early.out, early.reviewed]).toEqual([[error, finish()], []]);
    const late = await through([...said('t', 'A wicked one.'), error, finish()], { policy });
    expect(late.out.filter(({ type }) => type === 'error')).toEqual([error]);
  });

  it('a reader that leaves while the draft is written stops the provider', async () => {
    const endless = Array.from({ length: 1e5 }, (): Part => ({ type: 'text-delta', id: 't', delta: 'so ' }));
    const { model, isCancelled } = provider([{ type: 'text-start', id: 't' }, ...endless], 1);
    const own = judge();
    const guarded = wrapLanguageModel({ model, middleware: conscience({ policy, conscience: own }) });
    const reader = (await guarded.doStream({ prompt })).stream.getReader();
    const waiting = reader.read();
    await reader.cancel();
    await waiting;
    expect([isCancelled(), own.reviewed]).toEqual([true, []]);
  });
});

/** Blocks that begin and do not end. */
function unended(parts: readonly Part[]): string[] {
  const open = new Set<string>();
  for (const part of parts) {
    const [, kind, edge] = /^(text|reasoning|tool-input)-(start|end)$/.exec(part.type) ?? [];
    if (edge === 'start') open.add(`${kind} ${(part as { id: string }).id}`);
    if (edge === 'end') open.delete(`${kind} ${(part as { id: string }).id}`);
  }
  return [...open];
}

describe('with sentence', () => {
  const policy = 'sentence';

  it('reads interleaved blocks one by one, so that none hides another’s words', async () => {
    const parts: Part[] = [
      { type: 'text-start', id: 'a' },
      { type: 'text-start', id: 'b' },
      ...['I am wic', 'Two. ', 'ked. ', 'Three. '].map(
        (delta, i): Part => ({ type: 'text-delta', id: i % 2 === 0 ? 'a' : 'b', delta }),
      ),
      finish(),
    ];
    const { out } = await through(parts, { policy }, 1);
    expect(out.map((part) => ('delta' in part ? part.delta : part.type))).toEqual([
      ...['text-start', 'A kind one.', 'text-end', 'finish'],
    ]);
  });

  it('lets a delta leave when all of it has passed', async () => {
    const parts = [...said('t', 'One good. Two ', 'wicked. Three', ' four.'), finish()];
    const { out } = await through(parts, { policy }, 1);
    expect(out.flatMap((part) => (part.type === 'text-delta' ? [part.delta] : []))).toEqual(['A kind one.']);
  });

  it('lets sentences leave before the draft is whole', async () => {
    const { model } = provider([...said('t', 'One. ', 'Two. ', 'A wicked one. ', 'More.'), finish()], 1);
    const own = silent(judge());
    const guarded = wrapLanguageModel({ model, middleware: conscience({ policy, conscience: own }) });
    const words: string[] = [];
    for await (const part of (await guarded.doStream({ prompt })).stream) {
      if (part.type === 'text-delta') words.push(part.delta);
    }
    expect(words).toEqual(['One. ', 'Two. ', `\n\n${CORRECTION_NOTICE}\n\nA kind one.`]);
  });
});

describe('the calls', () => {
  it('are the caller’s own, in both ways of asking; a review has neither tools nor format', async () => {
    const { calls, params } = await through([...said('t', 'Good.'), finish()]);
    expect(calls[0]).toBe(params);
    const asked: LanguageModelV4CallOptions[] = [];
    const inner = new MockLanguageModelV4({
      doGenerate: async (call) => {
        asked.push(call);
        return {
          content: [{ type: 'text', text: 'yes' }],
          finishReason: { unified: 'stop', raw: '' },
          usage,
          warnings: [],
        };
      },
    });
    const whole: LanguageModelV4CallOptions = {
      prompt,
      tools: [{ type: 'function', name: 't', inputSchema: {} }],
      toolChoice: { type: 'required' },
      responseFormat: { type: 'json' },
      providerOptions: { lab: { effort: 'high' } },
    };
    await wrapLanguageModel({ model: inner, middleware: conscience() }).doGenerate(whole);
    expect(asked[0]).toBe(whole);
    for (const { tools, toolChoice, responseFormat } of asked.slice(1)) {
      expect([tools, toolChoice, responseFormat]).toEqual([undefined, undefined, undefined]);
    }
    expect(asked.length).toBeGreaterThan(1);
  });

  it('count reviews in the totals, and keep what the provider tells beside them', async () => {
    const { model } = provider([...said('t', 'Good.'), finish()]);
    const guarded = wrapLanguageModel({ model, middleware: conscience({ conscience: judge() }) });
    const out: Part[] = [];
    for await (const part of (await guarded.doStream({ prompt })).stream) out.push(part);
    const { usage: spent } = out.at(-1) as { usage: LanguageModelV4Usage };
    expect(spent.inputTokens.total).toBeGreaterThan(5);
    expect({ ...spent, inputTokens: { ...spent.inputTokens, total: 10 } }).toEqual(usage);
  });
});

describe('doGenerate', () => {
  const content: LanguageModelV4GenerateResult['content'] = [
    { type: 'reasoning', text: '', providerMetadata: { lab: { redacted: 'opaque' } } },
    { type: 'text', text: 'Fine.', providerMetadata: { lab: { id: 't' } } },
    { type: 'source', sourceType: 'url', id: 's', url: 'https://example.org' },
    {
      type: 'tool-call',
      toolCallId: 'c',
      toolName: 'act',
      input: '{}',
      providerMetadata: { lab: { id: 'c' } },
    },
  ];
  const result: LanguageModelV4GenerateResult = {
    ...{ content, finishReason: { unified: 'tool-calls', raw: 'tools' }, usage, warnings: [] },
    ...{ providerMetadata: { lab: { logprobs: 'all' } }, request: { body: 'asked' } },
    response: { id: 'r', headers: { 'x-request': '7' }, body: 'answered' },
  };
  const generate = (own: Partial<LanguageModelV4GenerateResult> = {}) =>
    wrapLanguageModel({
      model: new MockLanguageModelV4({ doGenerate: async () => ({ ...result, ...own }) }),
      middleware: conscience({ conscience: silent(judge()) }),
    }).doGenerate({ prompt });

  it('gives what passes as it is, with the verdict', async () => {
    const { providerMetadata, ...rest } = await generate();
    const { providerMetadata: own, ...expected } = result;
    expect(rest).toEqual(expected);
    expect(providerMetadata).toEqual({
      ...own,
      [METADATA_KEY]: expect.objectContaining({ outcome: 'accepted' }),
    });
  });

  it('gives nothing of what does not pass, also where only the structured text is wicked', async () => {
    for (const own of [
      { content: [...content, { type: 'text' as const, text: 'A wicked one.' }] },
      { structuredOutputText: '{"wicked": 1}' },
    ]) {
      expect(await generate(own)).toEqual({
        content: [{ type: 'text', text: 'A kind one.' }],
        ...{ finishReason: { unified: 'stop', raw: 'stop' }, usage, warnings: [] },
        providerMetadata: { [METADATA_KEY]: expect.objectContaining({ outcome: 'corrected' }) },
        ...{ request: { body: 'asked' }, response: { id: 'r', headers: { 'x-request': '7' } } },
      });
    }
  });
});

describe('models of older specifications', () => {
  const usages = { v2: { inputTokens: 1, outputTokens: 1, totalTokens: 2 }, v3: usage };
  const finishes = { v2: 'stop' as const, v3: { unified: 'stop' as const, raw: 'stop' } };
  const meta = { providerMetadata: { lab: { signature: 's' } } };
  const parts = [
    { type: 'stream-start' as const, warnings: [] },
    { type: 'text-start' as const, id: 'x', ...meta },
    { type: 'text-delta' as const, id: 'x', delta: 'Good.' },
    { type: 'text-end' as const, id: 'x' },
  ];
  const streamed = <T>(last: T) =>
    new ReadableStream({
      start(controller) {
        for (const part of [...parts, last]) controller.enqueue(part);
        controller.close();
      },
    });
  const v2: LanguageModelV2 = {
    ...{ specificationVersion: 'v2', provider: 'lab', modelId: 'old', supportedUrls: {} },
    doGenerate: async () => {
      throw new Error('not asked');
    },
    doStream: async () => ({
      stream: streamed({ type: 'finish', usage: usages.v2, finishReason: finishes.v2 }),
    }),
  };
  const v3 = new MockLanguageModelV3({
    doStream: async () => ({
      stream: streamed({ type: 'finish', usage: usages.v3, finishReason: finishes.v3 }),
    }),
  });

  it.each([v2, v3])('stream through it when they are wrapped ($specificationVersion)', async (model) => {
    const guarded = wrapLanguageModel({ model, middleware: conscience({ conscience: silent(judge()) }) });
    const out: Part[] = [];
    for await (const part of (await guarded.doStream({ prompt })).stream) out.push(part);
    expect(out.slice(0, -1)).toEqual(parts);
    expect(out.at(-1)).toMatchObject({
      finishReason: { unified: 'stop' },
      providerMetadata: { [METADATA_KEY]: {} },
    });
  });

  it('are refused as judges unless they are wrapped, and so are names', async () => {
    const { model } = provider([...said('t', 'Good.'), finish()]);
    for (const [given, message] of [
      [v3, /conscience: a model of another specification.*v4.*v3.*wrapLanguageModel/s],
      ['lab/judge', /conscience: a name is not a model/],
    ] as const) {
      const middleware = conscience({ conscience: given as unknown as LanguageModelV4 });
      const guarded = wrapLanguageModel({ model, middleware });
      await expect(generateText({ model: guarded, prompt: 'Hi', maxRetries: 0 })).rejects.toThrow(message);
    }
  });
});
