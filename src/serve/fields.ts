/**
 * The fields of a request that this server does not act on: which of them may pass, and what no value
 * may be.
 *
 * A field that would change the answer passes only with a value that changes nothing. A field that
 * nobody knows is most likely a slip of the pen, and to ignore it would mislead: it is refused as well.
 */
import { nearestName } from '../train/config/nearest.js';
import { type ApiError, badRequest } from './errors.js';

/** Fields that change nothing about the answer. */
const HARMLESS: ReadonlySet<string> = new Set([
  ...['user', 'metadata', 'store', 'service_tier', 'safety_identifier'],
  ...['prompt_cache_key', 'prompt_cache_retention', 'prompt_cache_options', 'cache_prompt'],
  ...['request_id', 'priority', 'keep_alive'],
]);

/** Stands for `{}` and `[]`. */
const EMPTY = Symbol('empty');

/** Fields that would change the answer, and the values that change nothing; null always passes. */
const UNSUPPORTED: Readonly<Record<string, readonly unknown[]>> = {
  // OpenAI's
  logit_bias: [EMPTY],
  presence_penalty: [0],
  frequency_penalty: [0],
  reasoning_effort: [],
  verbosity: ['medium'],
  audio: [EMPTY],
  prediction: [EMPTY],
  // `{}` asks for a search
  web_search_options: [],
  functions: [EMPTY],
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
  stop_token_ids: [EMPTY],
  echo: [false],
  add_generation_prompt: [true],
  continue_final_message: [false],
  skip_special_tokens: [true],
  include_stop_str_in_output: [false],
  chat_template: [],
  chat_template_kwargs: [EMPTY],
  grammar: [],
  json_schema: [EMPTY],
};

const LEAVE = 'leave it out';
/** A longer name is not a slip of the pen. */
const LONGEST_NAME = 64;
/** Deeper values are nobody's tools; what reads them, and writes them into prompts, recurses. */
const DEEPEST = 64;
/** Read by characters, so that a pair is none. */
const LONE = /\p{Surrogate}/u;

/**
 * @param acted fields that the server acts on
 * @throws ApiError 400 that names the first field that is not honoured
 */
export function requireFields(body: object, acted: readonly string[]): void {
  const known = new Set(acted);
  for (const [field, value] of Object.entries(body)) {
    if (value === null || known.has(field) || HARMLESS.has(field)) continue;
    if (field === 'modalities') requireWords(value);
    else if (!Object.hasOwn(UNSUPPORTED, field)) throw unknownField([field], acted);
    else if (!UNSUPPORTED[field].includes(isEmpty(value) ? EMPTY : value)) throw unsupported(field, LEAVE);
  }
}

/** The first key that is not known and says something: null passes. */
export function unknownKey(value: object, known: ReadonlySet<string>): string | undefined {
  return Object.keys(value).find((key) => !known.has(key) && value[key as keyof object] !== null);
}

/**
 * @param path  of the field in the body
 * @param acted fields of the same place that the server acts on: one of them may have been meant
 */
export function unknownField(path: readonly PropertyKey[], acted: readonly string[]): ApiError {
  const field = String(path.at(-1));
  const nearest = field.length > LONGEST_NAME ? undefined : nearestName(field, acted);
  const hint = nearest === undefined ? LEAVE : `did you mean ${nearest}?`;
  const name = [...path.slice(0, -1), field.slice(0, LONGEST_NAME)].join('.');
  return badRequest(`${name} is not a field that this server knows; ${hint}`, name, 'unknown_parameter');
}

/**
 * @throws ApiError 400 where a field's value is nested deeper than anything that a caller means, or holds
 *         half a character, which no model can be shown as it came
 */
export function requireReadable(body: object): void {
  for (const [field, value] of Object.entries(body)) {
    const name = field.slice(0, LONGEST_NAME);
    let level = [value];
    for (let depth = 0; level.length > 0; depth++) {
      if (depth > DEEPEST) {
        throw badRequest(`${name}: values may be nested ${DEEPEST} deep`, name, 'nested_too_deep');
      }
      if (level.some(isBroken)) {
        throw badRequest(`${name}: a text holds a lone surrogate, half a character`, name, 'invalid_unicode');
      }
      level = level.flatMap(inner);
    }
  }
}

function isBroken(value: unknown): boolean {
  return typeof value === 'string' && LONE.test(value);
}

/** Checks an object's keys as well: the model may be shown them. */
function inner(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Array.isArray(value) ? value : [...Object.keys(value), ...Object.values(value)];
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
