/** The text that a token adds to an answer, whatever stands before it; a part of a character reads as U+FFFD. */
import type { ChatTokenizer } from '../../tokenizer/tokenizer.js';

const known = new WeakMap<ChatTokenizer, (id: number) => string>();

/** Texts are looked up once for each tokenizer. Those of special tokens are empty. */
export function tokenTexts(tokenizer: ChatTokenizer): (id: number) => string {
  const found = known.get(tokenizer);
  if (found) return found;
  const texts = new Map<number, string>();
  // what is decoded first may lose its blank
  const anchor = tokenizer.encode('{').slice(-1);
  const skipped = tokenizer.decode(anchor).length;
  const textOf = (id: number): string => {
    let text = texts.get(id);
    if (text === undefined) {
      text = tokenizer.decode([...anchor, id]).slice(skipped);
      texts.set(id, text);
    }
    return text;
  };
  known.set(tokenizer, textOf);
  return textOf;
}
