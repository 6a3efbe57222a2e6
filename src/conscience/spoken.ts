/**
 * How turns are told in a record: what was said, which tools were called, and what those answered.
 *
 * Who quotes such a text clips and neutralises it like any other (format.ts): names of tools come from outside, too.
 */
import type { Message, ToolCall, ToolResult } from '../values/conversation.js';

/** What a turn says, with the tools that it asks for: to call one is an answer, too. */
export function spoken(text: string, toolCalls: readonly ToolCall[] = []): string {
  const calls = toolCalls.map((call) => `[calls the tool ${call.name} with ${call.arguments}]`);
  return [text, ...calls].filter((part) => part !== '').join('\n');
}

/** What a tool answered. */
export function toolAnswer({ name, content }: ToolResult): string {
  return `[${name === undefined ? 'a tool' : `the tool ${name}`} answered: ${content}]`;
}

/** The turns of a conversation, in order. */
export function told(messages: readonly Message[]): string[] {
  return messages.map((message, i) =>
    message.role === 'tool'
      ? toolAnswer(toolResult(messages, i))
      : spoken(message.content, message.toolCalls),
  );
}

/** What the tool's turn at `index` says, and which tool it was: the one that it names, or whose call it answers. */
export function toolResult(messages: readonly Message[], index: number): ToolResult {
  const { content, name, toolCallId } = messages[index];
  const calls = messages.slice(0, index).flatMap(({ toolCalls = [] }) => toolCalls);
  const called = toolCallId === undefined ? undefined : calls.findLast(({ id }) => id === toolCallId)?.name;
  const known = name ?? called;
  return { ...(known === undefined ? {} : { name: known }), content };
}
