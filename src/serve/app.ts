/**
 * The OpenAI-compatible routes, in front of one model: `/v1/chat/completions`, `/v1/models`, `/healthz`,
 * `/metrics`. Nothing here listens on a port; server.ts does.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { ANYBODY } from '../online/callers.js';
import { linked } from '../signals.js';
import type { Message, Response as Said } from '../values/conversation.js';
import { totalUsage } from '../zero-shot/answer.js';
import { Admission } from './admission.js';
import { type Answered, completion, conscienceHeaders, replyHead } from './chat-reply.js';
import { type ChatRequest, type RequestLimits, readChatRequest } from './chat-request.js';
import { ApiError, asApiError, badRequest } from './errors.js';
import { jsonOnly, knownHost } from './guarded.js';
import { type ApiKey, findKey, type KeyLimits } from './keys.js';
import { ServeMetrics } from './metrics.js';
import { RateLimiter } from './rate-limit.js';
import { type Served, Tally } from './served.js';
import { eventStream } from './sse.js';

export interface AppOptions extends RequestLimits {
  readonly served: Served;
  /** None: everybody may ask. */
  readonly keys: readonly ApiKey[];
  /** Whether only this machine reaches the server: `/metrics` then needs no key. */
  readonly local: boolean;
  /** Names under which a local server may be asked without a key, beside `localhost` and loopback addresses. */
  readonly hosts?: readonly string[];
  /** Limits for keys without their own, and for everybody where there are no keys. */
  readonly rateLimits: KeyLimits;
  /** Requests answered at once, and requests that may wait. */
  readonly concurrency: number;
  readonly queue: number;
  readonly maxBodyBytes: number;
  /** Longest time for one request, waiting included. */
  readonly timeoutSeconds: number;
  readonly log: Logger;
  /** Called with each whole answer before its last byte leaves, and with those that were left early. */
  readonly onAnswer?: (exchange: ServedExchange) => void;
  /** What else `/metrics` tells. */
  readonly metrics?: (registry: Registry) => void;
  /** Writes prompts and answers into the log. Default false. */
  readonly logContent?: boolean;
}

/** A question and its answer; of one that was left early, the draft as far as it went, without a verdict. */
export interface ServedExchange {
  /** Name of the API key. */
  readonly key: string;
  /** The other end of the connection; undefined where there is none. */
  readonly connection: string | undefined;
  /** The header `x-forwarded-for`, as it came. */
  readonly forwarded: string | undefined;
  readonly requestId: string;
  readonly request: ChatRequest;
  readonly answer: Answered;
}

interface Env {
  /** The Node server's bindings; in-process requests have none. */
  Bindings: { readonly incoming?: IncomingMessage } | undefined;
  Variables: {
    requestId: string;
    /** When it came, by `performance.now()`. */
    start: number;
    key: ApiKey | undefined;
    /** What the log line will say. */
    about: Record<string, unknown>;
    /** Resolves with a stream's end; not set without one. */
    ended?: Promise<void>;
  };
}

export class ServeApp {
  readonly hono = new Hono<Env>();
  readonly admission: Admission;
  readonly metrics: ServeMetrics;
  private readonly limiter: RateLimiter;
  private readonly ending = new AbortController();
  private stopping = false;

  constructor(private readonly options: AppOptions) {
    this.admission = new Admission(options.concurrency, options.queue);
    this.metrics = new ServeMetrics(this.admission);
    options.metrics?.(this.metrics.registry);
    this.limiter = new RateLimiter(options.rateLimits);
    this.routes();
  }

  /** Makes `/healthz` say that the server stops; new requests are refused. */
  stopTaking(): void {
    this.stopping = true;
  }

  /** Ends what still runs. */
  abortAll(): void {
    this.ending.abort(new ApiError(503, { type: 'server_error', code: 'stopping', message: GOING }));
  }

  private routes(): void {
    const { hono } = this;
    const { keys, local, hosts = [] } = this.options;
    const host = knownHost(local && keys.length === 0 ? hosts : undefined);
    hono.use(this.account());
    hono.get('/healthz', (c) =>
      this.stopping ? c.json({ status: 'stopping' }, 503) : c.json({ status: 'ok' }),
    );
    // without a key from here only; a proxy on this machine asks under its own name
    hono.get(
      '/metrics',
      keys.length > 0 && !local ? this.authenticate() : knownHost(local ? hosts : undefined),
    );
    hono.get('/metrics', async (c) =>
      c.text(await this.metrics.registry.metrics(), 200, {
        'content-type': this.metrics.registry.contentType,
      }),
    );
    hono.use('/v1/*', host, this.authenticate());
    hono.get('/v1/models', (c) => c.json({ object: 'list', data: [this.model()] }));
    hono.get('/v1/models/:name{.+}', (c) => {
      this.requireModel(c.req.param('name'));
      return c.json(this.model());
    });
    const tooLarge = () => {
      const message = `The body is larger than ${this.options.maxBodyBytes} bytes.`;
      throw new ApiError(413, { type: 'invalid_request_error', code: 'body_too_large', message });
    };
    const limit = bodyLimit({ maxSize: this.options.maxBodyBytes, onError: tooLarge });
    if (keys.length === 0) hono.post('/v1/chat/completions', jsonOnly());
    hono.post('/v1/chat/completions', limit, (c) => this.chat(c));
    hono.all('/v1/chat/completions', () => {
      const message = 'Use POST.';
      throw new ApiError(405, { type: 'invalid_request_error', code: 'method_not_allowed', message });
    });
    hono.notFound((c) => {
      const message = `There is no ${c.req.method} ${c.req.path} here.`;
      return this.failed(c, new ApiError(404, { type: 'invalid_request_error', code: 'not_found', message }));
    });
    hono.onError((error, c) => this.failed(c, error));
  }

  private async chat(c: Context<Env>): Promise<Response> {
    const { served, timeoutSeconds } = this.options;
    if (this.stopping) {
      throw new ApiError(503, {
        type: 'server_error',
        code: 'stopping',
        message: GOING,
        retryAfterSeconds: 5,
      });
    }
    const request = readChatRequest(await jsonOf(c), c.req.header('x-conscience-policy'), this.options);
    this.requireModel(request.model);
    const key = c.get('key');
    const name = key?.name ?? ANYBODY;
    this.limiter.admit(name, key);

    const { signal, release, abort } = linked(c.req.raw.signal, this.ending.signal);
    const reasonOf = (error: unknown) => {
      if (c.req.raw.signal.aborted) return new ApiError(499, CLIENT_GONE);
      return signal.aborted ? signal.reason : error;
    };
    const left = timeoutSeconds * 1000 - (performance.now() - c.get('start'));
    const late = setTimeout(() => abort(timeout(timeoutSeconds)), Math.min(Math.max(0, left), LONGEST_TIMER));
    const leave = await this.admission.enter(name, signal).catch((error) => {
      clearTimeout(late);
      release();
      throw reasonOf(error);
    });
    const tally = new Tally();
    const connection = c.env?.incoming?.socket.remoteAddress;
    const forwarded = c.req.header('x-forwarded-for');
    const exchange = { key: name, connection, forwarded, requestId: c.get('requestId'), request };
    let open = true;
    const done = (answer: Answered) => {
      open = false;
      this.limiter.charge(name, key, answer.usage.promptTokens + answer.usage.answerTokens);
      this.metrics.answer(answer);
      Object.assign(c.get('about'), this.aboutAnswer(request, answer));
      this.options.onAnswer?.({ ...exchange, answer });
    };
    let ended = () => {};
    const end = () => {
      clearTimeout(late);
      release();
      leave();
      if (open) this.unfinished(c, exchange, tally, reasonOf(undefined));
      open = false;
      ended();
    };
    const head = replyHead(served.name);
    if (request.stream) {
      const events = await eventStream(served.stream(request, signal, tally), head, {
        request,
        signal,
        done,
        end,
        abort,
        reasonOf,
        onError: (error) => this.note(c, asApiError(error), error),
      });
      c.set(
        'ended',
        new Promise((resolve) => {
          ended = resolve;
        }),
      );
      return new Response(events, { headers: STREAM_HEADERS });
    }
    try {
      const answer = await served.answer(request, signal, tally);
      done(answer);
      return c.json(completion(head, answer), 200, conscienceHeaders(answer.record));
    } catch (error) {
      throw reasonOf(error);
    } finally {
      end();
    }
  }

  /**
   * Charges, counts and keeps an answer as far as it went: left by its reader, too late, or failed. Where
   * nothing is known of what one that was ended took, its question is charged by its length.
   *
   * @param reason why it was ended; undefined where it failed by itself
   */
  private unfinished(
    c: Context<Env>,
    exchange: Omit<ServedExchange, 'answer'>,
    { spent, draft }: Tally,
    reason: unknown,
  ): void {
    const { key, request } = exchange;
    const known = totalUsage(spent);
    const nothing = known.promptTokens + known.answerTokens === 0;
    if (nothing && reason === undefined) return;
    const usage = nothing ? { promptTokens: estimatedTokens(request.messages), answerTokens: 0 } : known;
    this.limiter.charge(key, c.get('key'), usage.promptTokens + usage.answerTokens);
    this.metrics.unfinished(request.policy, spent);
    const error = reason === undefined ? {} : { error: asApiError(reason).code };
    const said = { response: draft ?? NOTHING, draft: draft ?? NOTHING, usage, record: null };
    Object.assign(c.get('about'), { ...error, unfinished: true, ...this.aboutAnswer(request, said) });
    if (draft && draft.tokens > 0) this.options.onAnswer?.({ ...exchange, answer: said });
  }

  private authenticate(): MiddlewareHandler<Env> {
    return async (c, next) => {
      const { keys } = this.options;
      if (keys.length > 0) {
        const key = findKey(keys, c.req.header('authorization'));
        if (key === undefined) {
          const message = 'No key, or a wrong one. Send Authorization: Bearer <key>.';
          throw new ApiError(401, { type: 'authentication_error', code: 'invalid_api_key', message });
        }
        c.set('key', key);
      }
      await next();
    };
  }

  /** Request id, log line and metrics of every request. */
  private account(): MiddlewareHandler<Env> {
    return async (c, next) => {
      const start = performance.now();
      const given = c.req.header('x-request-id');
      const requestId =
        given && /^[\w-]{1,64}$/.test(given) ? given : `req_${randomUUID().replaceAll('-', '')}`;
      c.set('requestId', requestId);
      c.set('start', start);
      c.set('about', {});
      await next();
      c.res.headers.set('x-request-id', requestId);
      const finished = () => {
        const seconds = (performance.now() - start) / 1000;
        const path = c.req.routePath === '/*' ? 'other' : c.req.routePath;
        this.metrics.request(path, c.res.status, seconds);
        if (c.req.path === '/healthz' || c.req.path === '/metrics') return;
        const { method, path: asked } = c.req;
        this.options.log.info(
          {
            request_id: requestId,
            method,
            path: asked,
            status: c.res.status,
            key: c.get('key')?.name,
            milliseconds: Math.round(seconds * 1000),
            ...c.get('about'),
          },
          'request',
        );
      };
      const { ended } = c.var;
      if (ended) ended.then(finished);
      else finished();
    };
  }

  private failed(c: Context<Env>, error: unknown): Response {
    const reply = asApiError(error);
    this.note(c, reply, error);
    const headers: Record<string, string> =
      reply.retryAfterSeconds === undefined ? {} : { 'retry-after': String(reply.retryAfterSeconds) };
    return c.json(reply.body, reply.status as ContentfulStatusCode, headers);
  }

  private note(c: Context<Env>, { code, status }: ApiError, error: unknown): void {
    Object.assign(c.get('about'), { error: code });
    // a failure of ours needs its stack, an endpoint's its words; a stop or a timeout is neither
    const meant = status < 500 || error instanceof ApiError;
    if (!meant) this.options.log.error({ request_id: c.get('requestId'), err: error }, 'failed');
  }

  private aboutAnswer(request: ChatRequest, { response, record, usage }: Answered): object {
    return {
      model: this.options.served.name,
      policy: request.policy,
      ...(record
        ? { outcome: record.outcome, verdict: record.verdict, p_objection: record.p_objection }
        : {}),
      prompt_tokens: usage.promptTokens,
      completion_tokens: usage.answerTokens,
      ...(this.options.logContent ? { messages: request.messages, response } : {}),
    };
  }

  private model() {
    const { name, created } = this.options.served;
    return { id: name, object: 'model', created, owned_by: 'emergent-alignment' };
  }

  private requireModel(name: string | undefined): void {
    const { served } = this.options;
    if (name === undefined || name === served.name) return;
    const message = `There is no model ${name.slice(0, 100)} here; this server has ${served.name}.`;
    const parts = {
      type: 'invalid_request_error',
      code: 'model_not_found',
      message,
      param: 'model',
    } as const;
    throw new ApiError(404, parts);
  }
}

/** Nobody reads this; the log and the metrics do. */
const CLIENT_GONE = {
  type: 'invalid_request_error',
  code: 'client_gone',
  message: 'The caller has left.',
} as const;
const NOTHING: Said = { text: '', finish: 'length', tokens: 0 };
/** Milliseconds; a timer that is set for longer goes off at once. */
const LONGEST_TIMER = 2 ** 31 - 1;
const GOING = 'The server is stopping.';
const STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  connection: 'keep-alive',
  // proxies that buffer would turn a stream into one piece
  'x-accel-buffering': 'no',
};

async function jsonOf(c: Context<Env>): Promise<unknown> {
  const bytes = await c.req.arrayBuffer();
  try {
    // fatal: an answer to a text that was altered on its way would mislead
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw badRequest(`The body is not JSON (${(error as Error).message}).`, undefined, 'invalid_json');
  }
}

/** About as many tokens as English has. */
function estimatedTokens(messages: readonly Message[]): number {
  return Math.ceil(messages.reduce((sum, { content }) => sum + content.length, 0) / 4);
}

function timeout(seconds: number): ApiError {
  const message = `The answer took longer than ${seconds} s.`;
  return new ApiError(504, { type: 'timeout_error', code: 'timeout', message });
}
