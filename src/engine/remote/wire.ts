/** Turns and tools as OpenAI's protocol writes them. */
import type { Message, Tool, ToolChoice } from '../../values/conversation.js';
import type { JsonFormat } from '../json-grammar.js';

export function messageOnWire({ role, content, toolCalls, toolCallId }: Message): Record<string, unknown> {
  return {
    role,
    content: content === '' && toolCalls?.length ? null : content,
    ...(toolCalls?.length && {
      tool_calls: toolCalls.map(({ id, name, arguments: given }) => ({
        id,
        type: 'function',
        function: { name, arguments: given },
      })),
    }),
    ...(toolCallId !== undefined && { tool_call_id: toolCallId }),
  };
}

export function toolsOnWire(tools: readonly Tool[], choice?: ToolChoice): Record<string, unknown> {
  return {
    tools: tools.map((tool) => ({ type: 'function', function: tool })),
    ...(choice !== undefined && {
      tool_choice: typeof choice === 'string' ? choice : { type: 'function', function: choice },
    }),
  };
}

/** How an answer's format is asked for. */
export function formatOnWire({ schema }: JsonFormat): Record<string, unknown> {
  if (schema === undefined) return { response_format: { type: 'json_object' } };
  return { response_format: { type: 'json_schema', json_schema: { name: 'answer', schema, strict: true } } };
}
