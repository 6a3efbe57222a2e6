/**
 * The routes, in front of one model: OpenAI's `/v1/chat/completions`, `/v1/responses` and `/v1/models`, LiteLLM's
 * guardrail, `/healthz`, `/metrics`. Nothing here listens on a port; server.ts does.
 */
import { randomUUID } from 'node:crypto';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { ANYBODY } from '../online/callers.js';
import { together } from '../signals.js';
import { type Answered, completion, conscienceHeaders, replyHead } from './chat-reply.js';
import { type ChatRequest, choicesOf, type RequestLimits, readChatRequest } from './chat-request.js';
import { chatDialect } from './chat-stream.js';
import { ApiError, asApiError, badRequest } from './errors.js';
import { jsonOnly, knownHost } from './guarded.js';
import { CallMemory, check, GUARDRAIL_PATH, guardrailReply, readGuardrailRequest } from './guardrail.js';
import { type ApiKey, findKey } from './keys.js';
import type { ServeMetrics } from './metrics.js';
import { endedResponse, responseHead } from './responses-reply.js';
import { readResponsesRequest } from './responses-request.js';
import { ResponsesDialect } from './responses-stream.js';
import type { Served } from './served.js';
import { type Dialect, eventStream, merged } from './sse.js';
import { type Env, stopping, type TurnOptions, Turns } from './turn.js';

export interface AppOptions extends RequestLimits, TurnOptions {
  readonly served: Served;
  /** None: everybody may ask. */
  readonly keys: readonly ApiKey[];
  /** Whether only this machine reaches the server: `/metrics` then needs no key. */
  readonly local: boolean;
  /** Names under which a local server may be asked without a key, beside `localhost` and loopback addresses. */
  readonly hosts?: readonly string[];
  readonly maxBodyBytes: number;
  readonly log: Logger;
  /** What else `/metrics` tells. */
  readonly metrics?: (registry: Registry) => void;
}

export class ServeApp {
  readonly hono = new Hono<Env>();
  private readonly turns: Turns;
  private readonly metrics: ServeMetrics;
  /** Requests that a guardrail has seen. */
  private readonly calls = new CallMemory();
  private stopping = false;

  constructor(private readonly options: AppOptions) {
    this.turns = new Turns(options, options.served.name);
    this.metrics = this.turns.metrics;
    options.metrics?.(this.metrics.registry);
    this.routes();
  }

  /** Makes `/healthz` say that the server stops; new requests are refused. */
  stopTaking(): void {
    this.stopping = true;
  }

  /** Ends what still runs. */
  abortAll(): void {
    this.turns.abortAll();
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
    hono.use(GUARDRAIL_PATH, host, this.authenticate('x-api-key'));
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
    const posts = {
      '/v1/chat/completions': (c: Context<Env>) => this.chat(c),
      '/v1/responses': (c: Context<Env>) => this.responses(c),
      [GUARDRAIL_PATH]: (c: Context<Env>) => this.guardrail(c),
    };
    for (const [path, answer] of Object.entries(posts)) {
      if (keys.length === 0) hono.post(path, jsonOnly());
      hono.post(path, limit, answer);
      hono.all(path, () => {
        const message = 'Use POST.';
        throw new ApiError(405, { type: 'invalid_request_error', code: 'method_not_allowed', message });
      });
    }
    hono.notFound((c) => {
      const message = `There is no ${c.req.method} ${c.req.path} here.`;
      return this.failed(c, new ApiError(404, { type: 'invalid_request_error', code: 'not_found', message }));
    });
    hono.onError((error, c) => this.failed(c, error));
  }

  private async chat(c: Context<Env>): Promise<Response> {
    this.requireRunning();
    const request = readChatRequest(await jsonOf(c), c.req.header('x-conscience-policy'), this.options);
    this.requireModel(request.model);
    const head = replyHead(this.options.served.name);
    return this.answer(c, request, chatDialect(head, request), (answers) => completion(head, answers));
  }

  private async responses(c: Context<Env>): Promise<Response> {
    this.requireRunning();
    const request = readResponsesRequest(await jsonOf(c), c.req.header('x-conscience-policy'), this.options);
    this.requireModel(request.chat.model);
    const head = responseHead(this.options.served.name, request);
    return this.answer(c, request.chat, new ResponsesDialect(head), ([answer]) =>
      endedResponse(head, answer),
    );
  }

  /**
   * Answers in a turn of its own, once for each choice.
   *
   * @param dialect in which a stream is written
   * @param reply   what is sent where no stream is asked for
   */
  private async answer(
    c: Context<Env>,
    request: ChatRequest,
    dialect: Dialect,
    reply: (answers: readonly Answered[]) => object,
  ): Promise<Response> {
    const { served } = this.options;
    const turn = await this.turns.begin(c);
    const choices = choicesOf(request).map((one) => ({ one, ...turn.expect(one, one) }));
    if (request.stream) {
      const streams = choices.map(({ one, tally }) => served.stream(one, turn.signal, tally));
      const events = await eventStream(
        merged(streams, (reason) => turn.abort(reason)),
        dialect,
        {
          signal: turn.signal,
          done: (choice, answer) => choices[choice].done(answer),
          end: () => turn.end(),
          abort: (reason) => turn.abort(reason),
          reasonOf: (error) => turn.reasonOf(error),
          onError: (error) => this.note(c, asApiError(error), error),
        },
      );
      c.set('ended', turn.ended);
      return new Response(events, { headers: STREAM_HEADERS });
    }
    try {
      const answers = await together(
        choices,
        async ({ one, tally, done }, _, signal) => {
          const answer = await served.answer(one, signal, tally);
          done(answer);
          return answer;
        },
        turn.signal,
      );
      return c.json(reply(answers), 200, conscienceHeaders(answers));
    } catch (error) {
      throw turn.reasonOf(error);
    } finally {
      turn.end();
    }
  }

  private async guardrail(c: Context<Env>): Promise<Response> {
    this.requireRunning();
    const { served, maxTokens } = this.options;
    const request = readGuardrailRequest(await jsonOf(c));
    const owner = c.get('key')?.name ?? ANYBODY;
    const recalled = this.calls.recall(owner, request.callId);
    const turn = await this.turns.begin(c);
    const messages = request.messages.length > 0 ? request.messages : recalled;
    const { tally, done } = turn.expect({ messages, policy: 'hold' });
    const { signal } = turn;
    let answers: readonly Answered[] = [];
    try {
      answers = await check({ served, request, recalled, maxTokens, signal, tally });
    } catch (error) {
      throw turn.reasonOf(error);
    } finally {
      // what a failed check took is charged as such
      for (const answer of answers) done(answer);
      turn.end();
    }
    if (request.kind === 'request') this.calls.keep(owner, request.callId, request.messages);
    return c.json(guardrailReply(request, answers));
  }

  /** @param header that may hold the key itself, beside `authorization` */
  private authenticate(header?: string): MiddlewareHandler<Env> {
    return async (c, next) => {
      const { keys } = this.options;
      if (keys.length > 0) {
        const bare = header && c.req.header(header);
        const key = findKey(keys, bare ? `Bearer ${bare}` : c.req.header('authorization'));
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

  private model() {
    const { name, created } = this.options.served;
    return { id: name, object: 'model', created, owned_by: 'emergent-alignment' };
  }

  private requireRunning(): void {
    if (this.stopping) throw stopping(5);
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
