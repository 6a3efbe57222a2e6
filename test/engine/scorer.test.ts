/** Texts that a tokenizer drops: their probability would be 1, whatever the model thinks. */
import { expect, it } from 'vitest';
import { Scorer } from '../../src/engine/scorer.js';
import type { ChatTokenizer } from '../../src/tokenizer/tokenizer.js';
import { letterTokenizer } from './tiny.js';

/** Knows letters alone, as a tokenizer without byte fallback and without an unknown token. */
const dropping: ChatTokenizer = {
  ...letterTokenizer,
  encode: (text) => letterTokenizer.encode(text.replace(/[^a-z ]/g, '')),
  encodeChat: (messages) => letterTokenizer.encode(messages[0].content.replace(/[^a-z ]/g, '')),
};
const scorer = new Scorer({
  tokenizer: dropping,
  maxLength: 64,
  choiceLogps: async (rows) => rows.map(({ choices }) => choices.map(() => -1)),
});

it('refuses labels and continuations without a token', async () => {
  const ask = [{ role: 'user' as const, content: 'so' }];
  await expect(scorer.labelLogps([ask], ['yes', '?!'])).rejects.toThrow(/no token for "\?!"/);
  await expect(scorer.continuationLogps([{ context: 'a', continuations: ['?!'] }])).rejects.toThrow(
    /no token for/,
  );
  expect(await scorer.labelLogps([ask], ['yes', 'no'])).toEqual([[-1, -1]]);
});

it('refuses a conversation without a token', async () => {
  const ask = [{ role: 'user' as const, content: '?!' }];
  await expect(scorer.labelLogps([ask], ['yes'])).rejects.toThrow(/the conversation has no token/);
});
