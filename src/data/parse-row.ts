/**
 * What one JSON object of a dataset means.
 *
 * The shapes are TRL's: `messages`; `prompt`/`completion`; `text`; `prompt`/`chosen`/`rejected`;
 * prompts alone. Each may be plain text or lists of turns, and is normalised to one row kind.
 * Anything else is a `DataError` that names the line. Whether a chat template takes the order of
 * the roles is asked of the template itself, in chat-mask.ts.
 */
import { isDeepStrictEqual } from 'node:util';
import { DataError } from '../errors.js';
import type { Message } from '../values/conversation.js';
import type { ChatContext, ExtraKeys, PreferenceRow, TrainingRow, Turn } from '../values/rows.js';
import { objectOf, TOOL_KEYS, toolsOf } from './parse-tools.js';
import { kindOf, requireText, turnsOf, wrongType } from './parse-turn.js';
import {
  accountForRow,
  type Fields,
  isEmpty,
  type Reading,
  repeats,
  spelledRight,
  UnreadKeys,
} from './row-keys.js';

/** Keys that may hold the text of a system turn beside the turns. */
const SYSTEM = ['system', 'system_prompt', 'system_message'] as const;
/** Keys of a row that its conversation is rendered with. */
const CHAT: readonly string[] = [...SYSTEM, ...TOOL_KEYS, 'chat_template_kwargs'];
/** Text that belongs to a prompt or an answer, and that nobody says how to put there. */
const APART: readonly string[] = [
  ...['input', 'inputs', 'context', 'instruction'],
  ...['reasoning_content', 'thinking', 'reasoning', 'thought', 'thoughts'],
];
/** The same where there is no prompt: keys by which others call it as well. */
const ASKED: readonly string[] = [...APART, 'question', 'query'];
/** What `chat_template_kwargs` may not set: the row says it, or it is no variable. */
const NO_VARIABLES =
  /^(messages|tools|add_generation_prompt|continue_final_message|chat_template|tokenize|return_.*)$/;

/**
 * @param unread is told of keys that nobody reads
 * @throws DataError when it is no `messages`, `prompt`/`completion` or `text` row, or asks for what is not done
 */
export function parseTrainingRow(value: unknown, where: string, unread = new UnreadKeys()): TrainingRow {
  const fields = asObject(value, where);
  const at = { where, unread };
  if (has(fields, 'messages')) {
    const messages = withSystem(turnsOf(fields.messages, 'messages', at), fields, at);
    requireAssistant(messages, 'messages', where);
    accountForRow(fields, ['messages', ...CHAT], contents(messages), at);
    const extra = without(fields, 'messages', ...CHAT);
    return { kind: 'messages', messages, lossFrom: 0, where, extra, ...contextOf(fields, at) };
  }
  if (has(fields, 'prompt') && has(fields, 'completion')) {
    const { prompt, completion } = fields;
    const read = ['prompt', 'completion'];
    if (typeof prompt === 'string' && typeof completion === 'string') {
      requireText(completion, 'completion', where);
      refuseBesideText(fields, 'a prompt that is text', where);
      accountForPair(fields, read, [prompt, completion], at);
      return { kind: 'completion', prompt, completion, where, extra: without(fields, ...read) };
    }
    const before = withSystem(asTurns(prompt, 'prompt', 'user', at), fields, at);
    const after = asTurns(completion, 'completion', 'assistant', at);
    requireAssistant(after, 'completion', where);
    const messages = [...before, ...after];
    accountForPair(fields, [...read, ...CHAT], contents(messages), at);
    const extra = without(fields, ...read, ...CHAT);
    const lossFrom = before.length;
    return { kind: 'messages', messages, lossFrom, where, extra, ...contextOf(fields, at) };
  }
  if (has(fields, 'text')) {
    const { text } = fields;
    if (typeof text !== 'string') throw wrongType('text', 'a string', text, where);
    requireText(text, 'text', where);
    refuseBesideText(fields, 'text', where);
    accountForRow(fields, ['text'], [text], at);
    return { kind: 'text', text, where, extra: without(fields, 'text') };
  }
  throw unknownShape(fields, 'messages, prompt and completion, or text', where);
}

/** @throws DataError when it is no `chosen`/`rejected` row, with `prompt` or with one implied */
export function parsePreferenceRow(value: unknown, where: string, unread = new UnreadKeys()): PreferenceRow {
  const fields = asObject(value, where);
  const at = { where, unread };
  const { chosen, rejected } = fields;
  const prompt = fields.prompt ?? undefined;
  if (!has(fields, 'chosen') || !has(fields, 'rejected')) {
    throw unknownShape(fields, 'chosen and rejected, with or without prompt', where);
  }
  const read = ['prompt', 'chosen', 'rejected'];
  if (typeof chosen === 'string' && typeof rejected === 'string' && !Array.isArray(prompt)) {
    requireText(chosen, 'chosen', where);
    requireText(rejected, 'rejected', where);
    if (prompt !== undefined && typeof prompt !== 'string') {
      throw wrongType('prompt', 'a string or a list of turns', prompt, where);
    }
    refuseBesideText(fields, 'a prompt that is text', where);
    accountForPair(fields, read, [prompt ?? '', chosen, rejected], at, prompt === undefined ? ASKED : APART);
    const text = prompt ?? commonText(chosen, rejected);
    const cut = (answer: string) => (prompt === undefined ? answer.slice(text.length) : answer);
    const answers = { chosen: cut(chosen), rejected: cut(rejected) };
    const located = { where, extra: without(fields, ...read) };
    return { kind: 'preference', format: 'plain', prompt: text, ...answers, ...located };
  }
  const better = asTurns(chosen, 'chosen', 'assistant', at);
  const worse = asTurns(rejected, 'rejected', 'assistant', at);
  const turns = sharedPrompt(prompt, better, worse, at);
  const answer = (whole: readonly Turn[], key: string) => {
    const own = startsWith(whole, turns) ? whole.slice(turns.length) : whole;
    requireAssistant(own, key, where);
    return own;
  };
  const apart = prompt === undefined ? ASKED : APART;
  accountForPair(fields, [...read, ...CHAT], contents([...better, ...worse, ...turns]), at, apart);
  return {
    kind: 'preference',
    format: 'conversational',
    prompt: withSystem(turns, fields, at),
    chosen: answer(better, 'chosen'),
    rejected: answer(worse, 'rejected'),
    where,
    extra: without(fields, ...read, ...CHAT),
    ...contextOf(fields, at),
  };
}

/** Keys whose answers a row of prompts may hold: they are not wanted. */
const ANSWERS = ['completion', 'chosen', 'rejected', 'text', 'response', 'answer', 'output'];

/**
 * The turns to be answered of a `prompt` or `messages` row; answers that are given are left out.
 *
 * @throws DataError when it is neither, or needs tools or template variables, which an answer here does not see
 */
export function parsePromptRow(value: unknown, where: string, unread = new UnreadKeys()): readonly Message[] {
  const fields = asObject(value, where);
  const at = { where, unread };
  const key = ['prompt', 'messages'].find((name) => has(fields, name));
  if (key === undefined) throw unknownShape(fields, 'prompt or messages', where);
  const messages = withSystem(asTurns(fields[key], key, 'user', at), fields, at);
  const turns = messages.slice(0, messages.findLastIndex((turn) => turn.role === 'user') + 1);
  if (turns.length === 0) throw new DataError({ where, what: `${key} has no user turn to answer` });
  const { tools, variables } = contextOf(fields, at);
  if (tools || variables || turns.some(usesTools)) {
    const got = tools ? 'tools' : variables ? 'chat_template_kwargs' : 'calls or results of tools';
    const what = 'a prompt is answered without tools and template variables';
    throw new DataError({ where, what, got, next: 'leave such rows out' });
  }
  const read = [key, 'messages', ...Object.keys(promptKind(fields)), ...ANSWERS, ...CHAT];
  accountForPair(fields, read, contents(messages), at);
  return turns.map(messageOf);
}

/** Whether a key is there; null is how a table says that it is not. */
const has = (fields: Fields, key: string): boolean => fields[key] !== undefined && fields[key] !== null;

/** The kind that a row of prompts names; nothing where it names none. */
export function promptKind({ kind }: Fields): { kind?: string } {
  return typeof kind === 'string' && kind.trim() !== '' ? { kind: kind.trim() } : {};
}

/** Whether a turn calls a tool, or says what one answered. */
export const usesTools = ({ role, toolCalls }: Message): boolean =>
  role === 'tool' || toolCalls !== undefined;

/** A turn without what only training asks of it. */
export function messageOf({ loss: _, ...message }: Turn): Message {
  return message;
}

/** The turns under the system text that stands beside them, if any does. */
function withSystem(turns: readonly Turn[], fields: Fields, { where }: Reading): readonly Turn[] {
  const keys = SYSTEM.filter((key) => !isEmpty(fields[key]));
  const texts = keys.map((key) => {
    const text = fields[key];
    if (typeof text !== 'string') throw wrongType(key, 'a string', text, where);
    return text;
  });
  const own = turns[0]?.role === 'system' ? [turns[0].content] : [];
  const different = new Set([...texts, ...own].map((text) => text.trim()));
  if (different.size > 1) {
    const got = [...keys, ...(own.length > 0 ? ['a system turn'] : [])].join(', ');
    throw new DataError({ where, what: 'the row has two system texts', got, next: 'keep one of them' });
  }
  return own.length > 0 || texts.length === 0 ? turns : [{ role: 'system', content: texts[0] }, ...turns];
}

/** What the chat template sees beside the turns. */
function contextOf(fields: Fields, at: Reading): ChatContext {
  const tools = toolsOf(fields, at);
  const key = 'chat_template_kwargs';
  const variables = objectOf(fields[key], key, at.where);
  const taken = Object.keys(variables ?? {}).find((name) => NO_VARIABLES.test(name));
  if (taken !== undefined) {
    const what = `${key}.${taken} is not a variable of a chat template`;
    throw new DataError({ where: at.where, what, next: 'remove it' });
  }
  return { ...(tools === undefined ? {} : { tools }), ...(variables === undefined ? {} : { variables }) };
}

/** @throws DataError for a key that only a conversation has a place for */
function refuseBesideText(fields: Fields, beside: string, where: string): void {
  const key = Object.keys(fields).find((name) => !isEmpty(fields[name]) && spelledRight(name, CHAT));
  if (key === undefined) return;
  throw new DataError({
    where,
    what: `${key} has no place beside ${beside}: it is rendered by no chat template`,
    next: 'write messages, or the prompt as a list of turns',
  });
}

/** Accounts for a row like `accountForRow`. @throws DataError also for text that belongs to the prompt or the answer */
function accountForPair(
  fields: Fields,
  read: readonly string[],
  texts: readonly string[],
  at: Reading,
  apart: readonly string[] = APART,
): void {
  for (const key of apart) {
    const value = fields[key];
    if (isEmpty(value) || repeats(key, value, texts)) continue;
    throw new DataError({
      where: at.where,
      what: `${key} stands beside the prompt and the answer, and in neither`,
      next: `write its text into ${/reason|th(ink|ought)/.test(key) ? 'the answer' : 'the prompt'}`,
    });
  }
  accountForRow(fields, read, texts, at);
}

const contents = (turns: readonly Message[]): string[] => turns.map(({ content }) => content);

/** Explicit, or what both answers begin with, as TRL takes it. */
function sharedPrompt(
  prompt: unknown,
  chosen: readonly Turn[],
  rejected: readonly Turn[],
  at: Reading,
): readonly Turn[] {
  const answersHoldIt = chosen[0].role !== 'assistant';
  // A string prompt beside whole conversations repeats their first user turn (UltraFeedback).
  if (prompt !== undefined && !(typeof prompt === 'string' && answersHoldIt)) {
    return asTurns(prompt, 'prompt', 'user', at);
  }
  let n = 0;
  const limit = Math.min(chosen.length, rejected.length) - 1;
  while (n < limit && sameTurn(chosen[n], rejected[n])) n++;
  if (n === 0) {
    const what = 'chosen and rejected begin with different turns, and there is no prompt';
    throw new DataError({ where: at.where, what, next: 'add a prompt' });
  }
  return chosen.slice(0, n);
}

/** The longest common beginning before a white space that leaves both an answer: `… Assistant:` of two dialogues. */
function commonText(a: string, b: string): string {
  const limit = Math.min(a.length, b.length) - 1;
  let n = 0;
  while (n < limit && a[n] === b[n]) n++;
  while (n > 0 && !/^\s\s$/.test(a[n] + b[n])) n--;
  return a.slice(0, n);
}

const sameTurn = (a: Turn, b: Turn): boolean => isDeepStrictEqual(messageOf(a), messageOf(b));

function startsWith(turns: readonly Turn[], prefix: readonly Turn[]): boolean {
  return turns.length > prefix.length && prefix.every((turn, i) => sameTurn(turn, turns[i]));
}

function asObject(value: unknown, where: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new DataError({
    where,
    what: 'the line is not a row',
    expected: 'a JSON object',
    got: kindOf(value),
  });
}

/** A list of turns; a string becomes one turn of `role`. */
function asTurns(value: unknown, key: string, role: Message['role'], at: Reading): readonly Turn[] {
  if (typeof value !== 'string') return turnsOf(value, key, at);
  requireText(value, key, at.where);
  return [{ role, content: value }];
}

function requireAssistant(turns: readonly Message[], key: string, where: string): void {
  if (turns.some((turn) => turn.role === 'assistant')) return;
  const got = `the roles ${turns.map((turn) => turn.role).join(', ')}`;
  throw new DataError({ where, what: `${key} has no assistant turn to learn from`, got });
}

function without(fields: Fields, ...keys: string[]): ExtraKeys {
  return Object.fromEntries(Object.entries(fields).filter(([key]) => !keys.includes(key)));
}

/** Keys that make a row what it is. */
const SHAPES: readonly string[] = ['messages', 'prompt', 'completion', 'text', 'chosen', 'rejected'];
/** A source in a configuration that maps columns. */
const mapped = (file: string, columns: string) => `data: { path: ${file}, columns: { ${columns} } }`;

/** Keys of other projects' formats, and what to do about them in a file. */
const RELATIVES: Readonly<Record<string, (file: string, other?: string) => string>> = {
  conversations: () => 'write conversations as a list of {from, value}',
  chosen: (file) =>
    `give preferences with --preference-data ${file}; or learn the chosen answers, in a configuration: data: { path: ${file}, type: preference }`,
  instruction: (file, other = 'ANSWER') =>
    `call the answer output, or map it in a configuration: ${mapped(file, `instruction: instruction, output: ${other}`)}`,
  question: (file) =>
    `rename question to prompt and answer to completion, or map them in a configuration: ${mapped(file, 'prompt: question, completion: answer')}`,
  preferred_output: () =>
    'rename preferred_output to chosen, non_preferred_output to rejected, and input.messages to prompt',
  response: (file) =>
    `rename response to completion, or map it in a configuration: ${mapped(file, 'prompt: prompt, completion: response')}`,
  output: (file) =>
    `call the question instruction, or map both in a configuration: ${mapped(file, 'prompt: input, completion: output')}`,
};

function unknownShape(fields: Fields, expected: string, where: string): DataError {
  const keys = Object.keys(fields);
  const shown = (key: string) => (fields[key] === null ? `${key} (null)` : key);
  const relative = keys.find((key) => Object.hasOwn(RELATIVES, key) && !expected.includes(key));
  const beside = keys.find((key) => !['instruction', 'input', 'system', 'history', 'id'].includes(key));
  const file = where.replace(/[:#]\d+$/, '');
  const other = keys.find((key) => !SHAPES.includes(key) && spelledRight(key, SHAPES));
  return new DataError({
    where,
    what: 'unknown kind of row',
    expected: `the keys ${expected}`,
    got: keys.length === 0 ? 'an empty object' : keys.slice(0, 8).map(shown).join(', '),
    next: other
      ? `rename ${other} to ${spelledRight(other, SHAPES)}`
      : relative && RELATIVES[relative](file, beside),
  });
}
