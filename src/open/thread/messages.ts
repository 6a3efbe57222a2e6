/** What a thread with models and the thread that asks them tell each other. All of it can be cloned. */

import type { GenerateOptions } from '../../engine/language-model.js';
import {
  ConfigError,
  DataError,
  DownloadError,
  type ErrorParts,
  ModelError,
  PromptTooLongError,
  SaveError,
  ShapeError,
  TrainingError,
  UserError,
} from '../../errors.js';
import type { Message, Usage } from '../../values/conversation.js';

type Conversations = readonly (readonly Message[])[];

/** How to sample, without what a message cannot carry. */
export type PlainOptions = Omit<GenerateOptions, 'onText' | 'onUsage' | 'signal'>;

/** `model`: the name of one of the thread's models; `id`: of the question, by which replies name it. */
export type Question =
  | {
      readonly type: 'generate';
      readonly id: number;
      readonly model: string;
      readonly conversations: Conversations;
      readonly options: PlainOptions;
      /** Whether pieces of text are wanted as they come. */
      readonly pieces: boolean;
    }
  | {
      readonly type: 'labels';
      readonly id: number;
      readonly model: string;
      readonly conversations: Conversations;
      readonly labels: readonly string[];
      readonly prefix: string | undefined;
    }
  | {
      readonly type: 'states';
      readonly id: number;
      readonly model: string;
      readonly conversations: Conversations;
      readonly twins: Conversations;
      readonly layers: readonly number[];
      readonly prefix: string | undefined;
    }
  /** Something that the thread can do besides, by its name. */
  | { readonly type: 'call'; readonly id: number; readonly name: string; readonly argument?: unknown }
  | { readonly type: 'abort'; readonly id: number };

export type Piece = readonly [id: number, index: number, text: string];

export type Reply =
  /** The first message: what the models are; or why there are none. */
  | { readonly type: 'ready'; readonly about: unknown }
  | { readonly type: 'refused'; readonly error: PlainError }
  /** All pieces of one moment, in order. */
  | { readonly type: 'pieces'; readonly pieces: readonly Piece[] }
  | { readonly type: 'usage'; readonly id: number; readonly index: number; readonly usage: Usage }
  | { readonly type: 'done'; readonly id: number; readonly value: unknown }
  | { readonly type: 'failed'; readonly id: number; readonly error: PlainError };

/** An error as plain values: cloning one would lose its class. */
export interface PlainError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** Parts of a `UserError`. */
  readonly parts?: ErrorParts;
}

const kinds: Readonly<Record<string, typeof UserError>> = {
  ConfigError,
  DataError,
  DownloadError,
  ModelError,
  PromptTooLongError,
  SaveError,
  ShapeError,
  TrainingError,
  UserError,
};

export function plainError(error: unknown): PlainError {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  return { name, message, stack, ...(error instanceof UserError ? { parts: error.parts } : {}) };
}

/** The error as it was thrown, with its class. */
export function revivedError({ name, message, stack, parts }: PlainError): Error {
  const Kind = Object.hasOwn(kinds, name) ? kinds[name] : UserError;
  const error = parts ? new Kind(parts) : new Error(message);
  error.name = name;
  if (stack !== undefined) error.stack = stack;
  return error;
}
