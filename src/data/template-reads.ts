/**
 * Whether a chat template writes what a conversation with tools holds.
 *
 * A template is a program that takes what it knows and leaves the rest: tools, calls, results and what is
 * said beside a call may vanish without a word. So each is given a mark, and the rendering must show all of them.
 */
import { DataError } from '../errors.js';
import type { ChatTokenizer } from '../model/tokenizer.js';
import { nameOf } from './parse-tools.js';
import type { ChatContext } from './rows.js';
import type { Message, ToolSchema } from './values.js';

type Part = 'tools' | 'tool_calls' | 'turns of tools' | 'the text of turns that call tools';

/** @throws DataError that names what of the tools, calls and results the template leaves out */
export function requireWritten(
  messages: readonly Message[],
  { tools = [], variables }: ChatContext,
  tokenizer: ChatTokenizer,
  where: string,
): void {
  const marks: { part: Part; mark: string }[] = [];
  const marked = (part: Part, text: string): string => {
    const mark = `marked${marks.length}here`;
    marks.push({ part, mark });
    return text + mark;
  };
  const givenTools = tools.map((tool) => renamed(tool, (name) => marked('tools', name)));
  const turns = messages.map((turn): Message => {
    const { role, content, toolCalls } = turn;
    if (role === 'tool') return { ...turn, content: marked('turns of tools', content) };
    if (!toolCalls) return turn;
    const calls = toolCalls.map((call) => ({ ...call, name: marked('tool_calls', call.name) }));
    const said = content === '' ? content : marked('the text of turns that call tools', content);
    return { ...turn, content: said, toolCalls: calls };
  });
  if (marks.length === 0) return;
  let text: string;
  try {
    text = tokenizer.renderChat(turns, { tools: givenTools, ...(variables ? { variables } : {}) });
  } catch {
    return; // It looks at what was marked, so it reads it; what it says of the row itself is said later.
  }
  const missing = new Set(marks.filter(({ mark }) => !text.includes(mark)).map(({ part }) => part));
  if (missing.size === 0) return;
  throw new DataError({
    where,
    what: `the chat template does not write ${[...missing].join(', ')}`,
    next: 'use a model whose chat template knows tools, or leave such rows out',
  });
}

function renamed(tool: ToolSchema, rename: (name: string) => string): ToolSchema {
  const name = rename(nameOf(tool)!);
  const { function: inner } = tool;
  return typeof inner === 'object' && inner !== null
    ? { ...tool, function: { ...inner, name } }
    : { ...tool, name };
}
