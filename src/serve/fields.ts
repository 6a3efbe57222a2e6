/**
 * The fields of a request that this server does not act on: which of them may pass, and how deep its
 * values may lie.
 *
 * A field that would change the answer passes only with a value that changes nothing. A field that
 * nobody knows is most likely a slip of the pen, and its silence would mislead: it is refused, too.
 */
import { nearestName } from '../config/nearest.js';
import { badRequest } from './errors.js';

/** Fields that change nothing about the answer. */
const HARMLESS: ReadonlySet<string> = new Set([
  ...['user', 'metadata', 'store', 'service_tier', 'safety_identifier', 'prediction'],
  ...['prompt_cache_key', 'prompt_cache_retention', 'cache_prompt', 'request_id', 'priority', 'keep_alive'],
]);

/** Fields that would change the answer, and the values that change nothing; null always passes. */
const UNSUPPORTED: Readonly<Record<string, readonly unknown[]>> = {
  // OpenAI's
  n: [1],
  logit_bias: [],
  logprobs: [false],
  top_logprobs: [0],
  presence_penalty: [0],
  frequency_penalty: [0],
  reasoning_effort: [],
  verbosity: ['medium'],
  audio: [],
  web_search_options: [],
  functions: [],
  function_call: ['none', 'auto'],
  // of other servers
  min_p: [0],
  typical_p: [1],
  repetition_penalty: [1],
  repeat_penalty: [1],
  min_tokens: [0],
  best_of: [1],
  use_beam_search: [false],
  ignore_eos: [false],
  stop_token_ids: [],
  echo: [false],
  add_generation_prompt: [true],
  continue_final_message: [false],
  skip_special_tokens: [true],
  include_stop_str_in_output: [false],
  chat_template: [],
  chat_template_kwargs: [],
  grammar: [],
  json_schema: [],
};

/** What is longer is no slip of the pen. */
const LONGEST_NAME = 64;
/** Deeper values are nobody's tools; what reads them, and writes them into prompts, recurses. */
const DEEPEST = 64;

/**
 * @param acted fields that the server acts on
 * @throws ApiError 400 that names the first field that is not honoured
 */
export function requireFields(body: object, acted: readonly string[]): void {
  const known = new Set(acted);
  for (const [field, value] of Object.entries(body)) {
    if (value === null || known.has(field) || HARMLESS.has(field)) continue;
    if (field === 'response_format') requireText(value);
    else if (field === 'modalities') requireWords(value);
    else if (!Object.hasOwn(UNSUPPORTED, field)) throw unknownField(field, acted);
    else if (!isEmpty(value) && !UNSUPPORTED[field].includes(value)) throw unsupported(field, 'leave it out');
  }
}

/** @throws ApiError 400 where a field's value is nested deeper than anything that a caller means */
export function requireShallow(body: object): void {
  for (const [field, value] of Object.entries(body)) {
    let level = [value];
    for (let depth = 0; level.length > 0; depth++) {
      if (depth > DEEPEST) {
        const name = field.slice(0, LONGEST_NAME);
        throw badRequest(`${name}: values may be nested ${DEEPEST} deep`, name, 'nested_too_deep');
      }
      level = level.flatMap(inner);
    }
  }
}

function inner(value: unknown): unknown[] {
  return typeof value === 'object' && value !== null ? Object.values(value) : [];
}

function requireText(value: unknown): void {
  if ((value as { type?: unknown }).type === 'text') return;
  throw unsupported('response_format', 'ask for JSON in the prompt');
}

function requireWords(value: unknown): void {
  if (Array.isArray(value) && value.every((kind) => kind === 'text')) return;
  throw unsupported('modalities', 'this model writes text');
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function unsupported(field: string, next: string) {
  const message = `${field} is not supported by this server; ${next}`;
  return badRequest(message, field, 'unsupported_parameter');
}

function unknownField(field: string, acted: readonly string[]) {
  const nearest = field.length > LONGEST_NAME ? undefined : nearestName(field, acted);
  const hint = nearest === undefined ? 'leave it out' : `did you mean ${nearest}?`;
  const name = field.slice(0, LONGEST_NAME);
  return badRequest(`${name} is no field that this server knows; ${hint}`, name, 'unknown_parameter');
}
