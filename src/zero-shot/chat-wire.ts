/**
 * Turns and answers as OpenAI's chat completions write them, as ours: what guards somebody else's model reads.
 *
 * Nothing is refused, as the answer is on its way already. What a conscience that reads text cannot see stands
 * as `[a file: image_url]`. `src/serve/chat-request.ts` is the strict reader of requests that are answered here.
 */
import type { Message, ToolCall } from '../values/conversation.js';

type Fields = Readonly<Record<string, unknown>>;

/** What cannot be read as a list of turns is no turn. */
export function messagesOnChatWire(turns: unknown): Message[] {
  return listOf(turns).map((turn): Message => {
    const { role, content, refusal, tool_call_id: id } = fieldsOf(turn);
    const text = textOnChatWire(content) || textOnChatWire(refusal);
    const toolCalls = toolCallsOnChatWire(fieldsOf(turn).tool_calls);
    if (role === 'tool' || role === 'function') {
      return { role: 'tool', content: text, ...(typeof id === 'string' ? { toolCallId: id } : {}) };
    }
    if (role === 'assistant') return { role, content: text, ...(toolCalls.length > 0 ? { toolCalls } : {}) };
    return { role: role === 'system' || role === 'developer' ? 'system' : 'user', content: text };
  });
}

/** @param content a text, parts, or nothing */
export function textOnChatWire(content: unknown): string {
  if (typeof content === 'string') return content;
  return listOf(content)
    .map((part) => {
      if (typeof part === 'string') return part;
      const { type, text, refusal } = fieldsOf(part);
      const said = text ?? refusal;
      return typeof said === 'string' ? said : `[a file: ${String(type).slice(0, 40)}]`;
    })
    .join('\n');
}

/** Calls of tools of every kind; a call's own text stands for arguments that it lacks. */
export function toolCallsOnChatWire(calls: unknown): ToolCall[] {
  return listOf(calls).map((call, i) => {
    const { id, function: called, custom, name, arguments: given, ...rest } = fieldsOf(call);
    const about = fieldsOf(called ?? custom);
    const written = about.arguments ?? about.input ?? given;
    return {
      id: typeof id === 'string' ? id : `call_${i}`,
      name: String(about.name ?? name ?? rest.type ?? 'tool'),
      arguments: typeof written === 'string' ? written : JSON.stringify(written ?? rest),
    };
  });
}

/** What a value holds by name; nothing, where it is no object. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

/** The items of a list; none, where it is none. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
