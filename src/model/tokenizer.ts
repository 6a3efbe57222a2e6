/**
 * Text to tokens and back, and conversations to text, exactly as `transformers` does it.
 */
import type { Message } from '../data/values.js';

/** A tokenizer together with its chat template. */
export interface ChatTokenizer {
  /** Highest token id + 1; the model's embedding may have more rows. */
  readonly vocabSize: number;
  /** Tokens that end a response. */
  readonly eosIds: readonly number[];
  readonly padId: number;
  readonly bosId?: number;
  /** @param options.addSpecialTokens let the tokenizer add its own, e.g. a BOS. Default false. */
  encode(text: string, options?: { addSpecialTokens?: boolean }): number[];
  /** @param options.skipSpecialTokens leave special tokens out. Default true. */
  decode(ids: readonly number[], options?: { skipSpecialTokens?: boolean }): string;
  /** The chat template's text; throws ModelError when the model has none. */
  renderChat(messages: readonly Message[], options?: { addGenerationPrompt?: boolean }): string;
  /** `encode(renderChat(…))`: the template has written the special tokens itself. */
  encodeChat(messages: readonly Message[], options?: { addGenerationPrompt?: boolean }): number[];
  readonly hasChatTemplate: boolean;
  /** Incremental decoding that never cuts a character: push ids, get text pieces. */
  streamDecoder(): StreamDecoder;
}

/** Turns tokens into text as they come. Special tokens are left out. */
export interface StreamDecoder {
  /** The text that `id` completes; empty while a character is unfinished. */
  push(id: number): string;
  /** What is left at the end, an unfinished character as U+FFFD. */
  flush(): string;
}
