/**
 * What an endpoint's refusal means, in one line that a person can act on.
 *
 * The server's own words are passed on, shortened, without markup and without the key.
 */
import { RemoteError } from '../../errors.js';
import { retryAfter } from '../backoff.js';
import { excerpt, messageOf, networkCode, redact, serverWords } from '../server-words.js';

/** A failed attempt. */
export interface Failed {
  readonly error: RemoteError;
  /** Another attempt may succeed. */
  readonly again: boolean;
  /** Wait that the endpoint asks for, milliseconds. */
  readonly after?: number;
}

/** Where the request went and what must not be said. */
export interface Target {
  /** e.g. `gpt-4o at api.openai.com`. */
  readonly name: string;
  readonly key?: string;
  /** The variable that holds the key, or would. */
  readonly keyVariable: string;
}

/** A refusal by status. 404 is told apart by the caller, who can ask for the models. */
export function refusal(status: number, body: string, headers: Headers, target: Target, now: number): Failed {
  const said = messageOf(body);
  const words = serverWords(body, target.key);
  const got = words === '' ? `status ${status}` : `status ${status}: ${words}`;
  const where = target.name;
  const after = retryAfter(headers, now);
  const asked = status >= 400 && status < 500 && status !== 401 && status !== 402 && status !== 429;
  if (asked && /log_?probs|log.?probabilit/i.test(said))
    return { error: noLogprobs(where, got, undefined, status, ABOUT_FIELD.test(said)), again: false };
  if (status === 401 || status === 403) {
    return { error: new RemoteError('access', { where, ...keyFault(target), got }, status), again: false };
  }
  if (status === 402 || (status === 429 && /insufficient_quota|billing/i.test(body))) {
    const parts = { where, what: 'nothing is left to spend', got, next: 'check the plan of the account' };
    return { error: new RemoteError('rate-limit', parts, status), again: false };
  }
  if (status === 429) {
    const next = 'lower the concurrency or set a limit of requests per minute; finished answers are not lost';
    const parts = { where, what: 'too many requests', got, next };
    return { error: new RemoteError('rate-limit', parts, status), again: true, after };
  }
  if (status === 408 || status >= 500) {
    const parts = { where, what: 'the endpoint fails', got, next: 'look at its log, or try again later' };
    // 501 (no such method) and 505 (HTTP version) stay as they are
    const again = status !== 501 && status !== 505;
    return { error: new RemoteError('server', parts, status), again, after };
  }
  // The protocol has grown: not every endpoint takes every field of it.
  const aboutField = ABOUT_FIELD.test(said);
  const next = aboutField
    ? 'leave out a field that the endpoint refuses with extra, e.g. {"seed": null}'
    : undefined;
  const parts = { where, what: 'refuses the request', got, next };
  const field = aboutField ? fieldOf(body, said) : undefined;
  return { error: new RemoteError('refused', parts, status, field), again: false };
}

function keyFault({ key, keyVariable }: Target): { what: string; next: string } {
  if (key === undefined) {
    return { what: 'needs a key', next: `put a key into the environment variable ${keyVariable}` };
  }
  const next = `check the key in the environment variable ${keyVariable}, and what it may use`;
  return { what: 'refuses the key', next };
}

const ABOUT_FIELD =
  /unsupported|unrecogni[sz]ed|unknown|not support|not permitted|not allowed|not available|unexpected|deprecated/i;

/** Fields that an answer can do without, or that have another name; the longer before what it contains. */
const FIELDS = /\b(max_completion_tokens|max_tokens|temperature|top_p|top_k|seed|stop)\b/;

/** The field that a refusal is about: its `param` (OpenAI), else the first that it names. */
function fieldOf(body: string, said: string): string | undefined {
  return FIELDS.exec(parameterOf(body))?.[1] ?? FIELDS.exec(said)?.[1];
}

function parameterOf(body: string): string {
  try {
    const { param } = (JSON.parse(body) as { error: { param?: unknown } }).error;
    return typeof param === 'string' ? param : '';
  } catch {
    return '';
  }
}

/** No connection, a connection that broke, or no answer in time. */
export function unreachable(cause: unknown, target: Target): RemoteError {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const reason = networkCode(cause) ?? (inner instanceof Error ? inner.message : String(inner));
  const next = 'check that the server runs and that the address is right';
  const what = `cannot be reached (${redact(reason, target.key)})`;
  // Not passed on as a cause: undici's errors may quote a header.
  return new RemoteError('unreachable', { where: target.name, what, next });
}

export function timedOut(seconds: number, { name }: Target): RemoteError {
  const what = `no answer within ${seconds} s`;
  const next = 'raise the timeout, or lower the concurrency where the server is busy';
  return new RemoteError('unreachable', { where: name, what, next });
}

/** An answer that is not in the protocol. */
export function nonsense(expected: string, body: string, target: Target): RemoteError {
  const got = /^\s*</.test(body) ? `a web page (${excerpt(body, target.key)})` : excerpt(body, target.key);
  const next = 'check that the address is that of an OpenAI-compatible endpoint; it usually ends in /v1';
  const parts = { where: target.name, what: 'cannot be understood', expected, got, next };
  return new RemoteError('nonsense', parts);
}

/** What was got where an answer has no log-probabilities. */
export const NONE = 'none';

const WHO_GIVES_LOGPROBS =
  'use an endpoint that gives them (OpenAI, vLLM, llama.cpp, Ollama from 0.12.11), or a local model';

/** Log-probabilities are needed and cannot be had. The error names the field where the endpoint has none at all. */
export function noLogprobs(
  where: string,
  got: string,
  next = WHO_GIVES_LOGPROBS,
  status?: number,
  absent = got === NONE,
): RemoteError {
  const parts = {
    where,
    what: 'gives no log-probabilities that can be used',
    expected: 'choices[0].logprobs.content with top_logprobs',
    got,
    next,
  };
  return new RemoteError('logprobs', parts, status, absent ? 'logprobs' : undefined);
}
