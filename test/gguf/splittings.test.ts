/** A file's word for the splitting of text makes the tokenizer that the model's own tokenizer.json makes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { GgufHeader } from '../../src/model/gguf-header.js';
import { tokenizerFromGguf } from '../../src/model/gguf-tokenizer.js';
import { createTokenizer, loadTokenizer } from '../../src/tokenizer/tokenizer.js';

const folder = join(import.meta.dirname, '../fixtures/architectures/tokenizers');

interface Own {
  readonly model: {
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly (string | readonly string[])[];
  };
  readonly added_tokens: readonly {
    readonly id: number;
    readonly content: string;
    readonly special: boolean;
  }[];
}

/** What llama.cpp's converter writes of a byte-level tokenizer.json. Ids without a token are unused. */
function headerOf(name: string, pre: string): GgufHeader {
  const { model, added_tokens: added } = JSON.parse(
    readFileSync(join(folder, name, 'tokenizer.json'), 'utf8'),
  ) as Own;
  const tokens: string[] = [];
  const types: number[] = [];
  for (const [content, id] of Object.entries(model.vocab)) [tokens[id], types[id]] = [content, 1];
  for (const { id, content, special } of added) [tokens[id], types[id]] = [content, special ? 3 : 4];
  for (let id = 0; id < tokens.length; id++) {
    tokens[id] ??= `[PAD${id}]`;
    types[id] ??= 5;
  }
  const values: Readonly<Record<string, unknown>> = {
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': pre,
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.token_type': types,
    'tokenizer.ggml.merges': model.merges.map((pair) => (typeof pair === 'string' ? pair : pair.join(' '))),
    'made_up.context_length': 64,
  };
  const get = (key: string, otherwise?: unknown) => values[key] ?? otherwise;
  const metadata = {
    has: (key: string) => key in values,
    ...{ string: get, strings: get, numbers: get, integer: get, boolean: get },
  };
  return { path: `${name}.gguf`, row: { name: 'made_up' }, metadata } as unknown as GgufHeader;
}

it.each([
  { name: 'granite', pre: 'refact' },
  { name: 'olmo2', pre: 'dbrx' },
  { name: 'phi4-mini', pre: 'gpt-4o' },
  { name: 'tekken', pre: 'tekken' },
])('$pre, of $name', ({ name, pre }) => {
  const { files, eosTokenIds } = tokenizerFromGguf(headerOf(name, pre));
  const [got, own] = [createTokenizer(files, eosTokenIds), loadTokenizer(join(folder, name), [])];
  const { texts } = JSON.parse(readFileSync(join(folder, name, 'expected.json'), 'utf8')) as {
    texts: readonly { readonly text: string }[];
  };
  expect(texts.length).toBeGreaterThan(10);
  for (const { text } of texts) {
    expect(got.encode(text), JSON.stringify(text)).toEqual(own.encode(text));
  }
});
