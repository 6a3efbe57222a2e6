/**
 * Spans of text to token ids with a loss mask.
 *
 * Text is tokenised span by span, so that an answer begins at a token border, as it does when the
 * model generates it; with tokenizers that do not allow this, in one go, and cut afterwards.
 */
import { commonPrefix } from '../tokenizer/answer-tokens.js';
import type { ChatTokenizer } from '../tokenizer/tokenizer.js';
import type { TokenRow } from '../values/rows.js';
import type { Span } from './chat-mask.js';

/** Text without a chat template: what the tokenizer puts first, the spans, end of text. */
export function encodeDocument(spans: readonly Span[], tokenizer: ChatTokenizer, where: string): TokenRow {
  const filled = spans.filter(({ text }) => text !== '');
  const body = encodeSpans(filled, tokenizer, where);
  const isEos = (id: number | undefined) => id !== undefined && tokenizer.eosIds.includes(id);
  const opening = tokenizer.encode('', { addSpecialTokens: true }).filter((id) => !isEos(id));
  const closing = isEos(body.ids.at(-1)) ? [] : tokenizer.eosIds.slice(0, 1);
  const ids = [...opening, ...body.ids, ...closing];
  const mask = [
    ...opening.map(() => 0),
    ...body.lossMask,
    ...closing.map(() => (filled.at(-1)?.loss ? 1 : 0)),
  ];
  // A first token is predicted from nothing, unless an opening token stands before it.
  if (opening.length > 0 && filled[0]?.loss) mask[opening.length] = 1;
  return { ids: Int32Array.from(ids), lossMask: Uint8Array.from(mask), where };
}

/** Tokenises spans so that they keep their borders, and masks them. */
export function encodeSpans(spans: readonly Span[], tokenizer: ChatTokenizer, where: string): TokenRow {
  const pieces = joinsCleanly(tokenizer)
    ? spans.map(({ text }) => tokenizer.encode(text))
    : splitWhole(spans, tokenizer);
  const ids = Int32Array.from(pieces.flat());
  const lossMask = new Uint8Array(ids.length);
  let at = 0;
  for (const [i, piece] of pieces.entries()) {
    if (spans[i].loss) lossMask.fill(1, at, at + piece.length);
    at += piece.length;
  }
  if (lossMask.length > 0) lossMask[0] = 0;
  return { ids, lossMask, where };
}

/** Tokenises the spans' text in one go; a token across a border counts to the later span. */
function splitWhole(spans: readonly Span[], tokenizer: ChatTokenizer): number[][] {
  const whole = tokenizer.encode(spans.map(({ text }) => text).join(''));
  let text = '';
  let at = 0;
  return spans.map((span, i) => {
    text += span.text;
    const end = i === spans.length - 1 ? whole.length : commonPrefix(whole, tokenizer.encode(text));
    const piece = whole.slice(at, end);
    at = Math.max(at, end);
    return piece;
  });
}

const PROBES = [
  ['a', 'b'],
  ['a\n', 'b'],
  ['a', '\n\nb'],
  ['a ', ' b'],
] as const;
const cleanly = new WeakMap<ChatTokenizer, boolean>();

/**
 * Whether pieces tokenised one by one decode to the joined text. SentencePiece-style tokenizers put
 * a space before whatever they are given, word-level ones lose the space between.
 */
function joinsCleanly(tokenizer: ChatTokenizer): boolean {
  let clean = cleanly.get(tokenizer);
  if (clean === undefined) {
    clean = PROBES.every(([x, y]) => {
      const ids = [...tokenizer.encode(x), ...tokenizer.encode(y)];
      return tokenizer.decode(ids, { skipSpecialTokens: false }) === x + y;
    });
    cleanly.set(tokenizer, clean);
  }
  return clean;
}

/** Number of tokens that carry loss. */
export function countLoss(row: TokenRow): number {
  let n = 0;
  for (const bit of row.lossMask) n += bit;
  return n;
}
