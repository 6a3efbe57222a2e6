/**
 * Tools in plain turns, for models that run here: what may be called is in the system turn, calls
 * and results in tags. The words are those of the Hermes convention, which Qwen2.5 and Qwen3 were
 * trained on (their chat templates write the same text).
 */
import { randomUUID } from 'node:crypto';
import type { Message, Tool, ToolCall, ToolChoice } from '../values/conversation.js';

const OPEN = '<tool_call>';
const BLOCK = /<tool_call>([\s\S]*?)(?:<\/tool_call>|$)/g;

/** Where the text of a turn begins to ask for a tool. */
export const TOOL_CALL_TAG = OPEN;

/** The conversation without tools' turns, calls and descriptions: all of it as text. */
export function withToolsAsText(messages: readonly Message[], tools: readonly Tool[] = []): Message[] {
  const turns: Message[] = [];
  let results = false;
  for (const { role, content, toolCalls = [] } of messages) {
    if (role !== 'tool') {
      turns.push({ role, content: [content, ...toolCalls.map(writeCall)].filter(Boolean).join('\n') });
    } else {
      const result = `<tool_response>\n${content}\n</tool_response>`;
      const before = results ? turns.pop() : undefined;
      turns.push({ role: 'user', content: before ? `${before.content}\n${result}` : result });
    }
    results = role === 'tool';
  }
  if (tools.length === 0) return turns;
  const [first, ...rest] = turns;
  const described = describe(tools);
  return first?.role === 'system'
    ? [{ role: 'system', content: `${first.content}\n\n${described}` }, ...rest]
    : [{ role: 'system', content: described }, ...turns];
}

/** What an answer is made to begin with, so that it calls a tool where one has to be called. */
export function toolPrefix(choice: ToolChoice | undefined): string {
  if (choice === undefined || choice === 'auto' || choice === 'none') return '';
  return `${OPEN}\n{"name": "${choice === 'required' ? '' : `${choice.name}", "arguments": {`}`;
}

/**
 * Takes the calls out of an answer. What is no call of one of the tools stays in the text: a model's
 * mistake is shown, not hidden.
 */
export function splitToolCalls(
  raw: string,
  tools: readonly Tool[],
): { text: string; toolCalls?: readonly ToolCall[] } {
  const toolCalls: ToolCall[] = [];
  const text = raw.replace(BLOCK, (whole, json: string) => {
    const call = readCall(json.trim(), tools);
    if (call === undefined) return whole;
    toolCalls.push(call);
    return '';
  });
  return toolCalls.length === 0 ? { text: raw } : { text: text.trim(), toolCalls };
}

function readCall(json: string, tools: readonly Tool[]): ToolCall | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
    // what is nested too deep to be written is no call either
    JSON.stringify(value);
  } catch {
    return undefined;
  }
  const { name, arguments: given = {} } = (value ?? {}) as { name?: unknown; arguments?: unknown };
  if (!tools.some((tool) => tool.name === name)) return undefined;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return undefined;
  return {
    id: `call_${randomUUID().replaceAll('-', '')}`,
    name: name as string,
    arguments: JSON.stringify(given),
  };
}

function writeCall({ name, arguments: given }: ToolCall): string {
  return `${OPEN}\n{"name": ${JSON.stringify(name)}, "arguments": ${given}}\n</tool_call>`;
}

function describe(tools: readonly Tool[]): string {
  const listed = tools.map((tool) => JSON.stringify({ type: 'function', function: tool }));
  return [
    '# Tools',
    '',
    'You may call one or more functions to assist with the user query.',
    '',
    'You are provided with function signatures within <tools></tools> XML tags:',
    '<tools>',
    ...listed,
    '</tools>',
    '',
    'For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:',
    OPEN,
    '{"name": <function-name>, "arguments": <args-json-object>}',
    '</tool_call>',
  ].join('\n');
}
