/**
 * From token prompts to responses: the loop of sampling, streaming and stopping.
 *
 * It sees the model as a growing batch (`GrowingBatch`), so that it can be tested with a
 * scripted one. Every row draws from a stream of its own, so its text does not depend on
 * what else is in the batch.
 */
import { splitReasoning } from '../data/reasoning.js';
import { splitToolCalls } from '../data/tool-calls.js';
import type { Response, Tool } from '../data/values.js';
import type { GenerateOptions } from '../engine/language-model.js';
import type { ChatTokenizer } from '../model/tokenizer.js';
import { Random } from '../random.js';
import { sampleToken } from './sampler.js';

/** Sequences that grow together. */
export interface GrowingBatch {
  readonly rows: readonly number[];
  /** [rows, V]. */
  readonly logits: Float32Array;
  next(tokens: readonly number[]): Promise<void>;
  drop(alive: (row: number) => boolean): void;
}

/**
 * @param batch     prompts already read
 * @param rows      per row its number among all conversations, which is its seed and `onText` index,
 *   and the tokens that it may have
 * @returns         one response per row
 */
export async function generateRows(
  batch: GrowingBatch,
  tokenizer: ChatTokenizer,
  options: GenerateOptions,
  rows: readonly { readonly index: number; readonly limit: number }[],
): Promise<Response[]> {
  const { temperature = 1, topP = 1, topK = 0, seed = 0, onText, signal } = options;
  const writers = batch.rows.map(
    (row) => new Writer(tokenizer, options, onText && ((piece) => onText(rows[row].index, piece))),
  );
  const randoms = batch.rows.map((row) => new Random(seed, 'sample', rows[row].index));
  const alive = (row: number) => !writers[row].finished && writers[row].tokens < rows[row].limit;
  for (;;) {
    const V = batch.logits.length / batch.rows.length;
    const tokens = batch.rows.map((row, b) => {
      if (!alive(row)) return 0;
      const logits = batch.logits.subarray(b * V, (b + 1) * V);
      const token = sampleToken(logits, { temperature, topP, topK }, randoms[row]);
      writers[row].push(token);
      return token;
    });
    const growing = batch.rows.filter(alive);
    if (growing.length === 0 || signal?.aborted) break;
    await batch.next(tokens);
    batch.drop(alive);
  }
  return writers.map((writer) => writer.response());
}

/** The text of one row, as it comes; knows the stop tokens and stop strings. */
class Writer {
  finished = false;
  tokens = 0;
  private text: string;
  private shown: number;
  private readonly stop: readonly string[];
  private readonly tools: readonly Tool[];
  private readonly decoder;

  constructor(
    private readonly tokenizer: ChatTokenizer,
    { prefix = '', stop = [], tools = [] }: GenerateOptions,
    private readonly onPiece?: (piece: string) => void,
  ) {
    this.text = prefix;
    this.shown = 0;
    this.stop = stop;
    this.tools = tools;
    this.decoder = tokenizer.streamDecoder();
  }

  push(token: number): void {
    this.tokens += 1;
    if (this.tokenizer.eosIds.includes(token)) {
      this.finished = true;
    } else {
      this.text += this.decoder.push(token);
      const cut = this.stop.map((s) => this.text.indexOf(s)).filter((at) => at >= 0);
      if (cut.length > 0) {
        this.text = this.text.slice(0, Math.min(...cut));
        this.finished = true;
      }
    }
    this.show();
  }

  response(): Response {
    if (!this.finished) this.text += this.decoder.flush();
    this.show(true);
    const { text: said, reasoning } = splitReasoning(this.text);
    return {
      ...splitToolCalls(said, this.tools),
      ...(reasoning === undefined ? {} : { reasoning }),
      finish: this.finished ? 'stop' : 'length',
      tokens: this.tokens,
    };
  }

  /** Passes on what can no longer become part of a stop string. */
  private show(all = this.finished): void {
    if (!this.onPiece) return;
    const held = all ? 0 : Math.max(0, ...this.stop.map((s) => s.length - 1));
    const end = Math.max(this.shown, this.text.length - held);
    if (end > this.shown) this.onPiece(this.text.slice(this.shown, end));
    this.shown = end;
  }
}
