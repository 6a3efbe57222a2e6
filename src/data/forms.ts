/**
 * The forms that other tools have rows in, as those of parse-row.ts.
 *
 * ShareGPT: `conversations` of `{from, value}`. Alpaca: `instruction`, `input`, `output`, with `system` and `history`.
 * Both may have `chosen` and `rejected` instead of an answer (LLaMA-Factory). Turns of `{from, value}` are read
 * wherever turns stand.
 */
import { DataError } from '../errors.js';
import { rowOfCells } from './cells.js';
import type { Cells } from './files/read-file.js';
import { kindOf, requireText, wrongType } from './parse-turn.js';
import { type Fields, isEmpty, type UnreadKeys } from './row-keys.js';
import type { RowForm } from './source.js';

/** Keys that make a row what it is, by form: one of each group has to be there. */
const NEEDED: Readonly<Record<RowForm, readonly (readonly string[])[]>> = {
  messages: [['messages']],
  sharegpt: [['conversations', 'conversation', 'messages']],
  completion: [['prompt'], ['completion']],
  alpaca: [['instruction'], ['output', 'chosen']],
  text: [['text']],
  preference: [['chosen'], ['rejected']],
  kto: [['completion', 'messages', 'conversations', 'conversation', 'output'], ['label']],
};
/** Further keys of a form that are keys of another as well. */
const ALSO: Readonly<Partial<Record<RowForm, readonly string[]>>> = {
  sharegpt: ['chosen', 'rejected'],
  alpaca: ['rejected', 'input', 'history'],
  preference: ['prompt', 'conversations', 'conversation', 'messages', 'instruction', 'input', 'history'],
  kto: ['prompt', 'instruction', 'input', 'history'],
};
/** All of them: what a row of another form must not be read by. */
const ALL = new Set([...Object.values(NEEDED).flat(2), ...Object.values(ALSO).flat()]);

/** How a source says that its rows are to be read. */
export interface FormOptions {
  readonly form?: RowForm;
  readonly cells: Cells;
  /** Whether only prompts are wanted, so that an answer may be missing. */
  readonly promptsOnly?: boolean;
}

/**
 * A row in the keys that parse-row.ts reads; values that are no objects as they are.
 *
 * @throws DataError when it is not of the form that the source names, or its turns cannot be told
 */
export function standardRow(value: unknown, where: string, how: FormOptions, unread: UnreadKeys): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const { form, cells, promptsOnly = false } = how;
  const given =
    form === undefined ? (value as Fields) : onlyOf(form, value as Fields, where, unread, promptsOnly);
  const fields = withTurns(rowOfCells(given, cells, form === 'kto', where), where);
  if (form === 'kto' && !promptsOnly && typeof fields.label !== 'boolean') {
    throw wrongType('label', 'true or false, or 1 or 0', fields.label, where);
  }
  if (form === 'sharegpt' || (form !== 'messages' && hasConversations(fields))) return fromShareGpt(fields);
  if (form === 'alpaca' || isAlpaca(fields)) return fromAlpaca(fields, where, promptsOnly);
  return fields;
}

/** Whether a row says that its answer is wanted or unwanted, as KTO has it; undefined for other rows. */
export function labelOf(value: unknown): boolean | undefined {
  const { label, completion, messages } = Object(value) as Fields;
  return typeof label === 'boolean' && (completion ?? messages) !== undefined ? label : undefined;
}

/** A row without its label. */
export function withoutLabel({ label: _, ...fields }: Fields): Fields {
  return fields;
}

function onlyOf(
  form: RowForm,
  fields: Fields,
  where: string,
  unread: UnreadKeys,
  promptsOnly: boolean,
): Fields {
  const missing = NEEDED[form].find((keys) => !keys.some((name) => name in fields));
  const isAnswer = missing?.some((name) => ['output', 'completion', 'chosen', 'label'].includes(name));
  if (missing !== undefined && !(promptsOnly && isAnswer)) {
    throw new DataError({
      where,
      what: `not a row of type ${form}: it has no ${missing.join(' or ')}`,
      got: Object.keys(fields).slice(0, 12).join(', '),
      next: `correct type, or say which column it is: columns: {${missing[0]}: …}`,
    });
  }
  const own = new Set([...NEEDED[form].flat(), ...(ALSO[form] ?? [])]);
  const entries = Object.entries(fields).filter(([key, value]) => {
    const isOther = ALL.has(key) && !own.has(key);
    if (isOther && !isEmpty(value)) unread.add(key);
    return !isOther;
  });
  return Object.fromEntries(entries);
}

const TURN_KEYS = ['messages', 'conversations', 'conversation', 'prompt', 'completion', 'chosen', 'rejected'];

/** Every list of `{from, value}` as turns; one turn alone, where an answer stands, as a list. */
function withTurns(fields: Fields, where: string): Fields {
  const changed = TURN_KEYS.flatMap((key) => {
    const value = transposed(fields[key]);
    if (Array.isArray(value)) return [[key, value.map((turn, i) => turnOf(turn, `${key}[${i}]`, where))]];
    const isAnswer = key !== 'messages' && typeof value === 'object' && value !== null;
    return isAnswer ? [[key, [turnOf(value, key, where)]]] : [];
  });
  return changed.length === 0 ? fields : { ...fields, ...Object.fromEntries(changed) };
}

/** `{role: [a, b], content: [c, d]}`, as older versions of `datasets` store lists of turns, as such a list. */
function transposed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const columns = Object.entries(value);
  const [, first] = columns[0] ?? [];
  if (!Array.isArray(first)) return value;
  const areEven = columns.every(([, list]) => Array.isArray(list) && list.length === first.length);
  if (!areEven) return value;
  return first.map((_, i) =>
    Object.fromEntries(columns.flatMap(([key, list]) => (list[i] === null ? [] : [[key, list[i]]]))),
  );
}

/** Who speaks, by the names that ShareGPT and its relatives use. */
const SPEAKERS: Readonly<Record<string, string>> = {
  human: 'user',
  user: 'user',
  gpt: 'assistant',
  chatgpt: 'assistant',
  bing: 'assistant',
  bard: 'assistant',
  model: 'assistant',
  assistant: 'assistant',
  system: 'system',
  tool: 'tool',
  observation: 'tool',
  function_response: 'tool',
  tool_response: 'tool',
  function_call: 'assistant',
};

function turnOf(turn: unknown, place: string, where: string): unknown {
  if (typeof turn !== 'object' || turn === null || !('from' in turn) || 'role' in turn) return turn;
  const { from, value, ...rest } = turn as Fields;
  const role = typeof from === 'string' && Object.hasOwn(SPEAKERS, from) ? SPEAKERS[from] : undefined;
  if (role === undefined) {
    const expected = Object.keys(SPEAKERS).join(', ');
    throw new DataError({ where, what: `${place}.from is unknown`, expected, got: kindOf(from) });
  }
  if (from === 'function_call')
    return { ...rest, role, content: null, tool_calls: callsOf(value, place, where) };
  return 'content' in rest ? { ...rest, role } : { ...rest, role, content: value };
}

function callsOf(value: unknown, place: string, where: string): unknown[] {
  try {
    const calls: unknown = typeof value === 'string' ? JSON.parse(value) : value;
    return (Array.isArray(calls) ? calls : [calls]).map((call) => ({ type: 'function', function: call }));
  } catch (cause) {
    const expected = 'the call as JSON: {"name": …, "arguments": …}';
    throw new DataError(
      { where, what: `${place}.value is no call of a tool`, expected, got: kindOf(value) },
      { cause },
    );
  }
}

const hasConversations = ({ messages, conversations, conversation }: Fields): boolean =>
  isEmpty(messages) && (Array.isArray(conversations) || Array.isArray(conversation));

function fromShareGpt({ conversations, conversation, ...fields }: Fields): Fields {
  const turns = conversations ?? conversation ?? fields.messages;
  if (isEmpty(fields.chosen) || isEmpty(fields.rejected)) return { ...fields, messages: turns };
  const { messages: _, ...rest } = fields;
  return { ...rest, prompt: turns };
}

function isAlpaca({ instruction, output, chosen, rejected, ...fields }: Fields): boolean {
  if (
    typeof instruction !== 'string' ||
    ['messages', 'prompt', 'text'].some((key) => !isEmpty(fields[key]))
  ) {
    return false;
  }
  return output !== undefined || (!isEmpty(chosen) && !isEmpty(rejected));
}

function fromAlpaca(fields: Fields, where: string, promptsOnly: boolean): Fields {
  const { instruction, input, output, history, ...rest } = fields;
  const parts = [text(instruction, 'instruction', where), isEmpty(input) ? '' : text(input, 'input', where)];
  const asked = parts.filter((part) => part.trim() !== '').join('\n');
  requireText(asked, 'instruction', where);
  const turns = [...earlier(history, where), { role: 'user', content: asked }];
  if (!isEmpty(rest.chosen) && !isEmpty(rest.rejected)) return { ...rest, prompt: turns };
  if (promptsOnly) return { ...rest, prompt: turns };
  const answer = text(output, 'output', where);
  requireText(answer, 'output', where);
  return { ...rest, messages: [...turns, { role: 'assistant', content: answer }] };
}

/** Earlier turns: pairs of what was asked and answered. */
function earlier(history: unknown, where: string): { role: string; content: string }[] {
  if (isEmpty(history)) return [];
  if (!Array.isArray(history)) throw wrongType('history', 'a list of [question, answer]', history, where);
  return history.flatMap((pair: unknown, i) => {
    const place = `history[${i}]`;
    if (!Array.isArray(pair) || pair.length !== 2) {
      throw wrongType(place, 'two texts, [question, answer]', pair, where);
    }
    return [
      { role: 'user', content: text(pair[0], `${place}[0]`, where) },
      { role: 'assistant', content: text(pair[1], `${place}[1]`, where) },
    ];
  });
}

function text(value: unknown, key: string, where: string): string {
  if (typeof value !== 'string') throw wrongType(key, 'a string', value, where);
  return value;
}
