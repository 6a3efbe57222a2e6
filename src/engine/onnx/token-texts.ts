/** The text that tokens add to an answer, whatever stands before them; a part of a character reads as U+FFFD. */
import type { ChatTokenizer } from '../../tokenizer/tokenizer.js';

const known = new WeakMap<ChatTokenizer, (...ids: readonly number[]) => string>();

/** The text of a single token is looked up once for each tokenizer. Those of special tokens are empty. */
export function tokenTexts(tokenizer: ChatTokenizer): (...ids: readonly number[]) => string {
  const found = known.get(tokenizer);
  if (found) return found;
  const texts = new Map<number, string>();
  // what is decoded first may lose its blank
  const anchor = tokenizer.encode('{').slice(-1);
  const skipped = tokenizer.decode(anchor).length;
  const read = (ids: readonly number[]) => tokenizer.decode([...anchor, ...ids]).slice(skipped);
  const textOf = (...ids: readonly number[]): string => {
    if (ids.length > 1) return read(ids);
    const text = texts.get(ids[0]) ?? read(ids);
    texts.set(ids[0], text);
    return text;
  };
  known.set(tokenizer, textOf);
  return textOf;
}
