/**
 * The body of `/v1/responses`, as OpenAI's clients and agents send it, read as the chat completion that it amounts
 * to: the same things are honoured, refused or without effect (chat-request.ts, fields.ts).
 *
 * Nothing is stored: what refers to a stored response or conversation is refused.
 */
import { fieldsOf, listOf } from '../zero-shot/chat-wire.js';
import { type ChatRequest, type RequestLimits, readChatRequest } from './chat-request.js';
import { ApiError, badRequest } from './errors.js';
import { unknownField, unknownKey } from './fields.js';

export interface ResponsesRequest {
  readonly chat: ChatRequest;
  /** What a response repeats of its request. */
  readonly echo: Readonly<Record<string, unknown>>;
}

type Json = Readonly<Record<string, unknown>>;

/** Fields of the same name and meaning. */
const SAME = ['model', 'temperature', 'top_p', 'top_k', 'seed', 'stop', 'parallel_tool_calls', 'conscience'];
const SAME_AS_CHAT = [...SAME, 'stream', 'user', 'metadata', 'store', 'service_tier', 'safety_identifier'];
/** Fields that this file translates. */
const TRANSLATED = [
  'input',
  'instructions',
  'max_output_tokens',
  'tools',
  'tool_choice',
  'text',
  'stream_options',
];
const CACHES = ['prompt_cache_key', 'prompt_cache_retention', 'prompt_cache_options'];
/** Values that change nothing; everything else of these is refused. */
const UNSUPPORTED: Readonly<Record<string, (value: unknown) => boolean>> = {
  background: (value) => value === false,
  include: (value) => listOf(value).length === 0 && Array.isArray(value),
  reasoning: (value) => isObject(value) && Object.values(value).every((one) => one === null),
  truncation: (value) => value === 'disabled',
  top_logprobs: (value) => value === 0,
  previous_response_id: () => false,
  conversation: () => false,
  prompt: () => false,
  max_tool_calls: () => false,
  context_management: () => false,
};

/**
 * @param header the policy in `x-conscience-policy`, where it is there
 * @throws ApiError 400 that names the field
 */
export function readResponsesRequest(
  body: unknown,
  header: string | undefined,
  limits: RequestLimits,
): ResponsesRequest {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw badRequest('The body is not a JSON object.', undefined, 'invalid_json');
  }
  const given = body as Json;
  requireFields(given);
  const { input, instructions, max_output_tokens: maxTokens, tools, tool_choice: choice, text } = given;
  const { turns, items } = typeof input === 'string' ? ofText(input) : turnsOf(input);
  const system = instructions == null ? [] : [{ role: 'system', content: instructions }];
  const chat: Record<string, unknown> = {
    ...Object.fromEntries(SAME_AS_CHAT.flatMap((key) => (key in given ? [[key, given[key]]] : []))),
    messages: [...system, ...turns],
    max_tokens: maxTokens,
    ...(tools == null ? {} : { tools: toolsOf(tools) }),
    ...(choice == null ? {} : { tool_choice: choiceOf(choice) }),
    ...textOf(text),
  };
  for (const [key, value] of Object.entries(chat)) if (value === undefined) delete chat[key];
  try {
    const read = readChatRequest(chat, header, limits);
    return { chat: read, echo: echoOf(given, read) };
  } catch (error) {
    throw error instanceof ApiError ? inWordsOfResponses(error, { items, added: system.length }) : error;
  }
}

function requireFields(body: Json): void {
  const acted = [...SAME, 'stream', ...TRANSLATED];
  const known = new Set([...acted, ...SAME_AS_CHAT, ...CACHES]);
  for (const [field, value] of Object.entries(body)) {
    if (value === null || known.has(field)) continue;
    if (!Object.hasOwn(UNSUPPORTED, field)) throw unknownField([field], acted);
    if (UNSUPPORTED[field](value)) continue;
    const next = STORED.has(field) ? 'nothing is stored here; send the turns as input' : 'leave it out';
    throw badRequest(`${field} is not supported by this server; ${next}`, field, 'unsupported_parameter');
  }
  const about = objectOf(body.stream_options, 'stream_options');
  const unknown = Object.keys(about).find((key) => key !== 'include_obfuscation');
  if (unknown !== undefined) throw unknownField(['stream_options', unknown], ['include_obfuscation']);
}
const STORED = new Set(['previous_response_id', 'conversation', 'prompt']);

interface Turns {
  readonly turns: readonly Record<string, unknown>[];
  /** For each turn, the number of the item that it came from, and those of its calls. */
  readonly items: readonly { readonly turn: number; readonly calls: number[] }[];
}

const ofText = (content: string): Turns => ({ turns: [{ role: 'user', content }], items: [] });

/** Items as turns of a chat: what an assistant says and calls in a row is one turn. */
function turnsOf(input: unknown): Turns {
  if (!Array.isArray(input) || input.length === 0) {
    throw badRequest('input: expected a text, or items, at least one', 'input');
  }
  const turns: Record<string, unknown>[] = [];
  const items: { turn: number; calls: number[] }[] = [];
  for (const [i, item] of input.entries()) {
    const { type = 'message', ...fields } = objectOf(item, `input.${i}`);
    switch (type) {
      case 'message': {
        const { status: _, phase: __, content, ...rest } = fields;
        turns.push({ ...rest, content: partsOf(content, `input.${i}.content`) });
        break;
      }
      case 'function_call': {
        requireKnown(fields, ['call_id', 'name', 'arguments'], `input.${i}`);
        const { call_id: id, name, arguments: given } = fields;
        const call = { id, type: 'function', function: { name, arguments: given } };
        const last = turns.at(-1);
        if (last?.role === 'assistant') {
          last.tool_calls = [...listOf(last.tool_calls), call];
          items.at(-1)!.calls.push(i);
          continue;
        }
        turns.push({ role: 'assistant', content: null, tool_calls: [call] });
        items.push({ turn: i, calls: [i] });
        continue;
      }
      case 'function_call_output': {
        requireKnown(fields, ['call_id', 'output'], `input.${i}`);
        const { call_id: id, output } = fields;
        turns.push({ role: 'tool', tool_call_id: id, content: partsOf(output, `input.${i}.output`) });
        break;
      }
      // the model does not see its reasoning again
      case 'reasoning':
        continue;
      default: {
        const what = `input.${i}.type: items of type ${String(type).slice(0, 40)} are not read here`;
        throw badRequest(what, `input.${i}.type`, 'unsupported_parameter');
      }
    }
    items.push({ turn: i, calls: [] });
  }
  return { turns, items };
}

const TEXT_PARTS = new Set(['input_text', 'output_text', 'text']);

/** @param at place of the content in the body */
function partsOf(content: unknown, at: string): unknown {
  if (!Array.isArray(content)) return content;
  return content.map((part) => {
    // log-probabilities are those of an answer that comes back as input
    const { type, text, refusal, logprobs: _, ...rest } = fieldsOf(part);
    if (TEXT_PARTS.has(String(type))) return { type: 'text', text, ...rest };
    if (type === 'refusal') return { type: 'text', text: refusal, ...rest };
    throw badRequest(`${at}: expected parts of text, got ${String(type).slice(0, 40)}`, at);
  });
}

/** Keys that items have beside what they say. */
const OF_ITEMS = ['id', 'status'];

/** @throws ApiError 400 for a key of an item that is not read @param at place of the item in the body */
function requireKnown(fields: Json, acted: readonly string[], at: string): void {
  const key = unknownKey(fields, new Set([...acted, ...OF_ITEMS]));
  if (key !== undefined) throw unknownField([at, key], acted);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @returns none for null @throws ApiError 400 for what is no object @param at its place in the body */
function objectOf(value: unknown, at: string): Json {
  if (value === undefined || value === null) return {};
  if (isObject(value)) return value;
  throw badRequest(`${at}: expected an object, got ${JSON.stringify(value).slice(0, 40)}`, at);
}

function toolsOf(tools: unknown): unknown {
  if (!Array.isArray(tools)) return tools;
  return tools.map((tool, i) => {
    const { type, ...about } = fieldsOf(tool);
    if (type === 'function') return { type, function: about };
    const what = `tools.${i}.type: this server has no tools of its own; expected function`;
    throw badRequest(what, `tools.${i}.type`, 'unsupported_parameter');
  });
}

function choiceOf(choice: unknown): unknown {
  const { type, ...about } = fieldsOf(choice);
  return type === 'function' ? { type, function: about } : choice;
}

/** `text.format` as `response_format`, `text.verbosity` as `verbosity`. */
function textOf(text: unknown): Record<string, unknown> {
  const { format, verbosity, ...others } = objectOf(text, 'text');
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw unknownField(['text', unknown], ['format', 'verbosity']);
  const { type, ...schema } = objectOf(format, 'text.format');
  const asChat = type === 'json_schema' ? { type, json_schema: schema } : format;
  return {
    ...(format == null ? {} : { response_format: asChat }),
    ...(verbosity == null ? {} : { verbosity }),
  };
}

/**
 * An error about the chat completion, in the words of the request that it came from.
 *
 * @param added turns before those of the items: the instructions
 */
function inWordsOfResponses(
  error: ApiError,
  { items, added }: Pick<Turns, 'items'> & { readonly added: number },
): ApiError {
  const place = (_: string, turn: string, call?: string) => {
    const from = items[Number(turn) - added];
    if (Number(turn) < added) return 'instructions';
    if (from === undefined) return 'input';
    return `input.${call === undefined ? from.turn : (from.calls[Number(call)] ?? from.turn)}`;
  };
  const rename = (text: string) =>
    text
      .replace(/^(messages\.\d+\.tool_calls\.\d+)\.id\b/, '$1.call_id')
      .replace(/^messages\.(\d+)(?:\.tool_calls\.(\d+))?(?:\.function)?/, place)
      .replace(/^(instructions|input)\.content\b/, '$1')
      .replace(/^(input\.\d+)\.tool_call_id\b/, '$1.call_id')
      .replace(/^messages\b/, 'input')
      .replace(/^max_tokens\b/, 'max_output_tokens')
      .replace(/^response_format\b/, 'text.format')
      .replace(/^verbosity\b/, 'text.verbosity')
      .replace(/^(tools\.\d+|tool_choice)\.function\b/, '$1');
  const { status, type, code, param, message, retryAfterSeconds } = error;
  return new ApiError(status, {
    ...{ type, code, message: rename(message), retryAfterSeconds },
    ...(param === null ? {} : { param: rename(param) }),
  });
}

function echoOf(given: Json, { options }: ChatRequest): Record<string, unknown> {
  return {
    instructions: given.instructions ?? null,
    max_output_tokens: given.max_output_tokens ?? null,
    metadata: given.metadata ?? {},
    parallel_tool_calls: true,
    temperature: options.temperature ?? 1,
    text: given.text ?? { format: { type: 'text' } },
    tool_choice: given.tool_choice ?? 'auto',
    tools: given.tools ?? [],
    top_p: options.topP ?? 1,
    user: given.user ?? null,
  };
}
