/**
 * What one turn of a row means: who speaks, what is said, reasoned and called, and whether it is learnt.
 *
 * The keys are those of OpenAI's fine-tuning format and of TRL, with the names that other trainers give
 * to the same things (`train` as in Axolotl, `loss` as in ms-swift).
 */
import { DataError } from '../errors.js';
import { joinReasoning, leadingTag } from '../tokenizer/reasoning.js';
import type { Message } from '../values/conversation.js';
import type { Turn } from '../values/rows.js';
import { callsOf } from './parse-tools.js';
import { accountForTurn, type Fields, isEmpty, type Reading } from './row-keys.js';

const ROLES: readonly string[] = ['system', 'user', 'assistant', 'tool'] satisfies Message['role'][];

/** Other names for roles: OpenAI's for a system turn, and its older one for a tool's. */
const ALIASES: Readonly<Record<string, string>> = { developer: 'system', function: 'tool' };

const REASONING = ['reasoning_content', 'thinking', 'reasoning', 'thought', 'thoughts'] as const;
const READ: readonly string[] = [
  ...['role', 'content', 'name', 'tool_calls', 'tool_call_id', 'function_call'],
  ...['weight', 'train', 'training', 'trainable', 'loss'],
  ...REASONING,
];

/** A list of turns. @throws DataError */
export function turnsOf(value: unknown, key: string, at: Reading): readonly Turn[] {
  const { where } = at;
  if (!Array.isArray(value)) throw wrongType(key, 'a list of {role, content}', value, where);
  if (value.length === 0) throw new DataError({ where, what: `${key} is empty` });
  return value.map((turn, i) => turnOf(turn, `${key}[${i}]`, at));
}

function turnOf(value: unknown, place: string, at: Reading): Turn {
  const { where } = at;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrongType(place, 'an object with role and content', value, where);
  }
  const fields = value as Fields;
  const role = roleOf(fields, place, where);
  const { tool_call_id: id, name } = fields;
  const calls = callsOf(fields, place, at);
  if (calls.length > 0 && role !== 'assistant') {
    throw new DataError({ where, what: `${place}: only an assistant turn calls tools`, got: role });
  }
  const text = contentOf(fields, place, calls.length > 0, where);
  if (role === 'assistant' && calls.length === 0) requireText(text, `${place}.content`, where);
  const reasoning = reasoningOf(fields, role, place, where);
  const isLearnt = learntOf(fields, role, place, where);
  accountForTurn(fields, READ, place, at);
  return {
    role,
    content: reasoning === undefined ? text : joinReasoning({ text, reasoning }),
    ...(calls.length === 0 ? {} : { toolCalls: calls }),
    ...(role !== 'tool' || isEmpty(id) ? {} : { toolCallId: textOf(id, `${place}.tool_call_id`, where) }),
    ...(isEmpty(name) ? {} : { name: textOf(name, `${place}.name`, where) }),
    ...(isLearnt ? {} : { loss: false }),
  };
}

function roleOf({ role, ...rest }: Fields, place: string, where: string): Message['role'] {
  const known = typeof role === 'string' && Object.hasOwn(ALIASES, role) ? ALIASES[role] : role;
  if (typeof known === 'string' && ROLES.includes(known)) return known as Message['role'];
  const got = role === undefined ? `the keys ${Object.keys(rest).join(', ')}` : JSON.stringify(role);
  throw new DataError({ where, what: `${place}.role is unknown`, expected: ROLES.join(', '), got });
}

/** Text, or parts of type text. */
function contentOf({ content }: Fields, place: string, calls: boolean, where: string): string {
  if (calls && (content === undefined || content === null)) return '';
  if (!Array.isArray(content)) return textOf(content, `${place}.content`, where);
  const parts = content.map((part, i) => {
    const { type, text } = (part ?? {}) as Fields;
    if (type === 'text' && typeof text === 'string') return text;
    throw new DataError({
      where,
      what: `${place}.content[${i}] cannot be read: this model reads text only`,
      expected: '{type: "text", text}',
      got: typeof type === 'string' ? `type ${type}` : kindOf(part),
    });
  });
  return parts.join('\n');
}

function reasoningOf(fields: Fields, role: string, place: string, where: string): string | undefined {
  const given = REASONING.filter((key) => !isEmpty(fields[key]));
  if (given.length === 0) return undefined;
  const texts = given.map((key) => textOf(fields[key], `${place}.${key}`, where));
  if (role !== 'assistant') {
    throw new DataError({ where, what: `${place}.${given[0]}: only an assistant turn reasons`, got: role });
  }
  const { content } = fields;
  const written = typeof content === 'string' ? leadingTag(content.trimStart()) : undefined;
  if (written || new Set(texts).size > 1) {
    const got = [...given, ...(written ? [`${written.open} in content`] : [])].join(', ');
    throw new DataError({ where, what: `${place} has its reasoning twice`, got, next: 'keep one of them' });
  }
  return texts[0];
}

/** `weight` (OpenAI), `train`, `training` or `trainable` (Axolotl and others), `loss` (ms-swift). */
function learntOf(fields: Fields, role: string, place: string, where: string): boolean {
  const { weight } = fields;
  const said = new Map<string, boolean>();
  if (!isEmpty(weight)) {
    if (weight !== 0 && weight !== 1) throw wrongType(`${place}.weight`, '0 or 1', weight, where);
    said.set('weight', weight === 1);
  }
  for (const key of ['train', 'training', 'trainable', 'loss']) {
    const value = fields[key];
    if (isEmpty(value)) continue;
    if (typeof value !== 'boolean') throw wrongType(`${place}.${key}`, 'true or false', value, where);
    said.set(key, value);
  }
  const answers = [...new Set(said.values())];
  if (answers.length > 1) {
    const got = [...said.keys()].join(', ');
    throw new DataError({ where, what: `${place} is to be learnt and not to be learnt`, got });
  }
  if (answers[0] && role !== 'assistant' && !said.has('weight')) {
    throw new DataError({
      where,
      what: `${place}.${[...said.keys()][0]}: only assistant turns are learnt`,
      got: `a ${role} turn`,
      next: 'remove the key; loss_on: all trains on every turn',
    });
  }
  return answers[0] ?? true;
}

function textOf(value: unknown, key: string, where: string): string {
  if (typeof value !== 'string') throw wrongType(key, 'a string', value, where);
  return value;
}

/** @throws DataError for text of white space alone */
export function requireText(text: string, key: string, where: string): void {
  if (text.trim() === '') throw new DataError({ where, what: `${key} is empty` });
}

export function wrongType(key: string, expected: string, got: unknown, where: string): DataError {
  return new DataError({ where, what: `${key} has the wrong type`, expected, got: kindOf(got) });
}

/** A value in words, e.g. `the number 17`. */
export function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  return `the ${typeof value} ${JSON.stringify(value).slice(0, 40)}`;
}
