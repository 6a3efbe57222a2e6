/**
 * Errors that a person can act on.
 *
 * A `UserError` prints as one line: what, where, expected, got, what to do. Anything
 * else that reaches the command line is a broken invariant of ours and prints as
 * `internal:` with its stack. Subclasses carry fields, so that a server maps a class
 * to a reply without reading messages.
 */

/** The parts of one clear line. Only `what` is always there. */
export interface ErrorParts {
  /** What is wrong, e.g. `header is longer than the file`. */
  what: string;
  /** File, line, key or node, e.g. `data.jsonl:17`. */
  where?: string;
  expected?: string;
  got?: string;
  /** The next step, as an imperative. */
  next?: string;
}

/** A mistake in what the user gave us; the message is the whole report. */
export class UserError extends Error {
  readonly parts: ErrorParts;
  constructor(parts: ErrorParts, options?: { cause?: unknown }) {
    super(UserError.format(parts), options);
    this.name = new.target.name;
    this.parts = parts;
  }

  static format({ what, where, expected, got, next }: ErrorParts): string {
    let line = where === undefined ? what : `${where}: ${what}`;
    if (expected !== undefined) line += `; expected ${expected}`;
    if (got !== undefined) line += `, got ${got}`;
    if (next !== undefined)
      line += `${line.endsWith('?') ? '' : '.'} ${next[0].toUpperCase()}${next.slice(1)}`;
    return oneLine(line);
  }
}

/** A text without line breaks: each, with the blanks around it, becomes a blank. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, (blanks) => (blanks.includes('\n') ? ' ' : blanks));
}

/** A configuration key or value that the schema refuses. */
export class ConfigError extends UserError {}
/** A row or file of a dataset that cannot be used. */
export class DataError extends UserError {}
/** A model folder, weights file, tokenizer or adapter that cannot be used. */
export class ModelError extends UserError {}
/** Shapes that do not fit, named by node. */
export class ShapeError extends UserError {}
/** A prompt that leaves no room for an answer, or does not fit itself. */
export class PromptTooLongError extends ShapeError {}
/** Training that cannot continue, e.g. a loss that is not finite. */
export class TrainingError extends UserError {}
/** A file of ours that is not as it was written: a flipped bit, a lost part. */
export class DamageError extends UserError {}
/** A file that cannot be written: full disk, no permission. */
export class SaveError extends UserError {}
/** A download that failed, is incomplete or does not match its checksum. */
export class DownloadError extends UserError {}

/** What went wrong at a remote endpoint. */
export type RemoteFailure =
  /** Nobody answered, or not in time. */
  | 'unreachable'
  /** No key, a wrong key, or no permission. */
  | 'access'
  /** The endpoint does not know the model, or there is no endpoint at the address. */
  | 'model'
  /** The answer is not what the protocol says. */
  | 'nonsense'
  /** Log-probabilities are needed and cannot be had. */
  | 'logprobs'
  /** Too many requests, or nothing left to spend. */
  | 'rate-limit'
  /** The endpoint failed by itself (5xx). */
  | 'server'
  /** The endpoint refused what was asked (any other 4xx). */
  | 'refused';

/** A remote endpoint that cannot be used, or that did not answer as it should. */
export class RemoteError extends UserError {
  /**
   * @param status HTTP status, where there was an answer
   * @param field  of the request, where that is what the endpoint does not take
   */
  constructor(
    readonly failure: RemoteFailure,
    parts: ErrorParts,
    readonly status?: number,
    readonly field?: string,
  ) {
    super(parts);
  }
}
