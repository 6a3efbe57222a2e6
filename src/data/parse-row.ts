/**
 * What one JSON object of a dataset means.
 *
 * The shapes are TRL's: `messages`; `prompt`/`completion`; `text`; `prompt`/`chosen`/`rejected`;
 * prompts alone. Each may be plain text or lists of turns, and is normalised to one row kind.
 * Anything else is a `DataError` that names the line. Whether a chat template takes the order of
 * the roles is asked of the template itself, in chat-mask.ts.
 */
import { DataError } from '../errors.js';
import { joinReasoning } from './reasoning.js';
import type { ExtraKeys, PreferenceRow, TrainingRow } from './rows.js';
import type { Message } from './values.js';

const ROLES: readonly string[] = ['system', 'user', 'assistant'] satisfies Message['role'][];

type Fields = Readonly<Record<string, unknown>>;

/** @throws DataError when it is no `messages`, `prompt`/`completion` or `text` row */
export function parseTrainingRow(value: unknown, where: string): TrainingRow {
  const fields = asObject(value, where);
  if ('messages' in fields) {
    const messages = asMessages(fields.messages, 'messages', where);
    requireAssistant(messages, 'messages', where);
    return { kind: 'messages', messages, lossFrom: 0, where, extra: without(fields, 'messages') };
  }
  if ('prompt' in fields && 'completion' in fields) {
    const { prompt, completion } = fields;
    const extra = without(fields, 'prompt', 'completion');
    if (typeof prompt === 'string' && typeof completion === 'string') {
      requireText(completion, 'completion', where);
      return { kind: 'completion', prompt, completion, where, extra };
    }
    const before = asTurns(prompt, 'prompt', 'user', where);
    const after = asTurns(completion, 'completion', 'assistant', where);
    requireAssistant(after, 'completion', where);
    return { kind: 'messages', messages: [...before, ...after], lossFrom: before.length, where, extra };
  }
  if ('text' in fields) {
    if (typeof fields.text !== 'string') throw wrongType('text', 'a string', fields.text, where);
    requireText(fields.text, 'text', where);
    return { kind: 'text', text: fields.text, where, extra: without(fields, 'text') };
  }
  throw unknownShape(fields, 'messages, prompt and completion, or text', where);
}

/** @throws DataError when it is no `chosen`/`rejected` row, with `prompt` or with one implied */
export function parsePreferenceRow(value: unknown, where: string): PreferenceRow {
  const fields = asObject(value, where);
  const { prompt, chosen, rejected } = fields;
  if (chosen === undefined || rejected === undefined) {
    throw unknownShape(fields, 'chosen and rejected, with or without prompt', where);
  }
  const located = { where, extra: without(fields, 'prompt', 'chosen', 'rejected') };
  if (typeof chosen === 'string' && typeof rejected === 'string' && !Array.isArray(prompt)) {
    requireText(chosen, 'chosen', where);
    requireText(rejected, 'rejected', where);
    if (prompt !== undefined && typeof prompt !== 'string') {
      throw wrongType('prompt', 'a string or a list of turns', prompt, where);
    }
    const text = prompt ?? commonText(chosen, rejected);
    const cut = (answer: string) => (prompt === undefined ? answer.slice(text.length) : answer);
    const answers = { chosen: cut(chosen), rejected: cut(rejected) };
    return { kind: 'preference', format: 'plain', prompt: text, ...answers, ...located };
  }
  const better = asTurns(chosen, 'chosen', 'assistant', where);
  const worse = asTurns(rejected, 'rejected', 'assistant', where);
  const turns = sharedPrompt(prompt, better, worse, where);
  const answer = (whole: readonly Message[], key: string) => {
    const own = startsWith(whole, turns) ? whole.slice(turns.length) : whole;
    requireAssistant(own, key, where);
    return own;
  };
  return {
    kind: 'preference',
    format: 'conversational',
    prompt: turns,
    chosen: answer(better, 'chosen'),
    rejected: answer(worse, 'rejected'),
    ...located,
  };
}

/**
 * The turns to be answered of a `prompt` or `messages` row; answers that are given are left out.
 *
 * @throws DataError when it is neither
 */
export function parsePromptRow(value: unknown, where: string): readonly Message[] {
  const fields = asObject(value, where);
  const key = ['prompt', 'messages'].find((name) => name in fields);
  if (key === undefined) throw unknownShape(fields, 'prompt or messages', where);
  const messages = asTurns(fields[key], key, 'user', where);
  const turns = messages.slice(0, messages.findLastIndex((turn) => turn.role === 'user') + 1);
  if (turns.length === 0) throw new DataError({ where, what: `${key} has no user turn to answer` });
  return turns;
}

/** Explicit, or what both answers begin with, as TRL takes it. */
function sharedPrompt(
  prompt: unknown,
  chosen: readonly Message[],
  rejected: readonly Message[],
  where: string,
): readonly Message[] {
  const answersHoldIt = chosen[0].role !== 'assistant';
  // A string prompt beside whole conversations repeats their first user turn (UltraFeedback).
  if (prompt !== undefined && !(typeof prompt === 'string' && answersHoldIt)) {
    return asTurns(prompt, 'prompt', 'user', where);
  }
  let n = 0;
  const limit = Math.min(chosen.length, rejected.length) - 1;
  while (n < limit && sameTurn(chosen[n], rejected[n])) n++;
  if (n === 0) {
    const what = 'chosen and rejected begin with different turns, and there is no prompt';
    throw new DataError({ where, what, next: 'add a prompt' });
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

function sameTurn(a: Message, b: Message): boolean {
  return a.role === b.role && a.content === b.content;
}

function startsWith(turns: readonly Message[], prefix: readonly Message[]): boolean {
  return turns.length > prefix.length && prefix.every((turn, i) => sameTurn(turn, turns[i]));
}

function asObject(value: unknown, where: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new DataError({ where, what: 'the line is no row', expected: 'a JSON object', got: kindOf(value) });
}

/** A list of turns; a string becomes one turn of `role`. */
function asTurns(value: unknown, key: string, role: Message['role'], where: string): readonly Message[] {
  if (typeof value !== 'string') return asMessages(value, key, where);
  requireText(value, key, where);
  return [{ role, content: value }];
}

function asMessages(value: unknown, key: string, where: string): readonly Message[] {
  if (!Array.isArray(value)) throw wrongType(key, 'a list of {role, content}', value, where);
  if (value.length === 0) throw new DataError({ where, what: `${key} is empty` });
  return value.map((turn, i) => asMessage(turn, `${key}[${i}]`, where));
}

function asMessage(value: unknown, key: string, where: string): Message {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrongType(key, 'an object with role and content', value, where);
  }
  const { role, content, reasoning_content: reasoning } = value as Fields;
  if (typeof role !== 'string' || !ROLES.includes(role)) {
    const got = role === undefined ? `the keys ${Object.keys(value).join(', ')}` : JSON.stringify(role);
    throw new DataError({ where, what: `${key}.role is unknown`, expected: ROLES.join(', '), got });
  }
  if (typeof content !== 'string') throw wrongType(`${key}.content`, 'a string', content, where);
  if (role === 'assistant') requireText(content, `${key}.content`, where);
  const whole =
    typeof reasoning === 'string' && reasoning !== '' ? joinReasoning({ text: content, reasoning }) : content;
  return { role: role as Message['role'], content: whole };
}

function requireAssistant(turns: readonly Message[], key: string, where: string): void {
  if (turns.some((turn) => turn.role === 'assistant')) return;
  const got = `the roles ${turns.map((turn) => turn.role).join(', ')}`;
  throw new DataError({ where, what: `${key} has no assistant turn to learn from`, got });
}

function requireText(text: string, key: string, where: string): void {
  if (text.trim() === '') throw new DataError({ where, what: `${key} is empty` });
}

function without(fields: Fields, ...keys: string[]): ExtraKeys {
  return Object.fromEntries(Object.entries(fields).filter(([key]) => !keys.includes(key)));
}

function wrongType(key: string, expected: string, got: unknown, where: string): DataError {
  return new DataError({ where, what: `${key} has the wrong type`, expected, got: kindOf(got) });
}

/** Keys of other projects' formats, and what to do about them. */
const RELATIVES: Readonly<Record<string, string>> = {
  conversations: 'rename conversations to messages, from/value to role/content, human/gpt to user/assistant',
  instruction: 'rename instruction to prompt and output to completion',
  question: 'rename question to prompt and answer to completion',
  response: 'rename response to completion',
};

function unknownShape(fields: Fields, expected: string, where: string): DataError {
  const keys = Object.keys(fields);
  const relative = keys.find((key) => Object.hasOwn(RELATIVES, key));
  return new DataError({
    where,
    what: 'unknown kind of row',
    expected: `the keys ${expected}`,
    got: keys.length === 0 ? 'an empty object' : keys.slice(0, 8).join(', '),
    next: relative && RELATIVES[relative],
  });
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  return `the ${typeof value} ${JSON.stringify(value).slice(0, 40)}`;
}
