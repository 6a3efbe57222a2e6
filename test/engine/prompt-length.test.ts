/** A prompt that is far too long is refused by its characters, not tokenised first. */
import { expect, it } from 'vitest';
import { surelyTooLong } from '../../src/engine/prompt-length.js';

/** Every word a token; counts the characters that it was given. */
function counting() {
  const tokenizer = {
    read: 0,
    encode(text: string) {
      tokenizer.read += text.length;
      return text
        .split(/\s+/)
        .filter(Boolean)
        .map((_, i) => i);
    },
  };
  return tokenizer;
}
const user = (...contents: string[]) => contents.map((content) => ({ role: 'user' as const, content }));

it('reads nothing of a text that no tokenizer could make short enough', () => {
  const tokenizer = counting();
  expect(surelyTooLong(user(' '.repeat(1_000_000)), tokenizer, 1024)).toBe(true);
  expect(surelyTooLong(user(...Array.from({ length: 2000 }, () => '')), tokenizer, 1024)).toBe(true);
  expect(tokenizer.read).toBe(0);
});

it('looks at the beginning of one that could be', () => {
  const tokenizer = counting();
  expect(surelyTooLong(user('a ', 'word '.repeat(20_000)), tokenizer, 1024)).toBe(true);
  expect(tokenizer.read).toBe(8 * 1024);
  // long words: only the tokenizer can say
  expect(surelyTooLong(user(`${'w'.repeat(50)} `.repeat(1000)), tokenizer, 1024)).toBe(false);
});

it('lets through what may fit, unread', () => {
  const tokenizer = counting();
  expect(surelyTooLong(user('word '.repeat(3000)), tokenizer, 1024)).toBe(false);
  expect(tokenizer.read).toBe(0);
});
