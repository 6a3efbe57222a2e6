/** Answers and usage as the AI SDK (specification V4) has them, and back. */
import type {
  JSONObject,
  LanguageModelV4Content,
  LanguageModelV4FinishReason,
  LanguageModelV4ToolCall,
  LanguageModelV4Usage,
  SharedV4ProviderMetadata,
} from '@ai-sdk/provider';
import type { Response, ToolCall, Usage } from '../values/conversation.js';
import { addUsage } from '../values/usage.js';
import type { ReviewedAnswer } from '../zero-shot/answer.js';
import { conscienceRecord } from '../zero-shot/conscience-record.js';
import type { StreamPolicy } from '../zero-shot/release.js';

/** Key of the verdict in `providerMetadata`. */
export const METADATA_KEY = 'emergent-alignment';

export function responseOf(
  content: readonly LanguageModelV4Content[],
  { unified }: LanguageModelV4FinishReason,
  tokens: number,
): Response {
  const words = (type: 'text' | 'reasoning') =>
    content.flatMap((part) => (part.type === type ? [part.text] : [])).join(type === 'text' ? '' : '\n');
  const toolCalls = content.filter((part) => part.type === 'tool-call').map(callOf);
  const reasoning = words('reasoning');
  return {
    text: words('text'),
    ...(reasoning === '' ? {} : { reasoning }),
    ...(toolCalls.length > 0 ? { toolCalls } : {}),
    finish: unified === 'length' ? 'length' : 'stop',
    tokens,
  };
}

export function contentOf({ text, reasoning, toolCalls = [] }: Response): LanguageModelV4Content[] {
  return [
    ...(reasoning === undefined ? [] : [{ type: 'reasoning' as const, text: reasoning }]),
    ...(text === '' ? [] : [{ type: 'text' as const, text }]),
    ...toolCalls.map(wireCall),
  ];
}

export function wireCall({ id, name, arguments: input }: ToolCall): LanguageModelV4ToolCall {
  return { type: 'tool-call', toolCallId: id, toolName: name, input };
}

function callOf({ toolCallId: id, toolName: name, input }: LanguageModelV4ToolCall): ToolCall {
  return { id, name, arguments: input };
}

export function finishOf({ finish, toolCalls }: Response): LanguageModelV4FinishReason {
  if (toolCalls) return { unified: 'tool-calls', raw: undefined };
  return { unified: finish, raw: finish };
}

/** How an answer ends that is not the model's own: a correction has stopped, a withheld one was filtered. */
export function replacedFinish({ outcome, response }: ReviewedAnswer): LanguageModelV4FinishReason {
  return outcome === 'withheld' ? { unified: 'content-filter', raw: 'conscience' } : finishOf(response);
}

export function usageOf({ inputTokens, outputTokens }: LanguageModelV4Usage): Usage {
  return { promptTokens: inputTokens.total ?? 0, answerTokens: outputTokens.total ?? 0 };
}

/** Totals alone: what runs here has no cache to tell of. */
export function wireUsage({ promptTokens, answerTokens }: Usage): LanguageModelV4Usage {
  return {
    inputTokens: { total: promptTokens, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
    outputTokens: { total: answerTokens, text: undefined, reasoning: undefined },
  };
}

/**
 * All that was spent: on the draft, on reviews, on alternatives. What a provider tells beyond the totals
 * (caching, reasoning, raw) is the draft's.
 */
export function settledUsage(
  { usage: { draft, review, alternative } }: ReviewedAnswer,
  own: LanguageModelV4Usage = wireUsage(draft),
): LanguageModelV4Usage {
  const { promptTokens, answerTokens } = addUsage(review, alternative);
  const plus = (total: number | undefined, more: number) => (more === 0 ? total : (total ?? 0) + more);
  return {
    ...own,
    inputTokens: { ...own.inputTokens, total: plus(own.inputTokens.total, promptTokens) },
    outputTokens: { ...own.outputTokens, total: plus(own.outputTokens.total, answerTokens) },
  };
}

export function metadataOf(
  answer: ReviewedAnswer,
  policy: StreamPolicy,
  other: SharedV4ProviderMetadata = {},
): SharedV4ProviderMetadata {
  return { ...other, [METADATA_KEY]: conscienceRecord(answer, policy) as unknown as JSONObject };
}
