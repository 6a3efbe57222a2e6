/** Reasoning apart from the answer, whoever opened its block: the model or its generation prompt. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GrowingRow } from '../../src/engine/onnx/generate.js';
import { answerTokens, promptTokens } from '../../src/tokenizer/answer-tokens.js';
import { closingReasoning, openedReasoning, splitReasoning } from '../../src/tokenizer/reasoning.js';
import { createTokenizer } from '../../src/tokenizer/tokenizer.js';
import { readTokenizerFiles } from '../../src/tokenizer/tokenizer-files.js';
import { PieceSplitter } from '../../src/zero-shot/draft-stream.js';

const qwen3 = readTokenizerFiles(join(import.meta.dirname, '../fixtures/model/tokenizers/qwen3'));
const TURNS = '{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}';
const withPrompt = (opening: string, added: readonly object[] = []) =>
  createTokenizer({
    ...qwen3,
    tokenizer: {
      ...qwen3.tokenizer,
      added_tokens: [...(qwen3.tokenizer.added_tokens as object[]), ...added],
    },
    chatTemplate: `${TURNS}{% if add_generation_prompt %}<|im_start|>assistant\n${opening}{% endif %}`,
  });
const messages = [{ role: 'user', content: 'Hi' }] as const;

/** What becomes of an answer that the model writes. */
function grown(opening: string, answer: string, options: object = {}, added: readonly object[] = []) {
  const tokenizer = withPrompt(opening, added);
  const pieces: string[] = [];
  const asked = { maxTokens: 99, temperature: 0, onText: (_: number, text: string) => pieces.push(text) };
  const prompt = { index: 0, tokens: promptTokens(tokenizer, messages), limit: 99 };
  const row = new GrowingRow(prompt, tokenizer, { ...asked, ...options });
  for (const id of tokenizer.encode(answer)) {
    if (!row.finished) row.grow({ best: id });
  }
  const { text, reasoning, finish } = row.response();
  return { text, reasoning, finish, pieces: pieces.join('') };
}

describe('splitReasoning', () => {
  it.each([
    ['<think>\nhm\n</think>\n\nyes', 'hm', 'yes'],
    ['<think>\n\n</think>\n\nyes', undefined, 'yes'],
    ['<thinking>hm</thinking> yes', 'hm', 'yes'],
    ['<thought>\nhm\n</thought>\nyes', 'hm', 'yes'],
    ['<reasoning>hm</reasoning>yes', 'hm', 'yes'],
    ['[THINK]hm[/THINK]yes', 'hm', 'yes'],
    ['<seed:think>hm</seed:think>yes', 'hm', 'yes'],
    ['<Think>hm</THINK>yes', 'hm', 'yes'],
    ['◁think▷hm◁/think▷yes', 'hm', 'yes'],
    ['<think>hm <b> yes', 'hm <b> yes', ''],
    ['yes <think>hm</think>', undefined, 'yes <think>hm</think>'],
  ])('%j', (raw, reasoning, text) => {
    expect(splitReasoning(raw)).toEqual(reasoning === undefined ? { text } : { text, reasoning });
  });
});

describe('a generation prompt', () => {
  it.each([
    ['<think>\n', '<think>', '\n</think>\n\n'],
    ['<think>', '<think>', '\n\n</think>\n\n'],
    ['[THINK]', '[THINK]', '\n\n[/THINK]\n\n'],
    ['<think>\n\n</think>\n\n', undefined, ''],
    ['', undefined, ''],
  ])('that ends in %j', (opening, open, closing) => {
    const prompt = `<|im_start|>assistant\n${opening}`;
    expect(openedReasoning(prompt)?.open).toBe(open);
    expect(closingReasoning(prompt)).toBe(closing);
  });
});

describe('an answer', () => {
  const said = 'The user is rude.</think>\n\nHello.<|im_end|>';
  it('begins in the reasoning that its prompt opens', () => {
    for (const opening of ['<think>\n', '<think>']) {
      const { pieces, ...response } = grown(opening, said);
      expect(response).toEqual({ text: 'Hello.', reasoning: 'The user is rude.', finish: 'stop' });
      const splitter = new PieceSplitter(false);
      expect([...splitter.push(pieces), ...splitter.end()]).toEqual([
        { type: 'reasoning', text: 'The user is rude.' },
        { type: 'text', text: 'Hello.' },
      ]);
    }
  });

  it('is the same where the model opens it, or the prompt has closed it', () => {
    expect(grown('', `<think>\n${said}`)).toMatchObject({ text: 'Hello.', reasoning: 'The user is rude.' });
    expect(grown('<think>\n\n</think>\n\n', 'Hello.<|im_end|>')).toMatchObject({
      ...{ text: 'Hello.', reasoning: undefined, pieces: 'Hello.' },
    });
  });

  it('may have its tags in capitals, cut anywhere', () => {
    const splitter = new PieceSplitter(false);
    const pieces = [...'<THINK>hm</Think>yes'].flatMap((letter) => splitter.push(letter));
    const said = (type: string) =>
      pieces.flatMap((piece) => (piece.type === type ? [piece.text] : [])).join('');
    expect([said('reasoning'), said('text')]).toEqual(['hm', 'yes']);
  });

  it('that is not finished is all reasoning', () => {
    expect(grown('<think>\n', 'The user')).toMatchObject({
      text: '',
      reasoning: 'The user',
      finish: 'length',
    });
  });

  it('stops at no string of the prompt', () => {
    expect(grown('<think>\n', 'hm</think>yes\nno', { stop: ['\n'] })).toMatchObject({
      ...{ text: 'yes', reasoning: 'hm', finish: 'stop' },
    });
  });

  it('shows where it begins though the tags are special tokens', () => {
    const special = ['[THINK]', '[/THINK]'].map((content, i) => ({
      ...{ id: 600 + i, content, special: true, normalized: false },
    }));
    expect(grown('', '[THINK]hm[/THINK]yes<|im_end|>', {}, special)).toMatchObject({
      ...{ text: 'yes', reasoning: 'hm' },
    });
  });
});

describe('a label', () => {
  const text = (ids: readonly number[]) => withPrompt('').decode(ids, { skipSpecialTokens: false });
  it('is read behind the reasoning that the prompt opens', () => {
    const { context, choices } = answerTokens(withPrompt('<think>\n'), messages, ['yes', 'no']);
    expect(text(context).endsWith('<|im_start|>assistant\n<think>\n\n</think>\n\n')).toBe(true);
    expect(choices.map(text)).toEqual(['yes', 'no']);
  });

  it('is read behind a prefix, which stands there too', () => {
    const tokenizer = withPrompt('<think>\n');
    const { context } = answerTokens(tokenizer, messages, [' yes'], 'Verdict:');
    expect(text(context).endsWith('<think>\n\n</think>\n\nVerdict:')).toBe(true);
    expect(text(promptTokens(tokenizer, messages, 'Here'))).toMatch(/<think>\n\n<\/think>\n\nHere$/);
  });

  it('is read at once where no reasoning is open', () => {
    const { context } = answerTokens(withPrompt(''), messages, ['yes']);
    expect(text(context).endsWith('<|im_start|>assistant\n')).toBe(true);
  });
});
