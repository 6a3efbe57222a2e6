/**
 * Whether a chat template writes all that a conversation holds.
 *
 * A template is a program that takes what it knows and leaves the rest: tools, calls, results, what is said
 * beside a call and system turns may vanish without a word. So each is given a mark, and the rendering must
 * show all of them.
 */
import { DataError } from '../errors.js';
import type { ChatTokenizer } from '../tokenizer/tokenizer.js';
import type { Message, ToolSchema } from '../values/conversation.js';
import type { ChatContext } from '../values/rows.js';
import { nameOf } from './parse-tools.js';

type Part = 'tools' | 'tool_calls' | 'turns of tools' | 'the text of turns that call tools' | 'system turns';

/** @throws DataError that names what the template leaves out */
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
  const missing = new Set<Part>();
  if (messages.some(({ role }) => role === 'system') && !writesSystem(tokenizer)) missing.add('system turns');
  const context = { tools: givenTools, ...(variables ? { variables } : {}) };
  const text = marks.length === 0 ? undefined : rendered(tokenizer, turns, context);
  if (text !== undefined) {
    for (const { part, mark } of marks) if (!text.includes(mark)) missing.add(part);
  }
  if (missing.size === 0) return;
  throw new DataError({
    where,
    what: `the chat template does not write ${[...missing].join(', ')}`,
    next: 'use a model whose chat template knows them, or leave such rows out',
  });
}

const system = new WeakMap<ChatTokenizer, boolean>();

function writesSystem(tokenizer: ChatTokenizer): boolean {
  let known = system.get(tokenizer);
  if (known === undefined) {
    const turns = ['system', 'user', 'assistant'] as const;
    const text = rendered(
      tokenizer,
      turns.map((role) => ({ role, content: `marked ${role}` })),
    );
    known = text === undefined || text.includes('marked system');
    system.set(tokenizer, known);
  }
  return known;
}

/** Undefined where the template refuses: it looks at what was marked, and says later what it finds in the row. */
function rendered(
  tokenizer: ChatTokenizer,
  turns: readonly Message[],
  context?: ChatContext,
): string | undefined {
  try {
    return tokenizer.renderChat(turns, context);
  } catch {
    return undefined;
  }
}

function renamed(tool: ToolSchema, rename: (name: string) => string): ToolSchema {
  const name = rename(nameOf(tool)!);
  const { function: inner } = tool;
  return typeof inner === 'object' && inner !== null
    ? { ...tool, function: { ...inner, name } }
    : { ...tool, name };
}
