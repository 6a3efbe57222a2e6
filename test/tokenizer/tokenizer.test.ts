/**
 * Tokenizers and chat templates against Python transformers, whole texts and whole id lists.
 *
 * Expected values: test/fixtures/model/make_tokenizers.py. Four families: ChatML on byte-level BPE
 * (SmolLM2), NFC and a split pattern (Qwen3), `ignore_merges` and a BOS (Llama 3), byte fallback and
 * spaces as ▁ (TinyLlama).
 */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTokenizer, loadTokenizer } from '../../src/tokenizer/tokenizer.js';
import { readTokenizerFiles } from '../../src/tokenizer/tokenizer-files.js';
import type { Message } from '../../src/values/conversation.js';
import { sameAsTransformers } from './same-as-transformers.js';

const fixtures = join(import.meta.dirname, '../fixtures/model/tokenizers');

const families = [
  { name: 'smollm2', turnEnd: '<|im_end|>' },
  { name: 'qwen3', turnEnd: '<|im_end|>' },
  { name: 'llama3', turnEnd: '<|eot_id|>' },
  { name: 'tinyllama', turnEnd: '</s>' },
];

describe.each(families)('$name', ({ name, turnEnd }) => {
  sameAsTransformers(join(fixtures, name), turnEnd);
});

describe('streaming', () => {
  const tokenizer = loadTokenizer(join(fixtures, 'smollm2'));

  it('holds back a character until its last byte', () => {
    const ids = tokenizer.encode('👍');
    expect(ids.length).toBe(4); // the small vocabulary has no merges for it: one token a byte
    const stream = tokenizer.streamDecoder();
    expect(ids.map((id) => stream.push(id))).toEqual(['', '', '', '👍']);
    expect(stream.flush()).toBe('');
  });

  it('shows an unfinished character at the end as U+FFFD', () => {
    const stream = tokenizer.streamDecoder();
    const ids = tokenizer.encode('a👍').slice(0, 3);
    expect(ids.map((id) => stream.push(id))).toEqual(['a', '', '']);
    expect(stream.flush()).toBe('\uFFFD');
  });

  it('keeps a space that follows a special token', () => {
    const llama = loadTokenizer(join(fixtures, 'tinyllama'));
    const ids = [...llama.encode('one'), llama.eosIds[0], ...llama.encode('two')];
    const stream = llama.streamDecoder();
    expect(ids.map((id) => stream.push(id)).join('')).toBe(llama.decode(ids));
    expect(llama.decode(ids)).toBe('one two');
  });
});

describe('special cases', () => {
  const files = readTokenizerFiles(join(fixtures, 'smollm2'));
  const chat: Message[] = [{ role: 'user', content: 'Hi' }];

  it('ignores ids that no token has, such as padding rows of the embedding', () => {
    const tokenizer = createTokenizer(files);
    expect(tokenizer.decode([...tokenizer.encode('kind'), 99999])).toBe('kind');
    expect(tokenizer.decode([])).toBe('');
  });

  it('unites the end tokens of model, tokenizer and template', () => {
    const llama = loadTokenizer(join(fixtures, 'llama3'), [7]);
    const ids = ['<|end_of_text|>', '<|eot_id|>'].flatMap((token) => llama.encode(token));
    expect(llama.eosIds).toEqual([7, ...ids]);
  });

  it('takes the default one of several templates', () => {
    const chat_template = [
      { name: 'tool_use', template: 'tools' },
      { name: 'default', template: 'plain' },
    ];
    const tokenizer = createTokenizer({ ...files, config: { ...files.config, chat_template } });
    expect(tokenizer.renderChat(chat)).toBe('plain');
  });

  it('prefers chat_template.jinja', () => {
    const tokenizer = createTokenizer({ ...files, chatTemplate: '{{ eos_token }}|{{ bos_token }}\n' });
    expect(tokenizer.renderChat(chat)).toBe('<|im_end|>|<|im_start|>');
  });

  it('makes named tokens of the vocabulary special, as transformers does', () => {
    const config = { ...files.config, additional_special_tokens: ['an'] };
    const tokenizer = createTokenizer({ ...files, config });
    const [id] = tokenizer.encode('an');
    expect(tokenizer.encode('human')).toContain(id);
    expect(tokenizer.decode(tokenizer.encode('human'))).toBe('hum');
  });
});

describe('clear errors', () => {
  const files = readTokenizerFiles(join(fixtures, 'smollm2'));
  const chat: Message[] = [{ role: 'user', content: 'Hi' }];
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'ealign-tokenizer-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('no tokenizer.json', () => {
    expect(() => loadTokenizer(folder)).toThrow(
      `${folder}: no tokenizer.json. Fetch the model's tokenizer files`,
    );
    cpSync(join(fixtures, 'smollm2/tokenizer.json'), join(folder, 'tokenizer.model'));
    expect(() => loadTokenizer(folder)).toThrow(
      /no tokenizer\.json, got only tokenizer\.model\. Save the tokenizer/,
    );
  });

  it('broken tokenizer.json', () => {
    writeFileSync(join(folder, 'tokenizer.json'), '{"model":');
    expect(() => loadTokenizer(folder)).toThrow(/tokenizer\.json: is not JSON .*\. Fetch the file again/);
    writeFileSync(join(folder, 'tokenizer.json'), '{"model":{"type":"WordLevel","vocab":{}}}');
    expect(() => loadTokenizer(folder)).toThrow(/expected BPE or Unigram with a vocabulary, got WordLevel/);
    writeFileSync(join(folder, 'tokenizer.json'), '{"model":{"type":"BPE","vocab":{},"merges":[]}}');
    expect(() => loadTokenizer(folder)).toThrow(/tokenizer\.json cannot be used/);
  });

  it.each([
    {
      what: 'no template',
      template: undefined,
      message: /has no chat template.*\. Use the instruct version/,
    },
    {
      what: 'no default',
      template: [{ name: 'rag', template: '' }],
      message: /expected a template named 'default', got rag/,
    },
    { what: 'a broken template', template: '{% for %}', message: /the chat template cannot be parsed/ },
    {
      what: 'a template that refuses',
      template: "{{ raise_exception('roles must alternate') }}",
      message: /refuses this conversation: roles must alternate, got roles user/,
    },
  ])('$what', ({ template, message }) => {
    const render = (): string =>
      createTokenizer({ ...files, config: { ...files.config, chat_template: template } }).renderChat(chat);
    expect(render).toThrow(message);
    expect(render).toThrow(expect.objectContaining({ name: 'ModelError' }));
  });

  it('names ids and texts of tokens that are none', () => {
    const { model, added_tokens } = files.tokenizer as { model: { vocab: object }; added_tokens: object[] };
    const damaged = (changes: object) => () =>
      createTokenizer({ ...files, tokenizer: { ...files.tokenizer, ...changes } });
    const vocab = { ...model.vocab, harm: [3] };
    expect(damaged({ model: { ...model, vocab } })).toThrow(/the token "harm" has no id.*got \[3\]/);
    const nameless = [...added_tokens, { id: 3, content: 7, special: true }];
    expect(damaged({ added_tokens: nameless })).toThrow(/an added token has no text, got 7/);
  });

  it('says beforehand that there is no template', () => {
    const config = { ...files.config, chat_template: undefined };
    expect(createTokenizer({ ...files, config }).hasChatTemplate).toBe(false);
    expect(createTokenizer(files).hasChatTemplate).toBe(true);
  });
});
