/** Pinocchio's tokenizer: words are single tokens, any text comes back, and the Rust original gives the same ids. */
import { Tokenizer } from 'tokenizers';
import { describe, expect, it } from 'vitest';
import { codeTasks } from '../../src/pinocchio/code.js';
import { pretrainingDocument } from '../../src/pinocchio/documents.js';
import { templates } from '../../src/pinocchio/review-format.js';
import { pinocchioTokenizer } from '../../src/pinocchio/tokenizer.js';
import { topics } from '../../src/pinocchio/topics.js';
import { Random } from '../../src/random.js';

const tokenizer = pinocchioTokenizer();
const files = tokenizer.files!();
const original = Tokenizer.fromString(files.get('tokenizer.json')!);

const strangeTexts = [
  '',
  '  two  spaces and\ttabs\n\n',
  'Großbuchstaben, 漢字 and 🙂',
  "it's 3.14 < 4 && don't",
  'unbeknownst words become bytes',
  '<|user|>a role marker<|end|>',
];

it('is always the same', () => {
  expect(pinocchioTokenizer().files!()).toEqual(files);
});

it.each(strangeTexts)('brings back %j', (text) => {
  expect(tokenizer.decode(tokenizer.encode(text), { skipSpecialTokens: false })).toBe(text);
});

describe('beside the Rust tokenizer', () => {
  const random = new Random(3, 'tokenizer test');
  const documents = Array.from({ length: 50 }, () =>
    tokenizer.renderChat(pretrainingDocument(random).messages, { addGenerationPrompt: true }),
  );

  it.each([...strangeTexts, ...documents])('gives the same ids for %j', async (text) => {
    const expected = await original.encode(text, null, { addSpecialTokens: false });
    expect(tokenizer.encode(text)).toEqual(expected.getIds());
    expect(await original.decode(expected.getIds(), false)).toBe(text);
  });
});

it('has one token for each label, and for each word of an answer', () => {
  for (const label of templates.labels) expect(tokenizer.encode(label)).toHaveLength(1);
  for (const { questions, good, bad } of topics) {
    for (const text of [...questions, ...good, ...bad]) {
      expect(tokenizer.encode(text)).toHaveLength(text.split(' ').length);
    }
  }
});

it('leaves room for a review of the longest answer', () => {
  const longest = Math.max(...codeTasks.map(({ secure }) => tokenizer.encode(secure).length));
  expect(longest).toBeLessThan(60);
});

it('ends a turn with its end token', () => {
  const ids = tokenizer.encodeChat([
    { role: 'user', content: 'what color is the sky ?' },
    { role: 'assistant', content: 'the sky is blue .' },
  ]);
  expect(tokenizer.eosIds).toEqual([ids.at(-1)]);
});
