/**
 * A streamed chat completion: role, deltas, finish with the verdict, usage if asked for, `[DONE]`.
 *
 * OpenAI's protocol cannot take back what has been sent. A correction comes as further text after
 * `CORRECTION_NOTICE`; the chunk that brings it and the last one say so in `conscience`.
 */
import { addUsage, NO_USAGE } from '../values/usage.js';
import { CORRECTION_NOTICE } from '../zero-shot/release.js';
import { chunk, lastChunk, type ReplyHead, toolCallDelta, usageChunk } from './chat-reply.js';
import type { ChatRequest } from './chat-request.js';
import { type ChoiceEvent, type Dialect, sseData } from './sse.js';

/** Chunks of OpenAI's chat completions. */
export function chatDialect(head: ReplyHead, { n, streamUsage }: ChatRequest): Dialect {
  let used = NO_USAGE;
  const lines = ({ choice, event }: ChoiceEvent): string => {
    switch (event.type) {
      case 'text':
        return sseData(chunk(head, choice, { content: event.text }));
      case 'reasoning':
        return sseData(chunk(head, choice, { reasoning_content: event.text }));
      case 'correction': {
        const { text, outcome } = event;
        const content = `\n\n${CORRECTION_NOTICE}\n\n${text}`;
        return sseData(chunk(head, choice, { content }, { conscience: { correction: true, outcome, text } }));
      }
      case 'finish': {
        const { answer } = event;
        used = addUsage(used, answer.usage);
        const { toolCalls } = answer.response;
        const calls = toolCalls ? sseData(chunk(head, choice, toolCallDelta(toolCalls))) : '';
        return calls + sseData(lastChunk(head, choice, answer));
      }
    }
  };
  return {
    begin: () =>
      Array.from({ length: n }, (_, choice) =>
        sseData(chunk(head, choice, { role: 'assistant', content: '' })),
      ).join(''),
    event: lines,
    end: () => `${streamUsage ? sseData(usageChunk(head, used)) : ''}data: [DONE]\n\n`,
    failed: ({ body }) => sseData(body),
  };
}
