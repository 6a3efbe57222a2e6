/**
 * A tokenizer small enough to check masks by eye: one token a character, one for each special
 * token, and a chat template that is a plain function.
 */

import type { ChatTokenizer } from '../../src/tokenizer/tokenizer.js';
import type { Message } from '../../src/values/conversation.js';

export type Template = (messages: readonly Message[], addGenerationPrompt: boolean) => string;

/** As SmolLM2 has it: a default system prompt, white space after the end of turn. */
export const chatml: Template = (messages, open) => {
  const system = messages[0]?.role === 'system' ? '' : '<s>system\nbe kind<e>\n';
  const turns = messages.map(({ role, content }) => `<s>${role}\n${content.trim()}<e>\n`);
  return `${system}${turns.join('')}${open ? '<s>assistant\n' : ''}`;
};

/** As Llama 2 has it: no header of its own for answers, roles must alternate. */
export const inst: Template = (messages) =>
  messages
    .map(({ role, content }, i) => {
      if ((role === 'user') !== (i % 2 === 0)) throw new Error('roles must alternate user/assistant');
      return role === 'user' ? `<s>[INST] ${content} [/INST]` : ` ${content} <e>`;
    })
    .join('');

/** As Qwen3 has it: an empty reasoning block in the last answer, none in earlier ones. */
export const thinking: Template = (messages, open) => {
  const lastUser = messages.findLastIndex(({ role }) => role === 'user');
  const turns = messages.map(({ role, content }, i) => {
    const answer = content.split('</think>').at(-1)!.trim();
    const reasoning = content.includes('</think>')
      ? content.split('</think>')[0].replace('<think>', '').trim()
      : '';
    if (role !== 'assistant') return `<s>${role}\n${content}<e>\n`;
    return `<s>${role}\n${i > lastUser ? `<think>\n${reasoning}\n</think>\n\n` : ''}${answer}<e>\n`;
  });
  return turns.join('') + (open ? '<s>assistant\n' : '');
};

/** As the R1 distillates have it: the generation prompt opens a reasoning block, finished turns have none. */
export const reasoning: Template = (messages, open) => {
  const turns = messages.map(({ role, content }) =>
    role === 'user' ? `<s>U${content}` : `<s>A${content.split('</think>').at(-1)!.trim()}<e>`,
  );
  return turns.join('') + (open ? '<s>A<think>\n' : '');
};

/** No end-of-turn token at all: the line break ends the turn. */
export const plainLines: Template = (messages, open) =>
  messages.map(({ role, content }) => `${role}: ${content}\n`).join('') + (open ? 'assistant: ' : '');

const SPECIAL = ['<pad>', '<s>', '<e>', '<bos>'];
const [PAD, , EOS, BOS] = [0, 1, 2, 3];

export interface FakeOptions {
  /** `sentencepiece`: puts a space before whatever it is given, as Llama 2's tokenizer. */
  readonly style?: 'characters' | 'sentencepiece';
  readonly addBos?: boolean;
}

export function fakeTokenizer(
  template: Template | undefined,
  { style = 'characters', addBos = false }: FakeOptions = {},
): ChatTokenizer {
  const spaced = style === 'sentencepiece';
  const encode = (text: string, { addSpecialTokens = false } = {}) => {
    const pieces = (spaced && text !== '' ? ` ${text}` : text).match(/<pad>|<s>|<e>|<bos>|./gs) ?? [];
    const ids = pieces.map((piece) =>
      SPECIAL.includes(piece) ? SPECIAL.indexOf(piece) : SPECIAL.length + piece.charCodeAt(0),
    );
    return addSpecialTokens && addBos ? [BOS, ...ids] : ids;
  };
  const decode = (ids: readonly number[], { skipSpecialTokens = true } = {}) => {
    const kept = skipSpecialTokens ? ids.filter((id) => id >= SPECIAL.length) : ids;
    const text = kept.map((id) => SPECIAL[id] ?? String.fromCharCode(id - SPECIAL.length)).join('');
    return spaced ? text.replace(/^ /, '') : text;
  };
  const renderChat = (messages: readonly Message[], { addGenerationPrompt = false } = {}) => {
    if (template === undefined) throw new Error('no template');
    return template(messages, addGenerationPrompt);
  };
  return {
    vocabSize: 2 ** 16,
    eosIds: [EOS],
    specialTokens: SPECIAL,
    padId: PAD,
    bosId: BOS,
    encode,
    decode,
    renderChat,
    encodeChat: (messages, { answer = '', ...options } = {}) =>
      encode(renderChat(messages, options) + answer),
    hasChatTemplate: template !== undefined,
    streamDecoder: () => ({ push: (id) => decode([id]), flush: () => '' }),
  };
}
