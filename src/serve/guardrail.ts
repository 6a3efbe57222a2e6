/**
 * LiteLLM's generic guardrail (`POST /beta/litellm_basic_guardrail_api`): verdicts and corrections for models
 * behind its proxy.
 *
 * The contract is that of litellm 1.108: `input_type` with `texts`, `structured_messages`, `tool_calls` and
 * `images`; the reply has `action` NONE, BLOCKED (`blocked_reason`) or GUARDRAIL_INTERVENED (`texts`, one for each).
 * A check of a response does not say what it answers. Where the same call was checked before it went out
 * (`mode: [pre_call, post_call]`), its turns are remembered by `litellm_call_id`.
 */
import { randomInt } from 'node:crypto';
import { z } from 'zod';
import type { Message, Response } from '../values/conversation.js';
import { messagesOnChatWire, toolCallsOnChatWire } from '../zero-shot/chat-wire.js';
import type { GivenDraft } from '../zero-shot/with-conscience.js';
import type { Answered } from './chat-reply.js';
import { badRequest } from './errors.js';
import { requireReadable } from './fields.js';
import type { Served, Tally } from './served.js';

export const GUARDRAIL_PATH = '/beta/litellm_basic_guardrail_api';

/** What else LiteLLM tells (keys, headers, versions, tools) says nothing to the conscience. */
const schema = z.looseObject({
  input_type: z.enum(['request', 'response']),
  texts: z.array(z.string()).nullish(),
  structured_messages: z.array(z.unknown()).nullish(),
  tool_calls: z.array(z.unknown()).nullish(),
  images: z.array(z.unknown()).nullish(),
  litellm_call_id: z.string().nullish(),
});

export interface GuardrailRequest {
  readonly kind: 'request' | 'response';
  /** The turns of a request; of a response, where it comes with them. */
  readonly messages: readonly Message[];
  /** Answers of a response, one for each text. */
  readonly responses: readonly GivenDraft['response'][];
  readonly callId: string | undefined;
}

/** @throws ApiError 400 that names the field */
export function readGuardrailRequest(body: unknown): GuardrailRequest {
  const parsed = schema.safeParse(body);
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues;
    throw badRequest(`${path.join('.') || 'body'}: ${message}`, path.join('.'));
  }
  requireReadable(parsed.data);
  const { input_type: kind, litellm_call_id: callId, images } = parsed.data;
  const texts = parsed.data.texts ?? [];
  const told = messagesOnChatWire(parsed.data.structured_messages);
  if (kind === 'request') {
    const messages = told.length > 0 ? told : texts.map((content): Message => ({ role: 'user', content }));
    return { kind, messages, responses: [], callId: callId ?? undefined };
  }
  if (images && images.length > 0) {
    throw badRequest(
      'images: the conscience reads text only, and cannot review images of an answer',
      'images',
    );
  }
  const toolCalls = toolCallsOnChatWire(parsed.data.tool_calls);
  const calls = toolCalls.length > 0 ? { toolCalls } : {};
  const said = texts.length === 0 && toolCalls.length > 0 ? [''] : texts;
  return {
    kind,
    messages: told,
    // whose calls they are is not told: each answer is reviewed with all of them
    responses: said.map((text) => ({ text, ...calls })),
    callId: callId ?? undefined,
  };
}

/** Stands for a request that nobody told of. */
const UNTOLD: readonly Message[] = [{ role: 'user', content: '(This request was not recorded.)' }];

/** What is remembered of the calls that were checked. */
interface CallLimits {
  readonly most: number;
  readonly seconds: number;
  /** Of all calls together, in JSON; a single one may have a quarter of it. */
  readonly characters: number;
}

/** Requests that were checked, until their responses are: a bounded number and size of them, for a bounded time. */
export class CallMemory {
  /** The oldest first. */
  private readonly calls = new Map<
    string,
    { readonly turns: string; readonly at: number; readonly size: number }
  >();
  private readonly limits: CallLimits;
  private characters = 0;

  constructor(limits: Partial<CallLimits> = {}) {
    this.limits = { most: 1000, seconds: 600, characters: 64 << 20, ...limits };
  }

  /** @param owner name of the API key: no key is told the calls of another */
  keep(owner: string, callId: string | undefined, messages: readonly Message[]): void {
    if (callId === undefined || messages.length === 0) return;
    const key = keyOf(owner, callId);
    this.forget(key);
    // as one text: many short turns take more room than their characters
    const turns = JSON.stringify(messages);
    const size = key.length + turns.length;
    if (size > this.limits.characters / 4) return;
    this.characters += size;
    this.calls.set(key, { turns, at: performance.now(), size });
    for (const [oldest, call] of this.calls) {
      const { most, characters } = this.limits;
      if (this.calls.size <= most && this.characters <= characters && this.isFresh(call)) break;
      this.forget(oldest);
    }
  }

  /** A response may be checked more than once: as it streams, and whole. */
  recall(owner: string, callId: string | undefined): readonly Message[] {
    const call = callId === undefined ? undefined : this.calls.get(keyOf(owner, callId));
    return call && this.isFresh(call) ? JSON.parse(call.turns) : [];
  }

  private isFresh({ at }: { readonly at: number }): boolean {
    return performance.now() - at < this.limits.seconds * 1000;
  }

  private forget(key: string): void {
    this.characters -= this.calls.get(key)?.size ?? 0;
    this.calls.delete(key);
  }
}

/** A check on its way. */
export interface Check {
  readonly served: Served;
  readonly request: GuardrailRequest;
  /** What a response answers, where that is known otherwise. */
  readonly recalled: readonly Message[];
  /** Longest alternative, in tokens. */
  readonly maxTokens: number;
  readonly signal: AbortSignal;
  readonly tally: Tally;
}

/** The verdicts; none, where a request is only remembered. @throws whatever the model throws */
export async function check({
  served,
  request,
  recalled,
  maxTokens,
  signal,
  tally,
}: Check): Promise<readonly Answered[]> {
  const { kind, messages, responses } = request;
  if (kind === 'request') {
    return messages.length > 0 && served.reviewRequest
      ? [await served.reviewRequest(messages, signal, tally)]
      : [];
  }
  const asked = [messages, recalled].find(({ length }) => length > 0) ?? UNTOLD;
  const drafts = responses.map((response) => ({ messages: asked, response }));
  return served.settle(drafts, { maxTokens, seed: randomInt(2 ** 31) }, signal, tally);
}

/** What LiteLLM is told, with the verdicts in the extension field `conscience`, which it passes over. */
export function guardrailReply({ kind, responses }: GuardrailRequest, answers: readonly Answered[]) {
  const conscience = answers.map(({ record }) => record);
  const withheld = answers.find(({ record }) => record?.outcome === 'withheld');
  if (withheld) {
    const reason = kind === 'request' ? REFUSED : withheld.response.text;
    return { action: 'BLOCKED', blocked_reason: reason, conscience };
  }
  const corrected = answers.some(({ record }) => record?.outcome === 'corrected');
  if (!corrected) return { action: 'NONE', conscience };
  // the reply can replace texts, and leaves calls as they are
  if (responses.some(hasCalls)) return { action: 'BLOCKED', blocked_reason: CALLS, conscience };
  return { action: 'GUARDRAIL_INTERVENED', texts: answers.map(({ response }) => response.text), conscience };
}

const REFUSED = 'The conscience objects to this request.';
const CALLS = 'The conscience objects to this answer and its calls of tools.';
const hasCalls = ({ toolCalls }: Partial<Response>) => toolCalls !== undefined;
const keyOf = (owner: string, callId: string) => JSON.stringify([owner, callId]);
