/**
 * Tools in rows: what may be called, and what an assistant turn calls.
 *
 * Tools reach the chat template as they stand, which is what transformers does. Calls come in OpenAI's
 * form, without its wrapping, or in the older one (`function_call`), with arguments as an object or as
 * JSON text; all become one form.
 */
import { DataError } from '../errors.js';
import type { ToolCall, ToolSchema } from '../values/conversation.js';
import { accountForTurn, type Fields, isEmpty, type Reading } from './row-keys.js';

/** The keys of a row that hold tools. */
export const TOOL_KEYS: readonly string[] = ['tools', 'functions'];

/** The tools of a row: `tools`, or the older `functions`; undefined for none. @throws DataError */
export function toolsOf({ tools, functions }: Fields, { where }: Reading): readonly ToolSchema[] | undefined {
  if (isEmpty(tools) && isEmpty(functions)) return undefined;
  if (!isEmpty(tools) && !isEmpty(functions)) {
    throw new DataError({
      where,
      what: 'the row has tools twice',
      next: 'keep tools, remove functions',
    });
  }
  const [key, value] = isEmpty(tools) ? ['functions', functions] : ['tools', tools];
  const listed = fromJson(value, key as string, where);
  if (!Array.isArray(listed)) throw noTool(key as string, where);
  const schemas = listed.map((given, i): ToolSchema => {
    const place = `${key}[${i}]`;
    const tool = fromJson(given, place, where);
    if (!isObject(tool) || nameOf(tool) === undefined) throw noTool(place, where);
    return key === 'tools' ? tool : { type: 'function', function: tool };
  });
  return schemas.length === 0 ? undefined : schemas;
}

/** Keys of a tool as a template sees it. */
export function nameOf(tool: ToolSchema): string | undefined {
  const { name } = (isObject(tool.function) ? tool.function : tool) as Fields;
  return typeof name === 'string' && name !== '' ? name : undefined;
}

/** What an assistant turn calls. @param place e.g. `messages[2]`. @throws DataError */
export function callsOf(
  { tool_calls: calls, function_call: older }: Fields,
  place: string,
  at: Reading,
): readonly ToolCall[] {
  const { where } = at;
  const listed = isEmpty(calls) ? [] : fromJson(calls, `${place}.tool_calls`, where);
  if (!Array.isArray(listed)) throw noCall(`${place}.tool_calls`, where);
  const read = listed.map((call, i) => callOf(call, `${place}.tool_calls[${i}]`, at));
  return isEmpty(older) ? read : [...read, callOf(older, `${place}.function_call`, at)];
}

const CALL = ['name', 'arguments'];

function callOf(value: unknown, place: string, at: Reading): ToolCall {
  const { where } = at;
  if (!isObject(value)) throw noCall(place, where);
  const said = isObject(value.function) ? value.function : value;
  accountForTurn(value, ['id', 'type', 'index', ...(said === value ? CALL : ['function'])], place, at);
  if (said !== value) accountForTurn(said, CALL, `${place}.function`, at);
  const { name, arguments: given } = said;
  if (typeof name !== 'string' || name === '') throw noCall(place, where);
  const id = typeof value.id === 'string' ? value.id : '';
  return { id, name, arguments: argumentsOf(given, `${place}: arguments`, where) };
}

function argumentsOf(given: unknown, place: string, where: string): string {
  if (given === undefined || given === null || given === '') return '{}';
  if (isObject(fromJson(given, place, where))) return typeof given === 'string' ? given : spacedJson(given);
  throw new DataError({
    where,
    what: `${place} are not an object`,
    expected: 'an object, or JSON text of one',
  });
}

/** JSON with a space after `:` and `,`, as Python and with it chat templates write it. */
function spacedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spacedJson).join(', ')}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, x]) => `${JSON.stringify(key)}: ${spacedJson(x)}`);
  return `{${entries.join(', ')}}`;
}

/** Tables often hold nested values as JSON text. */
function fromJson(value: unknown, place: string, where: string): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch (cause) {
    throw new DataError({ where, what: `${place} is text, but not JSON (${(cause as Error).message})` });
  }
}

/** A JSON object, or JSON text of one; undefined for none. @throws DataError */
export function objectOf(value: unknown, place: string, where: string): Fields | undefined {
  if (isEmpty(value)) return undefined;
  const read = fromJson(value, place, where);
  if (isObject(read)) return read;
  throw new DataError({ where, what: `${place} has the wrong type`, expected: 'an object' });
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function noTool(place: string, where: string): DataError {
  const expected = 'a list of {type: "function", function: {name, description, parameters}}';
  return new DataError({ where, what: `${place} is not a tool`, expected });
}

function noCall(place: string, where: string): DataError {
  const expected = '{type: "function", function: {name, arguments}}';
  return new DataError({ where, what: `${place} is not a tool call`, expected });
}
