/**
 * One request on its way: its place among the others, its time, and what its answers have taken so far.
 *
 * All routes that make a model work share this: chat completions, responses and guardrails. What they read and
 * write is theirs.
 */
import type { IncomingMessage } from 'node:http';
import type { Context } from 'hono';
import { ANYBODY } from '../online/callers.js';
import { linked } from '../signals.js';
import type { Message, Response as Said, Usage } from '../values/conversation.js';
import { addUsage, NO_USAGE } from '../values/usage.js';
import { totalUsage } from '../zero-shot/answer.js';
import { Admission } from './admission.js';
import type { Answered } from './chat-reply.js';
import type { ChatRequest } from './chat-request.js';
import { ApiError, asApiError } from './errors.js';
import type { ApiKey, KeyLimits } from './keys.js';
import { ServeMetrics } from './metrics.js';
import { RateLimiter } from './rate-limit.js';
import { Tally } from './served.js';

/** What a request carries from its arrival to its log line. */
export interface Env {
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

export interface TurnOptions {
  /** Limits for keys without their own, and for everybody where there are no keys. */
  readonly rateLimits: KeyLimits;
  /** Requests answered at once, and requests that may wait. */
  readonly concurrency: number;
  readonly queue: number;
  /** Longest time for one request, waiting included. */
  readonly timeoutSeconds: number;
  /** Called with each whole answer before its last byte leaves, and with those that were left early. */
  readonly onAnswer?: (exchange: ServedExchange) => void;
  /** Writes prompts and answers into the log. Default false. */
  readonly logContent?: boolean;
}

/** What is asked of the model, as far as the accounts need it. */
export type Asked = Pick<ChatRequest, 'messages' | 'policy'>;

/** An answer that is expected. */
export interface Expected {
  readonly tally: Tally;
  /** Charges, counts and logs it. */
  done(answer: Answered): void;
}

/** Lets requests begin, one after the other. */
export class Turns {
  readonly admission: Admission;
  readonly metrics: ServeMetrics;
  private readonly limiter: RateLimiter;
  private readonly ending = new AbortController();

  /** @param served name of the model, for the log */
  constructor(
    private readonly options: TurnOptions,
    private readonly served: string,
  ) {
    this.admission = new Admission(options.concurrency, options.queue);
    this.metrics = new ServeMetrics(this.admission);
    this.limiter = new RateLimiter(options.rateLimits);
  }

  /** Ends what still runs. */
  abortAll(): void {
    this.ending.abort(stopping());
  }

  /**
   * Waits for a place. Whoever gets a turn ends it.
   *
   * @throws ApiError 429 over a limit, 504 where the wait took all its time, 503 when the server stops
   */
  async begin(c: Context<Env>): Promise<Turn> {
    const { timeoutSeconds } = this.options;
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
    const close = () => {
      clearTimeout(late);
      release();
      leave();
    };
    const charge = ({ promptTokens, answerTokens }: Usage) =>
      this.limiter.charge(name, key, promptTokens + answerTokens);
    const { options, metrics, served } = this;
    return new Turn(c, { options, metrics, served, name, signal, abort, reasonOf, close, charge });
  }
}

interface TurnParts {
  readonly options: TurnOptions;
  readonly metrics: ServeMetrics;
  readonly served: string;
  /** Of the API key. */
  readonly name: string;
  readonly signal: AbortSignal;
  abort(reason: unknown): void;
  /** What a failure really was: an abort has a reason of its own. */
  reasonOf(error: unknown): unknown;
  close(): void;
  charge(usage: Usage): void;
}

export class Turn {
  readonly signal: AbortSignal;
  /** Resolves when the turn has ended. */
  readonly ended: Promise<void>;
  private resolveEnded = () => {};
  private readonly open = new Set<{
    readonly asked: Asked;
    readonly tally: Tally;
    readonly kept?: ChatRequest;
  }>();
  private used = NO_USAGE;

  constructor(
    private readonly c: Context<Env>,
    private readonly parts: TurnParts,
  ) {
    this.signal = parts.signal;
    this.ended = new Promise((resolve) => {
      this.resolveEnded = resolve;
    });
  }

  abort(reason: unknown): void {
    this.parts.abort(reason);
  }

  reasonOf(error: unknown): unknown {
    return this.parts.reasonOf(error);
  }

  /** @param kept the whole request, where its answer is the model's own and may be learned from */
  expect(asked: Asked, kept?: ChatRequest): Expected {
    const own = { asked, tally: new Tally(), kept };
    this.open.add(own);
    const done = (answer: Answered) => {
      this.open.delete(own);
      this.parts.charge(answer.usage);
      this.parts.metrics.answer(answer);
      this.tell(asked, answer);
      if (kept) this.keep(kept, answer);
    };
    return { tally: own.tally, done };
  }

  /** Gives the place back; answers that are still expected count as unfinished. Calling it again does nothing. */
  end(): void {
    this.parts.close();
    for (const one of this.open) {
      this.open.delete(one);
      this.unfinished(one);
    }
    this.resolveEnded();
  }

  /**
   * Charges, counts and keeps an answer as far as it went: left by its reader, too late, or failed. Where
   * nothing is known of what one that was ended took, its question is charged by its length.
   */
  private unfinished({
    asked,
    tally: { spent, draft },
    kept,
  }: {
    readonly asked: Asked;
    readonly tally: Tally;
    readonly kept?: ChatRequest;
  }): void {
    const { charge, metrics, reasonOf } = this.parts;
    // undefined where it failed by itself
    const reason = reasonOf(undefined);
    const known = totalUsage(spent);
    const nothing = known.promptTokens + known.answerTokens === 0;
    if (nothing && reason === undefined) return;
    const usage = nothing ? { promptTokens: estimatedTokens(asked.messages), answerTokens: 0 } : known;
    charge(usage);
    metrics.unfinished(asked.policy, spent);
    const error = reason === undefined ? {} : { error: asApiError(reason).code };
    const said = { response: draft ?? NOTHING, draft: draft ?? NOTHING, usage, record: null };
    Object.assign(this.c.get('about'), { ...error, unfinished: true });
    this.tell(asked, said);
    if (kept && draft && draft.tokens > 0) this.keep(kept, said);
  }

  private keep(request: ChatRequest, answer: Answered): void {
    const { c } = this;
    this.parts.options.onAnswer?.({
      key: this.parts.name,
      connection: c.env?.incoming?.socket.remoteAddress,
      forwarded: c.req.header('x-forwarded-for'),
      requestId: c.get('requestId'),
      request,
      answer,
    });
  }

  /** For the log line: verdicts are those of the last answer, tokens those of all. */
  private tell({ messages, policy }: Asked, { response, record, usage }: Answered): void {
    this.used = addUsage(this.used, usage);
    Object.assign(this.c.get('about'), {
      model: this.parts.served,
      policy,
      ...(record
        ? { outcome: record.outcome, verdict: record.verdict, p_objection: record.p_objection }
        : {}),
      prompt_tokens: this.used.promptTokens,
      completion_tokens: this.used.answerTokens,
      ...(this.parts.options.logContent ? { messages, response } : {}),
    });
  }
}

/** What whoever asks is told while the server stops. @param retryAfterSeconds when to try again */
export function stopping(retryAfterSeconds?: number): ApiError {
  const message = 'The server is stopping.';
  return new ApiError(503, { type: 'server_error', code: 'stopping', message, retryAfterSeconds });
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

/** About as many tokens as English has. */
function estimatedTokens(messages: readonly Message[]): number {
  return Math.ceil(messages.reduce((sum, { content }) => sum + content.length, 0) / 4);
}

function timeout(seconds: number): ApiError {
  const message = `The answer took longer than ${seconds} s.`;
  return new ApiError(504, { type: 'timeout_error', code: 'timeout', message });
}
