/** Compares a tokenizer with what Python transformers makes of the same files: texts, conversations, streams. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadTokenizer } from '../../src/tokenizer/tokenizer.js';
import type { Message } from '../../src/values/conversation.js';

interface Expected {
  bos: number | null;
  eos: number;
  pad: number | null;
  size: number;
  texts: { text: string; ids: number[]; with_special: number[]; decoded: string; decoded_skip: string }[];
  /** Conversations that the chat template refuses. */
  refused?: Message[][];
  chats: { messages: Message[]; add_generation_prompt: boolean; text: string; ids: number[] }[];
}

/**
 * Declares the tests of one tokenizer.
 *
 * @param folder  its files, and `expected.json` beside them (test/fixtures/model/make_tokenizers.py)
 * @param turnEnd the token that its chat template puts after an answer
 */
export function sameAsTransformers(folder: string, turnEnd: string): void {
  const expected: Expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'));
  const tokenizer = loadTokenizer(folder);

  it('has the same special tokens', () => {
    expect(tokenizer.bosId).toBe(expected.bos ?? undefined);
    expect(tokenizer.padId).toBe(expected.pad ?? expected.eos);
    expect(tokenizer.vocabSize).toBe(expected.size);
    const [end] = tokenizer.encode(turnEnd);
    expect(new Set(tokenizer.eosIds)).toEqual(new Set([expected.eos, end]));
    expect(tokenizer.specialTokens).toContain(turnEnd);
  });

  it.each(expected.texts)('encodes and decodes $text', (row) => {
    expect(tokenizer.encode(row.text)).toEqual(row.ids);
    expect(tokenizer.encode(row.text, { addSpecialTokens: true })).toEqual(row.with_special);
    expect(tokenizer.decode(row.ids, { skipSpecialTokens: false })).toBe(row.decoded);
    expect(tokenizer.decode(row.ids)).toBe(row.decoded_skip);
  });

  it.each(expected.texts)('streams $text piece by piece', (row) => {
    const stream = tokenizer.streamDecoder();
    const pieces = row.ids.map((id) => stream.push(id));
    // Text may hold U+FFFD of its own; a piece has one only where the whole text does.
    const whole = row.decoded_skip.includes('\uFFFD');
    for (const piece of pieces) expect(piece.includes('\uFFFD') && !whole).toBe(false);
    expect(pieces.join('') + stream.flush()).toBe(row.decoded_skip);
  });

  it.each(expected.chats.map((chat, i) => ({ i, ...chat })))('renders and encodes chat $i', (chat) => {
    const options = { addGenerationPrompt: chat.add_generation_prompt };
    expect(tokenizer.renderChat(chat.messages, options)).toBe(chat.text);
    expect(tokenizer.encodeChat(chat.messages, options)).toEqual(chat.ids);
  });

  it.runIf(expected.refused?.length)('refuses the conversations that its chat template refuses', () => {
    for (const messages of expected.refused!) {
      expect(() => tokenizer.renderChat(messages)).toThrow(/the chat template refuses this conversation/);
    }
  });

  it('gives files that make the same tokenizer', () => {
    const copy = mkdtempSync(join(tmpdir(), 'ealign-tokenizer-'));
    try {
      for (const [file, text] of tokenizer.files!()) writeFileSync(join(copy, file), text);
      const again = loadTokenizer(copy);
      for (const { messages, ids } of expected.chats.filter((chat) => !chat.add_generation_prompt)) {
        expect(again.encodeChat(messages)).toEqual(ids);
      }
      expect(again.eosIds).toEqual(tokenizer.eosIds);
    } finally {
      rmSync(copy, { recursive: true });
    }
  });
}
