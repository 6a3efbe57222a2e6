/**
 * JSON over HTTP to one endpoint: a limited number of requests at a time, a limited rate,
 * and further attempts where they may help.
 *
 * Knows nothing of what is asked. Every failure leaves as a RemoteError, except an abort,
 * which leaves as the signal's reason.
 */
import pLimit from 'p-limit';
import { secret } from '../../config/environment.js';
import { RemoteError } from '../../errors.js';
import { linked } from '../../signals.js';
import { backoff } from '../backoff.js';
import { messageOf, networkCode, serverWords } from '../server-words.js';
import { type Failed, nonsense, refusal, type Target, timedOut, unreachable } from './failure.js';
import { type Clock, Pace, systemClock } from './pace.js';
import { DEFAULT_KEY_VARIABLE, type RemoteSettings } from './settings.js';

/** A wait longer than this is not waited for. */
const LONGEST_WAIT = 10 * 60_000;

/** Before anything was ever answered these are mistakes, not hiccups. */
const HOPELESS = /^(ECONNREFUSED|ENOTFOUND|.*CERT.*|ERR_TLS.*|UNABLE_TO_.*)$/;

/** What surrounds the requests. All have defaults. */
export interface RemoteHooks {
  /** Ends everything that is asked. */
  readonly signal?: AbortSignal;
  /** Told before each wait for another attempt. */
  readonly onRetry?: (notice: RetryNotice) => void;
  /**
   * Told, once each, what the endpoint does not take, in one sentence.
   * Default: a warning of the process.
   */
  readonly onNotice?: (sentence: string) => void;
  readonly clock?: Clock;
  /** Uniform in [0, 1), for the jitter. */
  readonly random?: () => number;
  /** Instead of the process environment. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface RetryNotice {
  /** Why the last attempt failed. */
  readonly error: RemoteError;
  /** Attempts that have failed. */
  readonly attempts: number;
  readonly waitSeconds: number;
}

export class Endpoint {
  /** Model and host, for messages and the audit trail. Without the key. */
  readonly name: string;
  readonly #target: Target;
  readonly #headers: Record<string, string>;
  private readonly url: URL;
  private readonly hooks: Omit<RemoteHooks, 'env'>;
  private readonly limit;
  private readonly pace: Pace;
  private readonly clock: Clock;
  private answered = false;

  /** @throws RemoteError when the named variable holds no key, or one that cannot be sent */
  constructor(
    private readonly settings: RemoteSettings,
    { env, ...hooks }: RemoteHooks = {},
  ) {
    this.hooks = hooks;
    this.url = new URL(settings.baseUrl);
    this.name = `${settings.model} at ${this.url.host}`;
    const keyVariable = settings.apiKeyVariable ?? DEFAULT_KEY_VARIABLE;
    const key = this.key(keyVariable, env);
    this.#target = { name: this.name, key, keyVariable };
    this.#headers = {
      accept: 'application/json',
      'content-type': 'application/json',
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
    };
    this.clock = hooks.clock ?? systemClock;
    this.limit = pLimit(settings.concurrency);
    this.pace = new Pace(settings.requestsPerMinute, this.clock);
  }

  /**
   * The answer to a request, as text that is JSON.
   *
   * @throws RemoteError as failure.ts says, after the last attempt
   */
  post(path: string, body: unknown, signal?: AbortSignal): Promise<string> {
    return this.limit(async () => {
      const both = linked(signal, this.hooks.signal);
      try {
        return await this.persist(path, JSON.stringify(body), both.signal);
      } finally {
        both.release();
      }
    });
  }

  /** Says what the endpoint does not take. */
  notice(what: string): void {
    const { onNotice = (sentence: string) => process.emitWarning(sentence) } = this.hooks;
    onNotice(`${this.name} ${what}.`);
  }

  /** The error for an answer that is JSON but not in the protocol. */
  nonsense(expected: string, body: string): RemoteError {
    return nonsense(expected, body, this.#target);
  }

  /** Attempts until one succeeds, cannot succeed, or is the last. */
  private async persist(path: string, body: string, signal: AbortSignal): Promise<string> {
    const { retries } = this.settings;
    for (let attempt = 0; ; attempt++) {
      await this.pace.turn(signal);
      const result = await this.attempt(path, body, signal);
      if (typeof result === 'string') return result;
      signal.throwIfAborted();
      const { error, again, after } = result;
      if (!again) throw error;
      if (attempt === retries) throw tried(error, attempt + 1);
      const wait = Math.max(after ?? 0, backoff(attempt, this.hooks.random ?? Math.random));
      if (wait > LONGEST_WAIT) throw tooLong(error, wait);
      this.hooks.onRetry?.({ error, attempts: attempt + 1, waitSeconds: wait / 1000 });
      // The limit holds for all requests, so all wait for its end.
      if (after !== undefined) this.pace.pause(after);
      await this.clock.sleep(wait, signal);
    }
  }

  private async attempt(path: string, body: string, parent: AbortSignal): Promise<string | Failed> {
    const target = this.#target;
    const { timeout } = this.settings;
    const { signal, abort, release } = linked(parent);
    const timer = setTimeout(() => abort('timeout'), timeout * 1000);
    try {
      const response = await fetch(this.address(path), {
        method: 'POST',
        headers: this.#headers,
        body,
        signal,
      });
      const text = await response.text();
      this.answered = true;
      if (response.status === 404) return { error: await this.notFound(text, signal), again: false };
      if (!response.ok) return refusal(response.status, text, response.headers, target, this.clock.now());
      return this.disguised(text, response.headers) ?? text;
    } catch (error) {
      parent.throwIfAborted();
      if (error instanceof RemoteError) return { error, again: false };
      if (signal.aborted) return { error: timedOut(timeout, target), again: true };
      const hopeless = !this.answered && HOPELESS.test(networkCode(error) ?? '');
      return { error: unreachable(error, target), again: !hopeless };
    } finally {
      clearTimeout(timer);
      release();
    }
  }

  /** An error that comes with status 200, as routers send it; or a page that is not JSON. */
  private disguised(text: string, headers: Headers): Failed | undefined {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return { error: this.nonsense('JSON', text), again: false };
    }
    if (typeof value !== 'object' || value === null || 'choices' in value || !('error' in value))
      return undefined;
    const { error } = value as { error: { code?: unknown } | null };
    if (!error) return undefined;
    const status = Number(error.code);
    const known = Number.isInteger(status) && status >= 400 && status < 600;
    return refusal(known ? status : 400, text, headers, this.#target, this.clock.now());
  }

  /** 404: the model is unknown, or there is no endpoint at this address. */
  private async notFound(body: string, signal: AbortSignal): Promise<RemoteError> {
    const { model } = this.settings;
    const words = serverWords(body, this.#target.key);
    const models = await this.models(signal);
    if (models === undefined && !/model/i.test(messageOf(body))) {
      const next = 'check the address; that of an OpenAI-compatible endpoint usually ends in /v1';
      const parts = {
        where: this.name,
        what: 'no endpoint at this address',
        got: `status 404: ${words}`,
        next,
      };
      return new RemoteError('model', parts, 404);
    }
    if (models?.includes(model)) {
      const parts = {
        where: this.name,
        what: 'has the model but no chat completions',
        got: `status 404: ${words}`,
      };
      return new RemoteError('model', parts, 404);
    }
    const shown = models?.slice(0, 8).join(', ');
    const more = models !== undefined && models.length > 8 ? ` and ${models.length - 8} more` : '';
    const parts = {
      where: this.name,
      what: `does not know the model '${model}'`,
      ...(models === undefined || models.length === 0 ? {} : { expected: `one of ${shown}${more}` }),
      got: `status 404: ${words}`,
      next: 'check the name of the model',
    };
    return new RemoteError('model', parts, 404);
  }

  /** Names of the endpoint's models; undefined where it does not say. */
  private async models(signal: AbortSignal): Promise<string[] | undefined> {
    try {
      const response = await fetch(this.address('models'), { headers: this.#headers, signal });
      const { data } = (await response.json()) as { data: { id: string }[] };
      return data.map(({ id }) => String(id));
    } catch {
      return undefined;
    }
  }

  private address(path: string): URL {
    const address = new URL(this.url);
    // Whoever pastes the whole address means the same.
    const base = address.pathname.replace(/\/+$/, '').replace(/\/chat\/completions$/, '');
    address.pathname = `${base}/${path}`;
    return address;
  }

  private key(variable: string, env: RemoteHooks['env']): string | undefined {
    const { apiKeyVariable } = this.settings;
    const key = secret(variable, env);
    const where = `environment variable ${variable}`;
    if (key === undefined) {
      if (apiKeyVariable === undefined) return undefined;
      throw new RemoteError('access', { where, what: 'holds no key', next: 'set it, or name another' });
    }
    if (!/^[\x21-\x7e]+$/.test(key)) {
      const what = 'holds a key with characters that cannot be sent';
      throw new RemoteError('access', { where, what, next: 'copy the key again' });
    }
    // The default key goes nowhere in the clear; a named one goes where its owner says.
    const { protocol, hostname } = this.url;
    const local = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
    return apiKeyVariable === undefined && protocol === 'http:' && !local ? undefined : key;
  }
}

function tried(error: RemoteError, attempts: number): RemoteError {
  if (attempts === 1) return error;
  const parts = { ...error.parts, what: `${error.parts.what} (${attempts} attempts)` };
  return new RemoteError(error.failure, parts, error.status, error.field);
}

function tooLong(error: RemoteError, wait: number): RemoteError {
  const what = `${error.parts.what}, and asks to wait ${Math.round(wait / 60_000)} minutes`;
  return new RemoteError(error.failure, { ...error.parts, what }, error.status);
}
