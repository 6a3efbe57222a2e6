/**
 * The text of one response as its tokens come, whoever draws them: stop tokens and stop strings, the
 * reasoning block, calls of tools.
 */

import { openedReasoning, splitReasoning, tagAt } from '../tokenizer/reasoning.js';
import type { ChatTokenizer } from '../tokenizer/tokenizer.js';
import { splitToolCalls } from '../tokenizer/tool-calls.js';
import type { Response, Tool } from '../values/conversation.js';
import type { GenerateOptions } from './language-model.js';

/** A conversation that is to be answered, as token ids. */
export interface Prompt {
  /** Number among all conversations of the call: part of the row's seed, and its `onText` index. */
  readonly index: number;
  /** Token ids, not empty. */
  readonly tokens: readonly number[];
  /** Tokens that the response may have, at least 1. */
  readonly limit: number;
}

/** Tokens at the end of a prompt that may hold the tag of a reasoning block. */
const END = 16;

/**
 * The text of one row, as it comes; knows the stop tokens and stop strings.
 *
 * A stop string can only end in what is new, so that no more than its possible beginning is searched again,
 * and a token takes the same time wherever in the text it stands.
 */
export class ResponseText {
  finished = false;
  tokens = 0;
  /** What ends the reasoning that the prompt has opened; undefined where there is none, or it has ended. */
  private close: string | undefined;
  /** What has been passed on. */
  private text = '';
  /** What follows it, and may still become part of a stop string. */
  private tail: string;
  private readonly stop: readonly string[];
  /** Characters that are held back. */
  private readonly held: number;
  private readonly tools: readonly Tool[];
  private readonly decoder;
  private readonly onPiece?: (piece: string) => void;

  /** @param prompt whose end may have opened a block of reasoning */
  constructor(
    private readonly tokenizer: ChatTokenizer,
    { index, tokens }: Pick<Prompt, 'index' | 'tokens'>,
    { stop = [], tools = [], prefix = '', onText }: GenerateOptions,
  ) {
    const opened = openedReasoning(tokenizer.decode(tokens.slice(-END), { skipSpecialTokens: false }));
    this.close = opened?.close;
    // what the turn begins with, a tag of reasoning that the prompt has opened included
    const begun = (opened?.open ?? '') + prefix;
    this.tail = begun;
    this.stop = stop;
    this.held = Math.max(0, ...stop.map((s) => s.length - 1));
    this.tools = tools;
    this.onPiece = onText && ((piece) => onText(index, piece));
    this.decoder = tokenizer.streamDecoder();
    // A token's text depends on what stands before it: SentencePiece drops the space of a first one.
    if (begun !== '') for (const id of tokenizer.encode(begun)) this.decoder.push(id);
  }

  /** Whether all there is belongs to the reasoning that the prompt has opened. */
  get thinking(): boolean {
    return this.close !== undefined;
  }

  push(token: number): void {
    this.tokens += 1;
    if (this.tokenizer.eosIds.includes(token)) {
      this.finished = true;
    } else {
      this.read(this.decoder.push(token));
      const cut = this.stop.map((s) => this.tail.indexOf(s)).filter((at) => at >= 0);
      if (cut.length > 0) {
        this.tail = this.tail.slice(0, Math.min(...cut));
        this.finished = true;
      }
    }
    this.passOn(this.finished ? 0 : this.held);
  }

  /**
   * What there is of the response: nothing, where nothing was drawn, not even the prefix.
   *
   * @param ended whether the model has ended it in a way that its tokens do not show
   */
  response(ended = false): Response {
    if (this.tokens === 0 && !ended) return { text: '', finish: 'length', tokens: 0 };
    if (!this.finished) this.tail += this.decoder.flush();
    this.passOn(0);
    const { text: said, reasoning } = splitReasoning(this.text);
    return {
      ...splitToolCalls(said, this.tools),
      ...(reasoning === undefined ? {} : { reasoning }),
      finish: this.finished || ended ? 'stop' : 'length',
      tokens: this.tokens,
    };
  }

  private read(piece: string): void {
    this.tail += piece;
    if (this.close === undefined) return;
    // the tag may have begun before
    const recent = (this.text.slice(-this.close.length) + this.tail).slice(-piece.length - this.close.length);
    if (tagAt(recent, this.close) >= 0) this.close = undefined;
  }

  /** Passes on all but the last `held` characters. */
  private passOn(held: number): void {
    const end = this.tail.length - held;
    if (end <= 0) return;
    const piece = this.tail.slice(0, end);
    this.tail = this.tail.slice(end);
    this.text += piece;
    this.onPiece?.(piece);
  }
}
