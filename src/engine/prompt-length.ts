/**
 * Whether sequences are too long for a model; and whether a conversation is, before it is tokenised whole: that
 * takes a second for a megabyte, and whoever sends one need not be let through.
 */

import { ShapeError } from '../errors.js';
import type { ChatTokenizer } from '../tokenizer/tokenizer.js';
import type { Message } from '../values/conversation.js';

/** @throws ShapeError when sequences of T tokens have more than the model's positions */
export function requireLength(T: number, maxLength: number): void {
  if (T <= maxLength) return;
  throw new ShapeError({
    where: 'batch',
    what: `sequences of ${T} tokens are longer than the model's positions`,
    expected: `at most ${maxLength}`,
    next: 'lower max_length',
  });
}

/** No vocabulary in use has longer tokens (runs of blanks). */
const LONGEST_TOKEN = 128;
/** Characters per position that are looked at: English has four or five a token. */
const LOOK = 8;
/** Where a text is cut, a few tokens are others than in the whole. */
const MARGIN = 1.1;

/** False says nothing: only the tokens themselves can tell then. */
export function surelyTooLong(
  messages: readonly Message[],
  tokenizer: Pick<ChatTokenizer, 'encode'>,
  maxLength: number,
): boolean {
  const characters = messages.reduce((sum, { content }) => sum + content.length, 0);
  if (messages.length > maxLength || characters > LONGEST_TOKEN * maxLength) return true;
  if (characters <= 2 * LOOK * maxLength) return false;
  let left = LOOK * maxLength;
  let tokens = 0;
  for (const { content } of messages) {
    const look = content.slice(0, left);
    tokens += tokenizer.encode(look).length;
    left -= look.length;
    if (left <= 0) break;
  }
  return tokens > MARGIN * maxLength;
}
