/**
 * What a caller is told when a request cannot be answered: OpenAI's error objects, whose `code` says
 * what happened and whose `message` says what to do. Nothing about the inside of the server.
 */
import { PromptTooLongError, RemoteError, UserError } from '../errors.js';

export type ErrorType =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'permission_error'
  | 'rate_limit_error'
  | 'timeout_error'
  | 'server_error';

/** A request that gets an error as its answer. */
export class ApiError extends Error {
  readonly type: ErrorType;
  readonly code: string;
  /** The field of the request that is wrong. */
  readonly param: string | null;
  /** When to try again. */
  readonly retryAfterSeconds?: number;

  constructor(
    readonly status: 400 | 401 | 403 | 404 | 405 | 408 | 413 | 415 | 429 | 431 | 499 | 500 | 502 | 503 | 504,
    parts: { type: ErrorType; code: string; message: string; param?: string; retryAfterSeconds?: number },
  ) {
    super(parts.message);
    this.type = parts.type;
    this.code = parts.code;
    this.param = parts.param ?? null;
    if (parts.retryAfterSeconds !== undefined) this.retryAfterSeconds = parts.retryAfterSeconds;
  }

  get body() {
    const { message, type, param, code } = this;
    return { error: { message, type, param, code } };
  }
}

export function badRequest(message: string, param?: string, code = 'invalid_value'): ApiError {
  return new ApiError(400, { type: 'invalid_request_error', code, message, param });
}

/** What a failure means to the caller. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof PromptTooLongError) {
    return badRequest(error.message, 'messages', 'context_length_exceeded');
  }
  if (error instanceof RemoteError) return upstreamError(error);
  if (error instanceof UserError) return badRequest(error.message);
  return new ApiError(500, {
    type: 'server_error',
    code: 'internal_error',
    message: 'The server failed. The request id finds the reason in its log.',
  });
}

/** Maps an error to a reply: a refused request is the caller's fault, everything else the operator's. */
function upstreamError(error: RemoteError): ApiError {
  if (error.failure === 'refused') return badRequest(`The model's endpoint refused: ${error.message}`);
  if (error.failure === 'rate-limit') {
    const message = 'The model’s endpoint takes no more requests now.';
    return new ApiError(429, { type: 'rate_limit_error', code: 'upstream_rate_limit', message });
  }
  return new ApiError(502, {
    type: 'server_error',
    code: 'upstream_error',
    message: 'The model’s endpoint could not be used. The request id finds the reason in the log.',
  });
}
