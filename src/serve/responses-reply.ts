/** Answers as OpenAI's Responses API writes them, with the verdict in the extension field `conscience`. */
import { randomUUID } from 'node:crypto';
import type { ToolCall, Usage } from '../values/conversation.js';
import type { Answered } from './chat-reply.js';
import type { ResponsesRequest } from './responses-request.js';

/** An item of `output`. */
export type OutputItem = { readonly id: string; readonly type: string } & Readonly<Record<string, unknown>>;

/** What all states of one response share. */
export interface ResponseHead {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created_at: number;
  readonly model: string;
  readonly echo: ResponsesRequest['echo'];
}

export function responseHead(model: string, { echo }: ResponsesRequest): ResponseHead {
  return { id: newId('resp'), created_at: Math.floor(Date.now() / 1000), model, echo };
}

/** A response of which nothing has been said yet. */
export function begunResponse({ echo, ...head }: ResponseHead) {
  return {
    ...head,
    object: 'response',
    status: 'in_progress',
    background: false,
    error: null as object | null,
    incomplete_details: null as { readonly reason: string } | null,
    output: [] as readonly OutputItem[],
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    service_tier: 'default',
    store: false,
    truncation: 'disabled',
    usage: null as object | null,
    ...echo,
  };
}

/** @param output what was said; made from the answer where it was not streamed */
export function endedResponse(head: ResponseHead, answer: Answered, output = outputOf(answer)) {
  const reason = incompleteReason(answer);
  return {
    ...begunResponse(head),
    status: reason === undefined ? 'completed' : 'incomplete',
    incomplete_details: reason === undefined ? null : { reason },
    output,
    usage: usageOf(answer.usage),
    ...(answer.record ? { conscience: answer.record } : {}),
  };
}

export function messageItem(id: string, text: string, status = 'completed'): OutputItem {
  const content = status === 'in_progress' ? [] : [textPart(text)];
  return { id, type: 'message', status, role: 'assistant', content };
}

export function textPart(text: string) {
  return { type: 'output_text', text, annotations: [], logprobs: [] };
}

export function reasoningItem(id: string, text: string): OutputItem {
  return {
    id,
    type: 'reasoning',
    summary: [],
    content: text === '' ? [] : [{ type: 'reasoning_text', text }],
  };
}

export function callItem(id: string, { id: call_id, name, arguments: given }: ToolCall): OutputItem {
  return { id, type: 'function_call', status: 'completed', call_id, name, arguments: given };
}

/** @param kind the prefix that OpenAI's ids have */
export function newId(kind: 'resp' | 'msg' | 'rs' | 'fc'): string {
  return `${kind}_${randomUUID().replaceAll('-', '')}`;
}

function outputOf({ response: { text, reasoning, toolCalls = [] } }: Answered): OutputItem[] {
  return [
    ...(reasoning === undefined ? [] : [reasoningItem(newId('rs'), reasoning)]),
    ...(text === '' && toolCalls.length > 0 ? [] : [messageItem(newId('msg'), text)]),
    ...toolCalls.map((call) => callItem(newId('fc'), call)),
  ];
}

function incompleteReason({ response, record }: Answered): string | undefined {
  if (record?.outcome === 'withheld') return 'content_filter';
  return response.finish === 'length' ? 'max_output_tokens' : undefined;
}

function usageOf({ promptTokens, answerTokens }: Usage) {
  return {
    input_tokens: promptTokens,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: answerTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: promptTokens + answerTokens,
  };
}
