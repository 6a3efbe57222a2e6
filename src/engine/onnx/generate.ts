/**
 * One response as it grows: its tokens, the stream that it draws from, its text.
 *
 * A row knows nothing of what else is in its batch, so its text does not depend on it.
 */

import { Random } from '../../random.js';
import { openedReasoning, splitReasoning } from '../../tokenizer/reasoning.js';
import type { ChatTokenizer } from '../../tokenizer/tokenizer.js';
import { splitToolCalls } from '../../tokenizer/tool-calls.js';
import type { Response, Tool } from '../../values/conversation.js';
import type { GenerateOptions } from '../language-model.js';
import { type NextToken, type SamplingOptions, sampleToken } from './sampler.js';

export interface Prompt {
  /** Number among all conversations of the call: part of the row's seed, and its `onText` index. */
  readonly index: number;
  /** Token ids, not empty. */
  readonly tokens: readonly number[];
  /** Tokens that the response may have, at least 1. */
  readonly limit: number;
}

export class GrowingRow {
  readonly index: number;
  /** The prompt and what has been generated. */
  readonly tokens: number[];
  private readonly writer: Writer;
  private readonly random: Random;
  private readonly sampling: SamplingOptions;
  private readonly limit: number;

  constructor({ index, tokens, limit }: Prompt, tokenizer: ChatTokenizer, options: GenerateOptions) {
    const { temperature = 1, topP = 1, topK = 0, seed = 0, onText } = options;
    this.index = index;
    this.tokens = [...tokens];
    this.limit = limit;
    const opened = openedReasoning(tokenizer.decode(tokens.slice(-END), { skipSpecialTokens: false }));
    const begun = (opened?.open ?? '') + (options.prefix ?? '');
    this.writer = new Writer(tokenizer, begun, options, onText && ((piece) => onText(index, piece)));
    this.random = new Random(seed, 'sample', index);
    this.sampling = { temperature, topP, topK };
  }

  get finished(): boolean {
    return this.writer.finished || this.writer.tokens >= this.limit;
  }

  /** 0 where the likeliest token is taken, whatever the temperature. */
  get temperature(): number {
    return this.sampling.topK === 1 ? 0 : this.sampling.temperature;
  }

  /** Draws the next token. */
  grow(next: NextToken): void {
    const token = sampleToken(next, this.sampling, this.random);
    this.tokens.push(token);
    this.writer.push(token);
  }

  /** What there is of the response: nothing, where nothing was drawn, not even the prefix. */
  response(): Response {
    return this.writer.tokens === 0 ? { text: '', finish: 'length', tokens: 0 } : this.writer.response();
  }
}

/** Tokens at the end of a prompt that may hold the tag of a reasoning block. */
const END = 16;

/**
 * The text of one row, as it comes; knows the stop tokens and stop strings.
 *
 * A stop string can only end in what is new, so that no more than its possible beginning is searched again,
 * and a token takes the same time wherever in the text it stands.
 */
class Writer {
  finished = false;
  tokens = 0;
  /** What has been passed on. */
  private text = '';
  /** What follows it, and may still become part of a stop string. */
  private tail: string;
  private readonly stop: readonly string[];
  /** Characters that are held back. */
  private readonly held: number;
  private readonly tools: readonly Tool[];
  private readonly decoder;

  constructor(
    private readonly tokenizer: ChatTokenizer,
    /** What the turn begins with, a tag of reasoning that the prompt has opened included. */
    begun: string,
    { stop = [], tools = [] }: GenerateOptions,
    private readonly onPiece?: (piece: string) => void,
  ) {
    this.tail = begun;
    this.stop = stop;
    this.held = Math.max(0, ...stop.map((s) => s.length - 1));
    this.tools = tools;
    this.decoder = tokenizer.streamDecoder();
    // A token's text depends on what stands before it: SentencePiece drops the space of a first one.
    if (begun !== '') for (const id of tokenizer.encode(begun)) this.decoder.push(id);
  }

  push(token: number): void {
    this.tokens += 1;
    if (this.tokenizer.eosIds.includes(token)) {
      this.finished = true;
    } else {
      this.tail += this.decoder.push(token);
      const cut = this.stop.map((s) => this.tail.indexOf(s)).filter((at) => at >= 0);
      if (cut.length > 0) {
        this.tail = this.tail.slice(0, Math.min(...cut));
        this.finished = true;
      }
    }
    this.passOn(this.finished ? 0 : this.held);
  }

  response(): Response {
    if (!this.finished) this.tail += this.decoder.flush();
    this.passOn(0);
    const { text: said, reasoning } = splitReasoning(this.text);
    return {
      ...splitToolCalls(said, this.tools),
      ...(reasoning === undefined ? {} : { reasoning }),
      finish: this.finished ? 'stop' : 'length',
      tokens: this.tokens,
    };
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
