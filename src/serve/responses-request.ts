/**
 * The body of `/v1/responses`, as OpenAI's clients and agents send it, read as the chat completion that it amounts
 * to: the same things are honoured, refused or without effect (chat-request.ts, fields.ts).
 *
 * Nothing is stored: what refers to a stored response or conversation is refused.
 */
import { fieldsOf, listOf } from '../zero-shot/chat-wire.js';
import { type ChatRequest, type RequestLimits, readChatRequest } from './chat-request.js';
import { ApiError, badRequest } from './errors.js';
import { unknownField } from './fields.js';

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
  reasoning: (value) => Object.values(fieldsOf(value)).every((one) => one === null),
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
  const turns = typeof input === 'string' ? [{ role: 'user', content: input }] : turnsOf(input);
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
    throw error instanceof ApiError ? inWordsOfResponses(error, system.length) : error;
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
  const about = fieldsOf(body.stream_options);
  const unknown = Object.keys(about).find((key) => key !== 'include_obfuscation');
  if (unknown !== undefined) throw unknownField(['stream_options', unknown], ['include_obfuscation']);
}
const STORED = new Set(['previous_response_id', 'conversation', 'prompt']);

/** Items as turns of a chat: what an assistant says and calls in a row is one turn. */
function turnsOf(input: unknown): Record<string, unknown>[] {
  if (!Array.isArray(input) || input.length === 0) {
    throw badRequest('input: expected a text, or items, at least one', 'input');
  }
  const turns: Record<string, unknown>[] = [];
  for (const [i, item] of input.entries()) {
    const { type = 'message', ...fields } = fieldsOf(item);
    switch (type) {
      case 'message': {
        const { status: _, phase: __, content, ...rest } = fields;
        turns.push({ ...rest, content: partsOf(content, i) });
        break;
      }
      case 'function_call': {
        const { call_id: id, name, arguments: given } = fields;
        const call = { id, type: 'function', function: { name, arguments: given } };
        const last = turns.at(-1);
        if (last?.role === 'assistant') last.tool_calls = [...listOf(last.tool_calls), call];
        else turns.push({ role: 'assistant', content: null, tool_calls: [call] });
        break;
      }
      case 'function_call_output': {
        const { call_id: id, output } = fields;
        turns.push({ role: 'tool', tool_call_id: id, content: partsOf(output, i) });
        break;
      }
      // the model does not see its reasoning again
      case 'reasoning':
        break;
      default: {
        const what = `input.${i}.type: items of type ${String(type).slice(0, 40)} are not read here`;
        throw badRequest(what, `input.${i}.type`, 'unsupported_parameter');
      }
    }
  }
  return turns;
}

const TEXT_PARTS = new Set(['input_text', 'output_text', 'text']);

function partsOf(content: unknown, item: number): unknown {
  if (!Array.isArray(content)) return content;
  return content.map((part) => {
    const { type, text, refusal } = fieldsOf(part);
    if (TEXT_PARTS.has(String(type))) return { type: 'text', text };
    if (type === 'refusal') return { type: 'text', text: refusal };
    const what = `input.${item}.content: expected parts of text, got ${String(type).slice(0, 40)}`;
    throw badRequest(what, `input.${item}.content`);
  });
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
  const { format, verbosity, ...others } = fieldsOf(text);
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw unknownField(['text', unknown], ['format', 'verbosity']);
  const { type, ...schema } = fieldsOf(format);
  const asChat = type === 'json_schema' ? { type, json_schema: schema } : format;
  return {
    ...(format == null ? {} : { response_format: asChat }),
    ...(verbosity == null ? {} : { verbosity }),
  };
}

/** An error about the chat completion, in the words of the request that it came from. */
function inWordsOfResponses(error: ApiError, added: number): ApiError {
  const rename = (text: string) =>
    text
      .replace(/^messages\.(\d+)/, (_, i: string) => `input.${Math.max(0, Number(i) - added)}`)
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
