/**
 * An OpenAI-compatible endpoint as a language model and as a judge.
 *
 * Answers come in the order of the questions, whatever order they arrive in. A seed is sent
 * with each; whether it is obeyed lies with the endpoint.
 */

import { RemoteError } from '../../errors.js';
import { Random } from '../../random.js';
import { together } from '../../signals.js';
import type { Message, Response, Usage, WrittenToken } from '../../values/conversation.js';
import { addUsage, NO_USAGE } from '../../values/usage.js';
import type { GenerateOptions, LabelOptions, LanguageModel } from '../language-model.js';
import {
  type Completion,
  EXPECTED_COMPLETION,
  readCompletion,
  type TokenLogp,
  type TokenStep,
} from './completion.js';
import { Endpoint, type RemoteHooks } from './endpoint.js';
import { NONE, noLogprobs } from './failure.js';
import { Fields } from './fields.js';
import { labelLogps } from './label-logps.js';
import { type RemoteOptions, type RemoteSettings, remoteSettings } from './settings.js';
import { formatOnWire, messageOnWire, toolsOnWire } from './wire.js';

type Conversation = readonly Message[];

/** What has been asked and answered so far. Tokens as the endpoint counts them. */
export interface RemoteUsage extends Usage {
  readonly requests: number;
}

/** Likeliest tokens that are asked for, and the most that OpenAI gives. */
const TOP = 20;
/** Endpoints take no more stop strings; the others are cut off here. */
const MOST_STOPS = 4;
/** Answer tokens that are read where a label is expected. */
const LABEL_TOKENS = 8;

export class RemoteModel implements LanguageModel {
  /** Model and host, e.g. `gpt-4o at api.openai.com`. */
  readonly id: string;
  readonly settings: RemoteSettings;
  private readonly endpoint: Endpoint;
  private used: RemoteUsage = { requests: 0, promptTokens: 0, answerTokens: 0 };
  private readonly fields: Fields;

  /** @throws ConfigError, or RemoteError when the named variable holds no key */
  constructor(options: RemoteOptions, hooks: RemoteHooks = {}) {
    this.settings = remoteSettings(options);
    this.endpoint = new Endpoint(this.settings, hooks);
    this.id = this.endpoint.name;
    this.fields = new Fields(this.settings.extra, (what) => this.notice(what));
  }

  /** Whether the endpoint continues an answer that is begun. */
  get continues(): boolean {
    return this.settings.prefill !== 'none';
  }

  /** Says once what the endpoint does not take. */
  notice(what: string): void {
    this.endpoint.notice(what);
  }

  get usage(): RemoteUsage {
    return this.used;
  }

  /** The first failure ends the rest; `respond` keeps finished answers apart from it. */
  async generate(conversations: readonly Conversation[], options: GenerateOptions): Promise<Response[]> {
    const { seed = 0, onText, onUsage } = options;
    return together(
      conversations,
      async (conversation, i, signal) => {
        const own = {
          seed: rowSeed(seed, i),
          signal,
          onUsage: (_: number, usage: Usage) => onUsage?.(i, usage),
        };
        const response = await this.respond(conversation, { ...options, ...own });
        onText?.(i, response.text);
        return response;
      },
      options.signal,
    );
  }

  /**
   * One answer, as soon as it is there; the seed is sent as it is.
   *
   * @throws RemoteError; the signal's reason when aborted
   */
  async respond(conversation: Conversation, options: Omit<GenerateOptions, 'onText'>): Promise<Response> {
    const {
      maxTokens,
      temperature = 1,
      topP = 1,
      topK = 0,
      seed = 0,
      stop = [],
      prefix = '',
      tools = [],
      toolChoice,
      format,
      logprobs,
      onUsage,
      signal,
    } = options;
    if (prefix !== '' && this.settings.prefill === 'none') throw this.cannotBegin(prefix);
    const completion = await this.complete(
      {
        ...this.begun(conversation, prefix),
        temperature,
        top_p: topP,
        ...(topK > 0 && { top_k: topK }),
        seed,
        ...(stop.length > 0 && { stop: stop.slice(0, MOST_STOPS) }),
        ...(tools.length > 0 && toolsOnWire(tools, toolChoice)),
        ...(format && formatOnWire(format)),
        ...(logprobs !== undefined && { logprobs: true, top_logprobs: logprobs }),
      },
      maxTokens + this.settings.reasoningTokens,
      signal,
    );
    const { reasoning, toolCalls, usage, finish, steps } = completion;
    if (logprobs !== undefined && steps === undefined) throw noLogprobs(this.id, NONE);
    const told = logprobs !== undefined && !toolCalls;
    // nothing but reasoning has no tokens of an answer
    const own = told && completion.text !== '' ? this.answerOf(steps!, completion, prefix) : [];
    onUsage?.(0, usage ?? NO_USAGE);
    const whole = completion.text.startsWith(prefix) ? completion.text : prefix + completion.text;
    const text = cut(whole, stop);
    const written = usage?.answerTokens ?? Math.ceil((text.length + (reasoning?.length ?? 0)) / 4);
    return {
      text,
      reasoning,
      toolCalls,
      finish: text.length < whole.length ? 'stop' : finish,
      tokens: written,
      ...(told && { logprobs: writtenTokens(own, logprobs, text, reasoning !== undefined) }),
    };
  }

  /**
   * The likeliest first tokens of the answer, most likely first. Reasoning before it is passed over.
   *
   * @param n how many are asked for; endpoints may give fewer
   * @returns log-probabilities in nats; empty where the answer is empty
   * @throws RemoteError ('logprobs') when the endpoint gives none
   */
  async topLogprobs(conversation: Conversation, n: number = TOP, signal?: AbortSignal): Promise<TokenLogp[]> {
    const [first] = await this.look(this.begun(conversation, ''), 1, n, { signal });
    return first === undefined ? [] : first.top.slice(0, n);
  }

  /**
   * The likeliest answer, token by token. Reasoning before it is passed over.
   *
   * @param begun what the answer is made to begin with; only where the endpoint continues one
   * @throws RemoteError ('logprobs') when the endpoint gives none
   */
  answerSteps(
    conversation: Conversation,
    tokens: number,
    { begun = '', signal }: { readonly begun?: string; readonly signal?: AbortSignal } = {},
  ): Promise<readonly TokenStep[]> {
    return this.look(this.begun(conversation, begun), tokens, TOP, { begun, signal });
  }

  /**
   * As `LanguageModel` says, as well as the endpoint lets it be known: label-logps.ts.
   *
   * Where the endpoint cannot continue a begun answer it is asked in words to begin with
   * `prefix`, and the label is looked for after it, or at the start where it did not.
   */
  async labelLogps(
    conversations: readonly Conversation[],
    labels: readonly string[],
    { prefix = '', onUsage, signal }: LabelOptions = {},
  ): Promise<number[][]> {
    return together(
      conversations,
      async (conversation, i, aborted) => {
        let used = NO_USAGE;
        const count = (more: Usage) => {
          used = addUsage(used, more);
        };
        const logps = await this.labelsOf(conversation, labels, prefix, aborted, count);
        onUsage?.(i, used);
        return logps;
      },
      signal,
    );
  }

  private async labelsOf(
    conversation: Conversation,
    labels: readonly string[],
    prefix: string,
    signal: AbortSignal,
    count: (usage: Usage) => void,
  ): Promise<number[]> {
    const shared = { labels, name: this.id };
    if (this.settings.prefill === 'none') {
      const asked = prefix === '' ? conversation : askToBegin(conversation, prefix);
      const tokens = LABEL_TOKENS + prefix.length;
      const written = await this.look(this.begun(asked, ''), tokens, TOP, { signal, count });
      return labelLogps({ ...shared, steps: after(written, prefix), begun: '' });
    }
    const seen = new Map<string, Promise<readonly TokenStep[]>>();
    const next = (begun: string) => {
      const request = this.begun(conversation, begun);
      const known = seen.get(begun) ?? this.look(request, LABEL_TOKENS, TOP, { signal, count, begun });
      seen.set(begun, known);
      return known;
    };
    return labelLogps({ ...shared, steps: await next(prefix), begun: prefix, next });
  }

  /** The likeliest way to answer, token by token, without reasoning. */
  private async look(
    request: Record<string, unknown>,
    tokens: number,
    top: number,
    {
      signal,
      count,
      begun = '',
    }: { signal?: AbortSignal; count?: (usage: Usage) => void; begun?: string } = {},
  ): Promise<readonly TokenStep[]> {
    const completion = await this.complete(
      { ...request, temperature: 0, top_p: 1, seed: 0, logprobs: true, top_logprobs: top },
      tokens + this.settings.reasoningTokens,
      signal,
    );
    const { steps, text, usage } = completion;
    if (usage) count?.(usage);
    if (steps === undefined) throw noLogprobs(this.id, NONE);
    if (steps.length === 0 && text !== '') throw noLogprobs(this.id, 'an empty list');
    if (top > 1 && steps.length > 0 && steps.every((step) => step.top.length <= 1)) {
      throw noLogprobs(this.id, 'only the chosen token without its rivals');
    }
    return this.answerOf(steps, completion, begun);
  }

  /** Passes over the tokens of reasoning. */
  private answerOf(
    steps: readonly TokenStep[],
    { text, reasoning }: Completion,
    begun: string,
  ): readonly TokenStep[] {
    const end = steps.findLastIndex((_, i) => endsThinking(steps, i));
    if (end >= 0) {
      if (end === steps.length - 1) throw this.stillThinking();
      return steps.slice(end + 1);
    }
    if (/^\s*<think>/.test(spell(steps))) throw this.stillThinking();
    if (reasoning === undefined) return steps;
    // The endpoint took the reasoning away: are its tokens still among these?
    const answer = (text.startsWith(begun) ? text.slice(begun.length) : text).trim();
    if (answer === '') throw this.stillThinking();
    let written = '';
    for (let i = steps.length - 1; i >= 0; i--) {
      written = steps[i].token + written;
      if (written.trim() === answer && steps[i].token.trim() !== '') return steps.slice(i);
    }
    // parts of a character do not spell it
    if (ascii(spell(steps)) === ascii(answer)) return steps;
    throw noLogprobs(this.id, 'tokens that do not spell the answer');
  }

  private stillThinking(): RemoteError {
    const { reasoningTokens } = this.settings;
    return noLogprobs(
      this.id,
      reasoningTokens === 0
        ? 'reasoning before the answer'
        : `more than ${reasoningTokens} tokens of reasoning`,
      `${reasoningTokens === 0 ? 'set' : 'raise'} reasoningTokens, or switch reasoning off with extra, e.g. {"chat_template_kwargs":{"enable_thinking":false}}`,
    );
  }

  /** The conversation, with an answer that is already begun. */
  private begun(conversation: Conversation, prefix: string): Record<string, unknown> {
    const messages = conversation.map(messageOnWire);
    if (prefix === '') return { messages };
    const { prefill } = this.settings;
    const start = { role: 'assistant', content: prefix, ...(prefill === 'prefix' && { prefix: true }) };
    return {
      messages: [...messages, start],
      ...(prefill === 'vllm' && { continue_final_message: true, add_generation_prompt: false }),
    };
  }

  private async complete(
    request: Record<string, unknown>,
    maxTokens: number,
    signal?: AbortSignal,
  ): Promise<Completion> {
    let json: string | undefined;
    while (json === undefined) {
      const body = this.fields.body({ model: this.settings.model, ...request }, maxTokens);
      json = await this.endpoint.post('chat/completions', body, signal).catch((error: unknown) => {
        if (error instanceof RemoteError && this.fields.refused(error.field, body)) return undefined;
        throw error;
      });
    }
    const completion = readCompletion(json);
    if (completion === undefined) throw this.endpoint.nonsense(EXPECTED_COMPLETION, json);
    this.used = { requests: this.used.requests + 1, ...addUsage(this.used, completion.usage ?? NO_USAGE) };
    return completion;
  }

  private cannotBegin(prefix: string): RemoteError {
    return new RemoteError('refused', {
      where: this.id,
      what: `an answer cannot be made to begin with '${prefix}'`,
      next: 'set prefill where the endpoint continues a begun answer, or use a local model',
    });
  }
}

/** Those of the text, as far as its stop strings leave them. @param thought whether blanks may stand before it */
function writtenTokens(
  steps: readonly TokenStep[],
  top: number,
  text: string,
  thought: boolean,
): WrittenToken[] {
  const told = ({ token, logp }: TokenLogp) => ({
    ...{ token, logprob: Math.max(-9999, logp) },
    bytes: token.includes('\ufffd') ? null : [...Buffer.from(token)],
  });
  const raw = spell(steps);
  const blanks = thought ? raw.length - raw.trimStart().length : 0;
  let at = -blanks;
  return steps.flatMap((step) => {
    const start = at;
    at += step.token.length;
    return at > 0 && start < text.length ? [{ ...told(step), top: step.top.slice(0, top).map(told) }] : [];
  });
}

/** Seed of row i: equal questions in one batch get different answers, and the same ones next time. */
function rowSeed(seed: number, row: number): number {
  return new Random(seed, 'sample', row).uint32() >>> 1;
}

function cut(text: string, stop: readonly string[]): string {
  const found = stop.map((s) => text.indexOf(s)).filter((at) => at >= 0);
  return found.length === 0 ? text : text.slice(0, Math.min(...found));
}

/** Asks in words, in the last user turn. */
function askToBegin(conversation: Conversation, prefix: string): Message[] {
  const last = conversation.findLastIndex(({ role }) => role === 'user');
  return conversation.map((message, i) =>
    i === last
      ? { ...message, content: `${message.content}\n\nBegin your answer with exactly: ${prefix.trim()}` }
      : message,
  );
}

/** The steps after the prefix, if the answer begins with it. */
function after(steps: readonly TokenStep[], prefix: string): readonly TokenStep[] {
  const wanted = prefix.trim();
  let written = '';
  for (const [i, { token }] of steps.entries()) {
    if (written.trimStart().length >= wanted.length) {
      return written.trimStart().startsWith(wanted) ? steps.slice(i) : steps;
    }
    written += token;
  }
  return steps;
}

/** Whether the text up to token i ends with `</think>`, apart from white space. */
function endsThinking(steps: readonly TokenStep[], i: number): boolean {
  return spell(steps.slice(Math.max(0, i - 8), i + 1))
    .trimEnd()
    .endsWith('</think>');
}

const ascii = (text: string) => text.replace(/[^!-~]/g, '');

function spell(steps: readonly TokenStep[]): string {
  return steps.map(({ token }) => token).join('');
}
