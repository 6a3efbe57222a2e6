/**
 * The conversations of a sample of Inspect: its messages; of an audit by Petri those of the target, with each that the
 * auditor rolled back.
 *
 * What no conscience here can see (images, audio, documents) stands as its type in brackets. An answer that the auditor
 * began for the target stands as a system turn: the target did not write it.
 */
import { joinReasoning } from '../tokenizer/reasoning.js';
import type { Message, ToolCall } from '../values/conversation.js';
import type { InspectSample } from './inspect-log.js';

/** A conversation and its place. */
export interface SampleConversation {
  /** `log.eval#id`; `log.eval#id branch 2` of a target's branch. */
  readonly where: string;
  readonly messages: readonly Message[];
}

type Json = Readonly<Record<string, unknown>>;

/** In the order in which they were had. Answers without text and calls are left out. */
export function conversationsOf(sample: InspectSample): SampleConversation[] {
  const branches = targetSpans(sample).flatMap((span) => {
    const messages = messagesOfSpan(span, sample);
    return messages.length === 0 ? [] : [{ messages, name: String(span.name) }];
  });
  if (branches.length === 0) return [{ where: sample.where, messages: read(sample.messages, sample) }];
  return branches.map(({ messages, name }) => ({
    where: branches.length === 1 ? sample.where : `${sample.where} ${name}`,
    messages: read(messages, sample),
  }));
}

/** The text of a sample's answer: its last assistant's turn. */
export function answerOf(sample: InspectSample): Message | undefined {
  return read(sample.messages, sample).findLast(({ role }) => role === 'assistant');
}

/** The spans of all conversations that Petri's target had, the first one first. */
function targetSpans({ timelines }: InspectSample): Json[] {
  const isTarget = ({ name }: Json) => name === 'target' || String(name).endsWith('-target');
  const roots = ((timelines ?? []) as Json[]).filter(isTarget).map(({ root }) => root as Json);
  const walk = (span: Json): Json[] => [span, ...(listOf(span.branches) as Json[]).flatMap(walk)];
  const order = ({ name }: Json) => Number(/\d+$/.exec(String(name))?.[0] ?? 0);
  return roots.flatMap((root) => walk(root).sort((a, b) => order(a) - order(b)));
}

/** What the target's last call in a span was shown, and what it said: the whole conversation up to there. */
function messagesOfSpan({ content }: Json, { events, events_data: pool }: InspectSample): Json[] {
  const own = new Set((listOf(content) as Json[]).map(({ event }) => event));
  const last = (events ?? []).findLast(({ event, uuid }) => event === 'model' && own.has(uuid)) as
    | Json
    | undefined;
  if (last === undefined) return [];
  const refs = listOf(last.input_refs) as readonly (readonly [from: number, to: number])[];
  const shared = listOf(pool?.messages);
  const input = refs.length > 0 ? refs.flatMap(([from, to]) => shared.slice(from, to)) : listOf(last.input);
  const [choice] = listOf((last.output as Json | undefined)?.choices) as Json[];
  return [...input, ...(choice ? [choice.message] : [])] as Json[];
}

function read(messages: readonly Json[], { attachments }: InspectSample): Message[] {
  const resolve = (text: string) => attachments?.[/^attachment:\/\/(.+)$/.exec(text)?.[1] ?? ''] ?? text;
  return messages.flatMap((message) => messageOf(message, resolve) ?? []);
}

function messageOf(message: Json, resolve: (text: string) => string): Message | undefined {
  const { role, content, tool_calls: called, tool_call_id: id, function: tool, error, metadata } = message;
  const { text, reasoning } = contentOf(content, resolve);
  if (role === 'tool') {
    const failure = (error as Json | null | undefined)?.message;
    return {
      role,
      content: text === '' && typeof failure === 'string' ? `error: ${resolve(failure)}` : text,
      ...(typeof id === 'string' ? { toolCallId: id } : {}),
      ...(typeof tool === 'string' ? { name: tool } : {}),
    };
  }
  if (role !== 'assistant') return { role: role === 'system' ? 'system' : 'user', content: text };
  if ((metadata as Json | null | undefined)?.prefill === true) {
    return { role: 'system', content: `[The answer was begun for the assistant: ${JSON.stringify(text)}]` };
  }
  const toolCalls = (listOf(called) as Json[]).map((call) => callOf(call, resolve));
  if (text.trim() === '' && toolCalls.length === 0) return undefined;
  return {
    role,
    content: reasoning === '' ? text : joinReasoning({ text, reasoning }),
    ...(toolCalls.length > 0 ? { toolCalls } : {}),
  };
}

/** Text and reasoning of a content, which is a text or a list of parts. */
function contentOf(content: unknown, resolve: (text: string) => string): { text: string; reasoning: string } {
  if (typeof content === 'string') return { text: resolve(content), reasoning: '' };
  const parts = listOf(content) as Json[];
  const isReasoning = ({ type }: Json) => type === 'reasoning';
  const textOf = ({ type, text, reasoning, summary, redacted }: Json) => {
    const said = type === 'reasoning' ? (redacted === true ? summary : reasoning) : text;
    return typeof said === 'string' ? resolve(said) : `[${String(type)}]`;
  };
  const joined = (some: readonly Json[]) => some.map(textOf).join('\n');
  return {
    text: joined(parts.filter((part) => !isReasoning(part))),
    reasoning: joined(parts.filter(isReasoning)),
  };
}

function callOf({ id, function: name, arguments: given }: Json, resolve: (text: string) => string): ToolCall {
  const resolved = JSON.stringify(given ?? {}, (_, value: unknown) =>
    typeof value === 'string' ? resolve(value) : value,
  );
  return { id: String(id ?? ''), name: String(name), arguments: resolved };
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
