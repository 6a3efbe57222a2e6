/**
 * Rows: the examples a dataset file holds, and what tokenising makes of them.
 *
 * An `ExampleRow` is what one line of a JSONL file says, checked and normalised to one
 * of four kinds. A `TokenRow` is what training reads: ids and the targets that carry
 * loss. Reading is in dataset.ts, tokenising in tokenise.ts and preferences.ts.
 */
import type { Message, ToolSchema } from './conversation.js';

/** A turn of a row. */
export interface Turn extends Message {
  /** The row says that this turn is not to be learnt (`weight: 0`, `train: false`). */
  readonly loss?: false;
}

/** What a row's chat template sees beside the turns. */
export interface ChatContext {
  readonly tools?: readonly ToolSchema[];
  /** Further variables by name (`chat_template_kwargs`). */
  readonly variables?: Readonly<Record<string, unknown>>;
}

/** Keys of a line that no row kind uses; kept, never read by training. */
export type ExtraKeys = Readonly<Record<string, unknown>>;

interface Located {
  /** File and line, e.g. `file.jsonl:17`. */
  readonly where: string;
  readonly extra: ExtraKeys;
}

/** A conversation of one or more turns; at least one is the assistant's. */
export interface MessagesRow extends Located, ChatContext {
  readonly kind: 'messages';
  readonly messages: readonly Turn[];
  /** Turns before this index carry no loss: 0 for `messages`, the prompt's length for `prompt`/`completion`. */
  readonly lossFrom: number;
}

/** A prompt and its completion as plain text. Conversational ones become `MessagesRow`s. */
export interface CompletionRow extends Located {
  readonly kind: 'completion';
  readonly prompt: string;
  readonly completion: string;
}

/** A document; all its tokens are text to learn. */
export interface TextRow extends Located {
  readonly kind: 'text';
  readonly text: string;
}

/** Two answers to one prompt as plain text. */
export interface PlainPreference {
  readonly format: 'plain';
  readonly prompt: string;
  readonly chosen: string;
  readonly rejected: string;
}

/** Two answers to one conversation: `prompt` ends with the turn to be answered. */
export interface ConversationalPreference extends ChatContext {
  readonly format: 'conversational';
  readonly prompt: readonly Turn[];
  readonly chosen: readonly Turn[];
  readonly rejected: readonly Turn[];
}

/** A preference row, plain or conversational. */
export type PreferenceRow = Located & { readonly kind: 'preference' } & (
    | PlainPreference
    | ConversationalPreference
  );

/** A row of a fine-tuning dataset. */
export type TrainingRow = MessagesRow | CompletionRow | TextRow;

/** One tokenised training row. */
export interface TokenRow {
  readonly ids: Int32Array;
  /** 1 where token i is a target that carries loss (predicted from tokens < i); `lossMask[0]` is 0. */
  readonly lossMask: Uint8Array;
  /** File and line, e.g. `file.jsonl:17`. */
  readonly where: string;
}
