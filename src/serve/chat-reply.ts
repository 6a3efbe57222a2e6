/** Answers on the wire, as OpenAI writes them, with the verdict in the extension field `conscience`. */
import { randomUUID } from 'node:crypto';
import type { Response, TokenLogprob, ToolCall, Usage } from '../values/conversation.js';
import { addUsage } from '../values/usage.js';
import { type ReviewedAnswer, totalUsage } from '../zero-shot/answer.js';
import { type ConscienceRecord, conscienceRecord, wireUsage } from '../zero-shot/conscience-record.js';
import type { ServePolicy } from './policy.js';

/** A finished answer, reviewed or not. */
export interface Answered {
  readonly response: Response;
  /** What the model said first; never leaves where it was not accepted. */
  readonly draft: Response;
  readonly usage: Usage;
  /** Null without review. */
  readonly record: ConscienceRecord | null;
}

export function answered(answer: ReviewedAnswer, policy: Exclude<ServePolicy, 'off'>): Answered {
  return {
    response: answer.response,
    draft: answer.draft,
    usage: totalUsage(answer.usage),
    record: conscienceRecord(answer, policy),
  };
}

/** What all parts of one reply share. */
export interface ReplyHead {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
}

export function replyHead(model: string): ReplyHead {
  const id = `chatcmpl-${randomUUID().replaceAll('-', '')}`;
  return { id, created: Math.floor(Date.now() / 1000), model };
}

/** @param answers one for each choice; with several, each choice has its own verdict */
export function completion(head: ReplyHead, answers: readonly Answered[]) {
  const [first] = answers;
  return {
    ...head,
    object: 'chat.completion',
    choices: answers.map((answer, index) => ({
      index,
      message: messageOf(answer),
      logprobs: logprobsOf(answer),
      finish_reason: finishReason(answer),
      ...(answers.length > 1 && answer.record ? { conscience: answer.record } : {}),
    })),
    usage: usageOf(answers.map(({ usage }) => usage).reduce(addUsage)),
    ...(answers.length === 1 && first.record ? { conscience: first.record } : {}),
  };
}

function messageOf({ response: { text, reasoning, toolCalls } }: Answered) {
  return {
    role: 'assistant',
    content: text === '' && toolCalls ? null : text,
    refusal: null,
    ...(reasoning === undefined ? {} : { reasoning_content: reasoning }),
    ...(toolCalls ? { tool_calls: toolCalls.map(wireCall) } : {}),
  };
}

/** A piece of a streamed answer. */
export interface Delta {
  readonly role?: 'assistant';
  readonly content?: string;
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly object[];
}

export function chunk(head: ReplyHead, index: number, delta: Delta, extension: object = {}) {
  return {
    ...head,
    object: 'chat.completion.chunk',
    choices: [{ index, delta, logprobs: null, finish_reason: null }],
    ...extension,
  };
}

export function toolCallDelta(calls: readonly ToolCall[]): Delta {
  return { tool_calls: calls.map((call, index) => ({ index, ...wireCall(call) })) };
}

/** The chunk that ends an answer; it carries the verdict, and the log-probabilities of all its tokens. */
export function lastChunk(head: ReplyHead, index: number, answer: Answered) {
  return {
    ...head,
    object: 'chat.completion.chunk',
    choices: [{ index, delta: {}, logprobs: logprobsOf(answer), finish_reason: finishReason(answer) }],
    ...(answer.record ? { conscience: answer.record } : {}),
  };
}

export function usageChunk(head: ReplyHead, usage: Usage) {
  return { ...head, object: 'chat.completion.chunk', choices: [], usage: usageOf(usage) };
}

/** Verdict headers of a single answer; of a stream they cannot be known when it begins, and several have several. */
export function conscienceHeaders(answers: readonly Answered[]): Record<string, string> {
  const [{ record }, ...others] = answers;
  if (others.length > 0) return { 'x-conscience-policy': record?.policy ?? 'off' };
  if (record === null) return { 'x-conscience-policy': 'off' };
  const { policy, outcome, verdict, p_objection: share } = record;
  return {
    'x-conscience-policy': policy,
    'x-conscience-outcome': outcome,
    'x-conscience-verdict': verdict,
    ...(share === null ? {} : { 'x-conscience-objection': share.toFixed(4) }),
  };
}

/** Null where none were asked for, and for words that are not the draft's. */
function logprobsOf({ response: { logprobs } }: Answered) {
  if (logprobs === undefined) return null;
  const onWire = ({ token, logprob, bytes }: TokenLogprob) => ({ token, logprob, bytes });
  return {
    content: logprobs.map(({ top, ...one }) => ({ ...onWire(one), top_logprobs: top.map(onWire) })),
    refusal: null,
  };
}

function finishReason({ response, record }: Answered): string {
  if (record?.outcome === 'withheld') return 'content_filter';
  return response.toolCalls ? 'tool_calls' : response.finish;
}

function wireCall({ id, name, arguments: given }: ToolCall) {
  return { id, type: 'function', function: { name, arguments: given } };
}

function usageOf(usage: Usage) {
  return { ...wireUsage(usage), total_tokens: usage.promptTokens + usage.answerTokens };
}
