/**
 * Tokenizers of further families read from GGUF: the same tokens as from their Hugging Face files.
 *
 * The files are those of test/fixtures/architectures/make_tokenizers.py, put into GGUF metadata as llama.cpp's converter
 * does it, with their sparse ids closed up.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readGgufHeader } from '../../src/model/gguf-header.js';
import { tokenizerFromGguf } from '../../src/model/gguf-tokenizer.js';
import { createTokenizer } from '../../src/tokenizer/tokenizer.js';
import type { Message } from '../../src/values/conversation.js';
import { grow } from './grow.js';

const fixtures = join(import.meta.dirname, '../fixtures/architectures');
const folder = mkdtempSync(join(tmpdir(), 'ealign-gguf-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Family {
  readonly name: string;
  readonly architecture: string;
  /** `tokenizer.ggml.pre` of byte-level vocabularies; the others are SentencePiece. */
  readonly pre?: string;
  readonly keys?: Record<string, boolean>;
  /** Texts that GGUF cannot say enough about, and why. */
  readonly but?: { readonly texts: RegExp; readonly chats: boolean };
}

const families: Family[] = [
  {
    name: 'gemma3',
    architecture: 'gemma3',
    keys: { add_space_prefix: false, add_bos_token: true },
    // a literal ▁▁ and two spaces are one token there
    but: { texts: /▁▁/, chats: false },
  },
  {
    name: 'mistral',
    architecture: 'llama',
    keys: { add_space_prefix: true, add_bos_token: true },
    // a space goes before every part of a text between control tokens, and before another space, as in llama.cpp
    but: { texts: /^ |\[INST\]|<\/?s>/, chats: true },
  },
  { name: 'phi3', architecture: 'phi3', keys: { add_bos_token: false } },
  { name: 'tekken', architecture: 'llama', pre: 'tekken' },
  // spaces beside control tokens are taken by Phi-4's own files, which GGUF does not say
  { name: 'phi4', architecture: 'phi3', pre: 'dbrx', but: { texts: /<\|/, chats: true } },
  { name: 'phi4-mini', architecture: 'phi3', pre: 'gpt-4o' },
  { name: 'granite', architecture: 'granite', pre: 'refact', keys: { add_bos_token: false } },
  { name: 'olmo2', architecture: 'olmo2', pre: 'dbrx' },
];

interface Added {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
}

/** The tokenizer from GGUF, and its id for each id of the files. */
async function throughGguf({ name, architecture, pre, keys = {} }: Family) {
  const read = (file: string) => readFileSync(join(fixtures, 'tokenizers', name, file), 'utf8');
  const { model, added_tokens: listed } = JSON.parse(read('tokenizer.json'));
  const added = new Map((listed as Added[]).map((token) => [token.content, token]));
  const merges = (model.merges as (string | [string, string])[]).map((pair) =>
    typeof pair === 'string' ? pair.split(' ') : pair,
  );
  const scores = new Map<string, number>();
  merges.forEach((pair, rank) => {
    const whole = pair.join('');
    if (!scores.has(whole)) scores.set(whole, -rank);
  });
  const known = { ...model.vocab, ...Object.fromEntries([...added].map(([token, { id }]) => [token, id])) };
  const tokens = Object.entries<number>(known).sort((a, b) => a[1] - b[1]);
  const dense = new Map(tokens.map(([, id], place) => [id, place]));
  const typeOf = (token: string) => {
    if (token === model.unk_token) return 2;
    if (added.has(token)) return added.get(token)!.special ? 3 : 4;
    return pre === undefined && /^<0x..>$/.test(token) ? 6 : 1;
  };
  const spaced = (token: string) => (typeOf(token) === 4 ? token.replaceAll('▁', ' ') : token);
  const config = JSON.parse(read('tokenizer_config.json'));
  const special = ['bos', 'eos', 'unk', 'pad'].flatMap((short) => {
    const place = tokens.findIndex(([token]) => token === config[`${short}_token`]);
    const long = { unk: 'unknown', pad: 'padding' }[short] ?? short;
    return place < 0 ? [] : [[`tokenizer.ggml.${long}_token_id`, place] as const];
  });
  const file = await grow(join(fixtures, 'gguf/mistral.gguf'), {
    'general.architecture': architecture,
    [`${architecture}.context_length`]: 64,
    'tokenizer.ggml.model': pre === undefined ? 'llama' : 'gpt2',
    'tokenizer.ggml.pre': pre ?? 'default',
    'tokenizer.ggml.tokens': tokens.map(([token]) => spaced(token)),
    'tokenizer.ggml.token_type': { ints: tokens.map(([token]) => typeOf(token)) },
    ...(pre === undefined
      ? { 'tokenizer.ggml.scores': { floats: tokens.map(([token]) => scores.get(token) ?? -1000) } }
      : { 'tokenizer.ggml.merges': merges.map((pair) => pair.join(' ')) }),
    ...Object.fromEntries(special),
    ...Object.fromEntries(Object.entries(keys).map(([key, value]) => [`tokenizer.ggml.${key}`, value])),
    'tokenizer.chat_template': read('chat_template.jinja'),
  });
  const path = join(folder, `${name}.gguf`);
  writeFileSync(path, file);
  const { files, eosTokenIds } = tokenizerFromGguf(await readGgufHeader(path));
  return {
    tokenizer: createTokenizer(files, eosTokenIds),
    ours: (ids: readonly number[]) => ids.map((id) => dense.get(id)),
  };
}

interface Expected {
  texts: { text: string; ids: number[]; with_special: number[]; decoded: string }[];
  chats: { messages: Message[]; add_generation_prompt: boolean; text: string; ids: number[] }[];
}

describe.each(families)('$name', async (family) => {
  const { texts, chats }: Expected = JSON.parse(
    readFileSync(join(fixtures, 'tokenizers', family.name, 'expected.json'), 'utf8'),
  );
  const { tokenizer, ours } = await throughGguf(family);

  it('encodes and decodes as from Hugging Face files', () => {
    const kept = texts.filter(({ text }) => !family.but?.texts.test(text));
    expect(kept.length).toBeGreaterThan(12);
    for (const { text, ids, with_special, decoded } of kept) {
      expect(tokenizer.encode(text), text).toEqual(ours(ids));
      expect(tokenizer.encode(text, { addSpecialTokens: true }), text).toEqual(ours(with_special));
      expect(tokenizer.decode(ours(ids) as number[], { skipSpecialTokens: false })).toBe(decoded);
    }
  });

  it.skipIf(family.but?.chats)('renders and encodes conversations alike', () => {
    for (const { messages, add_generation_prompt: addGenerationPrompt, text, ids } of chats) {
      expect(tokenizer.renderChat(messages, { addGenerationPrompt })).toBe(text);
      expect(tokenizer.encodeChat(messages, { addGenerationPrompt })).toEqual(ours(ids));
    }
  });
});
