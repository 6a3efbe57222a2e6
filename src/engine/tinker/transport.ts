/**
 * HTTP to one server that speaks Tinker's API: the key, further attempts, one clear line of what failed.
 *
 * Knows nothing of models. Every request may be sent again: the server tells repeated ones by their numbers.
 * Every failure leaves as a RemoteError, except an abort, which leaves as the signal's reason.
 */
import { secret, type Variables } from '../../config/environment.js';
import { RemoteError, type RemoteFailure } from '../../errors.js';
import { linked } from '../../signals.js';
import { backoff, retryAfter } from '../backoff.js';
import { messageOf, networkCode, redact, serverWords } from '../server-words.js';
import { parseJson } from './json.js';

/** Our variable, whose key goes wherever the address says; that of the official client's is not sent in the clear. */
export const KEY_VARIABLE = 'EALIGN_TINKER_API_KEY';
const OFFICIAL_KEY_VARIABLE = 'TINKER_API_KEY';

const PROTOBUF = 'application/x-protobuf';
/** Attempts at one request: with the pauses between them, about a minute and a half. */
const ATTEMPTS = 9;
/** A server begins to answer within this, milliseconds; it holds long polls for less. */
const PATIENCE = 120_000;
/** And within this, what takes an upload. */
const UPLOAD_PATIENCE = 3_600_000;
/** Before anything was ever answered these are mistakes, not hiccups. */
const HOPELESS = /^(ECONNREFUSED|ENOTFOUND|.*CERT.*|ERR_TLS.*|UNABLE_TO_.*)$/;

export interface TransportOptions {
  /** Address of the server, with or without `/api/v1`. */
  readonly url: string;
  /** Name of the server in messages. Default: its host. */
  readonly name?: string;
  /** Ends everything that is asked; its reason is thrown. */
  readonly signal?: AbortSignal;
  /** Pause before another attempt, milliseconds. Default: exponential, with jitter, at most 30 s. */
  readonly pause?: (attempt: number) => number;
  /** Instead of the process environment. */
  readonly env?: Variables;
}

/** A body that is no JSON; pieces are made anew for each attempt. */
export interface Bytes {
  readonly type: string;
  readonly bytes: Uint8Array | (() => AsyncIterable<Uint8Array>);
}

export interface RequestOptions {
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: object;
  readonly bytes?: Bytes;
  /** Whether the answer may be protobuf. */
  readonly protobuf?: boolean;
  /** It is about a session, model or request that the server gave us: if it is not found, the server has forgotten it. */
  readonly ours?: boolean;
  /** Attempts at most. */
  readonly attempts?: number;
  readonly signal?: AbortSignal;
}

/** An answer: JSON as a value, protobuf as bytes. */
export type Answer = { readonly json: unknown } | { readonly bytes: Uint8Array };

export class Transport {
  /** The server's name, for messages. */
  readonly name: string;
  private readonly base: URL;
  readonly #key?: string;
  private answered = false;

  /** @throws RemoteError when the address is none, or the key cannot be sent */
  constructor(private readonly options: TransportOptions) {
    this.base = addressOf(options.url);
    this.name = options.name ?? this.base.host;
    this.#key = keyFor(this.base, options.env);
  }

  /** @throws RemoteError after the last attempt */
  async get(path: string, options: RequestOptions = {}): Promise<unknown> {
    return this.value(await this.send('GET', path, options));
  }

  /** @throws RemoteError after the last attempt */
  async post(path: string, json: object, options: RequestOptions = {}): Promise<unknown> {
    return this.value(await this.send('POST', path, { ...options, json }));
  }

  /** @throws RemoteError after the last attempt */
  async send(method: string, path: string, options: RequestOptions): Promise<Answer> {
    return this.persist(options, async (signal) => {
      const response = await this.fetch(method, path, options, signal);
      if (response.headers.get('content-type')?.includes(PROTOBUF))
        return { bytes: new Uint8Array(await response.arrayBuffer()) };
      const text = await response.text();
      try {
        return { json: parseJson(text) };
      } catch {
        throw this.nonsense('JSON', text);
      }
    });
  }

  /** The body of an answer, piece by piece. @throws RemoteError after the last attempt, and where it breaks off */
  async download(path: string, query: Readonly<Record<string, string>>): Promise<AsyncIterable<Uint8Array>> {
    const options = { query, ours: true };
    const response = await this.persist(options, (signal) => this.fetch('GET', path, options, signal));
    return this.piecesOf(response);
  }

  /** The error for an answer that is not in the protocol. */
  nonsense(expected: string, got: unknown): RemoteError {
    const text = typeof got === 'string' ? got : (JSON.stringify(got) ?? String(got));
    return this.error('nonsense', {
      what: 'cannot be understood',
      expected,
      got: serverWords(text, this.#key),
      next: 'check that the address is that of a server with Tinker’s API',
    });
  }

  /** The error for what the server says of a request that it took and could not answer. */
  failed(message: string, category: unknown): RemoteError {
    const user = category === 'user';
    return this.error(user ? 'refused' : 'server', {
      what: user ? 'refuses the request' : 'has failed',
      got: serverWords(JSON.stringify({ error: message }), this.#key),
      ...(user ? {} : { next: 'look at its log' }),
    });
  }

  /** The error for a session that the server does not know. */
  forgotten(words?: string): RemoteError {
    return this.error('model', {
      what: 'no longer knows this session: it was restarted, or has ended it',
      ...(words ? { got: words } : {}),
      next: 'start again; a training run continues with --resume',
    });
  }

  /** Attempts until one succeeds, cannot succeed, or is the last. */
  private async persist<T>(
    { attempts = ATTEMPTS, signal: own }: RequestOptions,
    attempt: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { pause = (n: number) => backoff(n, Math.random) } = this.options;
    const { signal, release } = linked(own, this.options.signal);
    try {
      for (let n = 0; ; n++) {
        signal.throwIfAborted();
        try {
          return await attempt(signal);
        } catch (error) {
          signal.throwIfAborted();
          if (!(error instanceof Passing)) throw error;
          if (n + 1 >= attempts) throw error.error;
          await sleep(Math.max(error.after ?? 0, pause(n)), signal);
        }
      }
    } finally {
      release();
    }
  }

  private async fetch(
    method: string,
    path: string,
    options: RequestOptions,
    parent: AbortSignal,
  ): Promise<Response> {
    const { query, json, bytes, protobuf, ours = false } = options;
    const body = json ? { type: 'application/json', bytes: JSON.stringify(json) } : bytes;
    const upload = typeof body?.bytes === 'function';
    const { signal, abort, release } = linked(parent);
    const patience = setTimeout(
      () => abort(new Error('no answer in time')),
      upload ? UPLOAD_PATIENCE : PATIENCE,
    );
    let response: Response;
    try {
      response = await fetch(this.address(path, query), {
        method,
        headers: {
          accept: protobuf ? `${PROTOBUF}, application/json` : 'application/json, application/octet-stream',
          ...(body ? { 'content-type': body.type } : {}),
          ...(this.#key === undefined ? {} : { 'x-api-key': this.#key }),
        },
        ...(body ? { body: (typeof body.bytes === 'function' ? body.bytes() : body.bytes) as BodyInit } : {}),
        ...(upload ? { duplex: 'half' } : {}),
        // another host must not be sent the key, nor this one in the clear
        redirect: 'manual',
        signal,
      } as RequestInit);
    } catch (error) {
      throw this.unreachable(error);
    } finally {
      clearTimeout(patience);
      release();
    }
    this.answered = true;
    if (response.ok) return response;
    throw this.refusal(response, await response.text().catch(() => ''), ours);
  }

  private async *piecesOf(response: Response): AsyncIterable<Uint8Array> {
    try {
      for await (const piece of response.body ?? []) yield piece as Uint8Array;
    } catch (error) {
      const broken = this.unreachable(error);
      throw broken instanceof Passing ? broken.error : broken;
    }
  }

  private unreachable(cause: unknown): Passing | RemoteError {
    const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
    const reason = networkCode(cause) ?? (inner instanceof Error ? inner.message : String(inner));
    const error = this.error('unreachable', {
      what: `cannot be reached (${redact(reason, this.#key)})`,
      next: 'check that the server runs and that the address is right',
    });
    const code = networkCode(cause);
    // without a code it is not the network that fails, but what it was given
    const hopeless = !this.answered && (code === undefined || HOPELESS.test(code));
    return hopeless ? error : new Passing(error);
  }

  private refusal({ status, headers }: Response, body: string, ours: boolean): Passing | RemoteError {
    const words = serverWords(body, this.#key);
    const got = words === '' ? `status ${status}` : `status ${status}: ${words}`;
    const elsewhere = headers.get('location');
    if (status >= 300 && status < 400 && elsewhere !== null) {
      const what = `sends its clients on to ${this.hostOf(elsewhere)}, where the key is not sent`;
      const next = 'give the address at which the server itself answers';
      return this.error('refused', { what, got: `status ${status}`, next }, status);
    }
    if (status === 401 || status === 403) {
      const what = this.#key === undefined ? 'wants a key' : 'does not take the key';
      const next = `set the environment variable ${KEY_VARIABLE} to a key of this server`;
      return this.error('access', { what, got, next }, status);
    }
    if (ours && (status === 404 || status === 410)) return this.forgotten(got);
    if (status === 404 && /^\W*(404\W*)?not found\W*$/i.test(messageOf(body))) {
      const what = 'has nothing at this address';
      return this.error('model', { what, got, next: 'check that it is a server with Tinker’s API' }, status);
    }
    const passing = status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
    if (!passing) return this.error('refused', { what: 'refuses the request', got }, status);
    const failure = status === 429 ? 'rate-limit' : 'server';
    const what = status === 429 ? 'has too many requests' : 'fails';
    const error = this.error(failure, { what, got, next: 'look at its log, or try again later' }, status);
    return new Passing(error, retryAfter(headers, Date.now()));
  }

  private error(failure: RemoteFailure, parts: ErrorWords, status?: number): RemoteError {
    return new RemoteError(failure, { where: this.name, ...parts }, status);
  }

  private value(answer: Answer): unknown {
    if ('json' in answer) return answer.json;
    throw this.nonsense('JSON', 'protobuf');
  }

  /** Protocol and host that a redirect names. */
  private hostOf(location: string): string {
    if (!URL.canParse(location, this.base)) return 'no address';
    const { protocol, host } = new URL(location, this.base);
    return `${protocol}//${host}`;
  }

  private address(path: string, query: Readonly<Record<string, string>> = {}): URL {
    const address = new URL(this.base);
    address.pathname += path;
    address.search = new URLSearchParams(query).toString();
    return address;
  }
}

type ErrorWords = ConstructorParameters<typeof RemoteError>[1];

/** A failed attempt after which another may succeed. */
class Passing extends Error {
  /** @param after wait that the server asks for, milliseconds */
  constructor(
    readonly error: RemoteError,
    readonly after?: number,
  ) {
    super(error.message);
  }
}

/** @throws the signal's reason when it aborts */
export async function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end);
  });
  signal.throwIfAborted();
}

function addressOf(url: string): URL {
  if (!URL.canParse(url) || !/^https?:/.test(url)) {
    throw new RemoteError('unreachable', {
      where: url,
      what: 'not the address of a server',
      expected: 'http://host:port or https://host',
    });
  }
  const address = new URL(url);
  const path = address.pathname.replace(/\/+$/, '');
  address.pathname = path.endsWith('/api/v1') ? `${path}/` : `${path}/api/v1/`;
  address.search = address.hash = '';
  return address;
}

function keyFor({ protocol, hostname }: URL, env: Variables | undefined): string | undefined {
  const own = secret(KEY_VARIABLE, env);
  const local = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
  const key = own ?? (protocol === 'https:' || local ? secret(OFFICIAL_KEY_VARIABLE, env) : undefined);
  if (key === undefined || /^[\x21-\x7e]+$/.test(key)) return key;
  const where = `environment variable ${own ? KEY_VARIABLE : OFFICIAL_KEY_VARIABLE}`;
  const what = 'holds a key with characters that cannot be sent';
  throw new RemoteError('access', { where, what, next: 'copy the key again' });
}
