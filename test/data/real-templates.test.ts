import { describe, expect, it } from 'vitest';
import { preview } from '../../src/data/preview.js';
import { tokeniseRow } from '../../src/data/tokenise.js';
import { loadTokenizer } from '../../src/tokenizer/tokenizer.js';
import type { MessagesRow } from '../../src/values/rows.js';

/** Two turns; the second answer begins with line breaks, which byte-pair merges draw into a header's. */
const row: MessagesRow = {
  kind: 'messages',
  messages: [
    { role: 'user', content: 'hi' },
    { role: 'assistant', content: 'hello\nyou ' },
    { role: 'user', content: 'why?' },
    { role: 'assistant', content: '\n\nbecause' },
  ],
  lossFrom: 0,
  where: 'f:1',
  extra: {},
};

const load = (name: string) =>
  loadTokenizer(new URL(`../fixtures/model/tokenizers/${name}`, import.meta.url).pathname);

function masked(name: string) {
  const tokenizer = load(name);
  const { row: tokens, lastTurnOnly } = tokeniseRow(row, tokenizer, 'response');
  const text = preview([tokens], tokenizer, 1, false).split(/\n(.*)\n$/s)[1];
  return { text, lastTurnOnly };
}

describe('loss masks with the published chat templates', () => {
  it('SmolLM2: its default system prompt is read, not learnt', () => {
    expect(masked('smollm2')).toEqual({
      text:
        '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' +
        '<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n[[hello\nyou <|im_end|>]]\n' +
        '<|im_start|>user\nwhy?<|im_end|>\n<|im_start|>assistant\n[[\n\nbecause<|im_end|>]]\n',
      lastTurnOnly: false,
    });
  });

  it('Llama 3: content is stripped', () => {
    const header = (role: string) => `<|start_header_id|>${role}<|end_header_id|>\n\n`;
    expect(masked('llama3')).toEqual({
      text:
        `<|begin_of_text|>${header('user')}hi<|eot_id|>${header('assistant')}[[hello\nyou<|eot_id|>]]` +
        `${header('user')}why?<|eot_id|>${header('assistant')}[[because<|eot_id|>]]`,
      lastTurnOnly: false,
    });
  });

  it('TinyLlama: a token across the border of header and answer belongs to the answer', () => {
    // The three line breaks are one token, and pieces cannot be tokenised apart. The decoder puts a space
    // after `</s>`.
    expect(masked('tinyllama')).toEqual({
      text:
        '<|user|>\nhi</s> \n<|assistant|>\n[[hello\nyou </s>]] \n' +
        '<|user|>\nwhy?</s> \n<|assistant|>[[\n\n\nbecause</s>]] \n',
      lastTurnOnly: false,
    });
  });

  it('Qwen3: only the last answer has the reasoning block that the model would write', () => {
    expect(masked('qwen3')).toEqual({
      text:
        '<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nhello\nyou <|im_end|>\n' +
        '<|im_start|>user\nwhy?<|im_end|>\n<|im_start|>assistant\n[[<think>\n\n</think>\n\nbecause<|im_end|>]]\n',
      lastTurnOnly: true,
    });
  });

  it.each(['smollm2', 'llama3', 'tinyllama', 'qwen3'])(
    '%s: an answer begins exactly after the tokens of the generation prompt',
    (name) => {
      const tokenizer = load(name);
      const messages = row.messages.with(3, { role: 'assistant', content: 'because' });
      const { ids, lossMask } = tokeniseRow({ ...row, messages }, tokenizer, 'last').row;
      const prompt = tokenizer.encodeChat(messages.slice(0, 3), { addGenerationPrompt: true });
      const border = lossMask.indexOf(1);
      expect([...ids].slice(0, border)).toEqual(prompt);
      expect([...ids]).toEqual(tokenizer.encodeChat(messages));
    },
  );
});
