/** How likely the tokens of an answer were, by the model's own distribution. */
import { REASONING_TAGS, tagAt } from '../../tokenizer/reasoning.js';
import type { ChatTokenizer } from '../../tokenizer/tokenizer.js';
import type { Response, TokenLogprob, WrittenToken } from '../../values/conversation.js';
import { tokenTexts } from './token-texts.js';

export class WrittenTokens {
  private readonly written: { readonly id: number; readonly token: WrittenToken }[] = [];
  private readonly textOf: (id: number) => string;

  /** @param top of the likeliest tokens beside each, from 0 */
  constructor(
    private readonly tokenizer: ChatTokenizer,
    private readonly top: number,
  ) {
    this.textOf = tokenTexts(tokenizer);
  }

  /** @param probabilities f32 [V] at temperature 1 */
  push(id: number, probabilities: Float32Array): void {
    const top = likeliest(probabilities, this.top).map((other) => this.told(other, probabilities));
    this.written.push({ id, token: { ...this.told(id, probabilities), top } });
  }

  /** Those of the response's text: not of its reasoning, of what ended it, or of what a stop string cut off. */
  of({ text, reasoning, toolCalls }: Response): readonly WrittenToken[] | undefined {
    if (toolCalls) return undefined;
    const said = this.written.filter(({ id }) => !this.tokenizer.eosIds.includes(id));
    const pieces = said.map(({ id }) => this.tokenizer.decode([id], { skipSpecialTokens: false }));
    const begin = reasoning === undefined ? 0 : closedAt(pieces);
    const texts = said.map(({ id }) => this.textOf(id));
    const raw = texts.slice(begin).join('');
    // blanks before an answer that follows reasoning are not of its text
    const skipped = reasoning === undefined ? 0 : raw.length - raw.trimStart().length;
    let at = 0;
    return said.slice(begin).flatMap(({ token }, i) => {
      const start = at;
      at += texts[begin + i].length;
      return at > skipped && start < skipped + text.length ? [token] : [];
    });
  }

  private told(id: number, probabilities: Float32Array): TokenLogprob {
    const token = this.textOf(id) || this.tokenizer.decode([id], { skipSpecialTokens: false });
    const bytes = token.includes('\ufffd') ? null : [...Buffer.from(token)];
    return { token, logprob: Math.max(LEAST, Math.log(probabilities[id])), bytes };
  }
}

/** Where the answer begins: after the piece that closes the reasoning; at the end, where none does. */
function closedAt(pieces: readonly string[]): number {
  let text = '';
  for (const [i, piece] of pieces.entries()) {
    text += piece;
    if (REASONING_TAGS.some(({ close }) => tagAt(text, close) >= 0)) return i + 1;
  }
  return pieces.length;
}

/** Stands for a probability of zero, as OpenAI's does: JSON has no infinity. */
const LEAST = -9999;

/** Indices of the largest, largest first. */
function likeliest(values: Float32Array, count: number): number[] {
  const found: number[] = [];
  for (let id = 0; count > 0 && id < values.length; id++) {
    if (found.length === count && values[id] <= values[found[count - 1]]) continue;
    const at = found.findIndex((other) => values[id] > values[other]);
    found.splice(at < 0 ? found.length : at, 0, id);
    found.length = Math.min(found.length, count);
  }
  return found;
}
