/** Training rows as the lines of a file that reads them again: the inverse of parse-row.ts. */

import type { ToolCall } from '../values/conversation.js';
import type { TrainingRow, Turn } from '../values/rows.js';

/** What one line says of a row; keys that nobody reads are left out. */
export function fieldsOf(row: TrainingRow): object {
  if (row.kind === 'text') return { text: row.text };
  if (row.kind === 'completion') return { prompt: row.prompt, completion: row.completion };
  const { lossFrom, tools, variables } = row;
  const turns = row.messages.map(turnFields);
  return {
    ...(lossFrom === 0
      ? { messages: turns }
      : { prompt: turns.slice(0, lossFrom), completion: turns.slice(lossFrom) }),
    ...(tools ? { tools } : {}),
    ...(variables ? { chat_template_kwargs: variables } : {}),
  };
}

function turnFields({ role, content, name, toolCalls, toolCallId, loss }: Turn): object {
  return {
    role,
    content,
    ...(name === undefined ? {} : { name }),
    ...(toolCalls ? { tool_calls: toolCalls.map(callFields) } : {}),
    ...(toolCallId === undefined ? {} : { tool_call_id: toolCallId }),
    ...(loss === false ? { weight: 0 } : {}),
  };
}

function callFields({ id, name, arguments: given }: ToolCall): object {
  return { ...(id === '' ? {} : { id }), type: 'function', function: { name, arguments: given } };
}
