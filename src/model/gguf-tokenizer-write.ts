/**
 * A Hugging Face tokenizer as GGUF metadata: tokens with their types, merges or scores, special tokens, chat template.
 *
 * The counterpart of gguf-tokenizer.ts, which reads back what is written: texts must become the same tokens again. The
 * splitting of a byte-level tokenizer has no name in its files; it is that of llama.cpp's words whose tokenizer
 * encodes alike. A tokenizer that none of them makes is refused, since a wrong word tokenises almost rightly.
 */
import { ModelError } from '../errors.js';
import { Random } from '../random.js';
import { addedTokens, type ChatTokenizer, createTokenizer, vocabularyOf } from '../tokenizer/tokenizer.js';
import {
  chatTemplateSource,
  namedSpecialTokens,
  type TokenizerFiles,
  tokenizerFilesFrom,
} from '../tokenizer/tokenizer-files.js';
import { describeHeader } from './gguf-header.js';
import { SPLITTINGS, TokenType, tokenizerFromGguf } from './gguf-tokenizer.js';
import { type GgufEntry, ggufValue, plannedHeader } from './gguf-write.js';

type Entries = ReadonlyMap<string, GgufEntry>;

/**
 * The keys of a tokenizer.
 *
 * @param tokenizer  whose files are written
 * @param others     the file's other keys, by which they are read back
 * @param vocabSize  rows of the embedding; ids without a token are unused
 * @param eosTokenIds tokens that end a response
 * @throws ModelError when llama.cpp would encode texts otherwise
 */
export function ggufTokenizer(
  tokenizer: ChatTokenizer,
  others: Entries,
  { vocabSize, eosTokenIds }: { readonly vocabSize: number; readonly eosTokenIds: readonly number[] },
  where: string,
): Entries {
  const files = tokenizerFilesFrom(tokenizer.files?.() ?? new Map(), where);
  const vocabulary = tokensOf(files, vocabSize);
  const common = commonEntries(files, tokenizer, vocabulary, eosTokenIds);
  const kind = kindOf(files);
  const texts = samples(tokenizer);
  let misread: string | undefined;
  for (const own of kind === 'bytes' ? byteLevel(files, vocabulary) : sentencePiece(files, vocabulary)) {
    const entries = new Map([...own, ...common]);
    misread = firstDifference(tokenizer, readBack(new Map([...others, ...entries]), where), texts);
    if (misread === undefined) return entries;
  }
  throw new ModelError({
    where,
    what: 'the tokenizer cannot be said in GGUF: none of llama.cpp’s splittings of text makes the same tokens',
    ...(misread === undefined ? {} : { got: `other tokens of ${JSON.stringify(misread.slice(0, 60))}` }),
    next: 'export with --format safetensors',
  });
}

/** The chat template's keys; none where there is none. */
export function ggufTemplate(tokenizer: ChatTokenizer, where: string): Entries {
  return templateEntries(tokenizerFilesFrom(tokenizer.files?.() ?? new Map(), where));
}

function templateEntries(files: TokenizerFiles): Entries {
  const { text, texts } = ggufValue;
  const template = chatTemplateSource(files);
  if (!template) return new Map();
  const { source, toolUse } = template;
  return new Map([
    ['tokenizer.chat_template', text(source)],
    ...(toolUse === undefined
      ? []
      : ([
          ['tokenizer.chat_templates', texts(['tool_use'])],
          ['tokenizer.chat_template.tool_use', text(toolUse)],
        ] as const)),
  ]);
}

interface Token {
  readonly text: string;
  readonly type: number;
}

/** Every id's token. */
function tokensOf(files: TokenizerFiles, vocabSize: number): Token[] {
  const tokens: Token[] = Array.from({ length: vocabSize }, (_, id) => ({
    text: `[PAD${id}]`,
    type: TokenType.unused,
  }));
  const bytes = (files.tokenizer.model as { byte_fallback?: boolean }).byte_fallback === true;
  for (const [text, id] of vocabularyOf(files)) {
    const type = bytes && /^<0x[0-9A-F]{2}>$/.test(text) ? TokenType.byte : TokenType.normal;
    tokens[id] = { text, type };
  }
  for (const { id, content, special } of addedTokens(files, vocabularyOf(files)))
    tokens[id] = { text: content, type: special ? TokenType.control : TokenType.userDefined };
  return tokens;
}

function commonEntries(
  files: TokenizerFiles,
  tokenizer: ChatTokenizer,
  tokens: readonly Token[],
  eosTokenIds: readonly number[],
): Entries {
  const { u32, bool } = ggufValue;
  const named = namedSpecialTokens(files.config);
  const idOf = (name: string) => tokens.findIndex(({ text }) => text === named[`${name}_token`]);
  const own = idOf('eos');
  const [eos, eot, eom] = [...new Set([...(own < 0 ? [] : [own]), ...eosTokenIds])];
  const ids = { bos: idOf('bos'), eos, eot, eom, unknown: idOf('unk'), padding: idOf('pad') };
  const around = tokenizer.encode('a', { addSpecialTokens: true });
  return new Map([
    ...Object.entries(ids).flatMap(([name, id]) =>
      id === undefined || id < 0 ? [] : ([[`tokenizer.ggml.${name}_token_id`, u32(id)]] as const),
    ),
    ['tokenizer.ggml.add_bos_token', bool(around.length > 1 && around[0] === ids.bos)],
    ['tokenizer.ggml.add_eos_token', bool(around.length > 1 && around.at(-1) === eos)],
    ...templateEntries(files),
  ]);
}

function kindOf({ tokenizer, where }: TokenizerFiles): 'bytes' | 'pieces' {
  const text = JSON.stringify([tokenizer.pre_tokenizer, tokenizer.decoder]);
  const { type = 'BPE', byte_fallback: bytes } = tokenizer.model as {
    type?: string;
    byte_fallback?: boolean;
  };
  if (type === 'BPE' && text.includes('"ByteLevel"')) return 'bytes';
  if (type === 'BPE' && bytes && text.includes('▁')) return 'pieces';
  throw new ModelError({
    where,
    what: 'this kind of tokenizer has no form in GGUF here',
    expected: 'a byte-level BPE, or a SentencePiece BPE with bytes',
    got: String(type),
    next: 'export with --format safetensors',
  });
}

const mergesOf = ({ tokenizer }: TokenizerFiles): (readonly [string, string])[] =>
  ((tokenizer.model as { merges?: (string | [string, string])[] }).merges ?? []).map((pair) =>
    typeof pair === 'string' ? (pair.split(' ') as [string, string]) : pair,
  );

const listed = (tokens: readonly Token[]): (readonly [string, GgufEntry])[] => [
  ['tokenizer.ggml.tokens', ggufValue.texts(tokens.map(({ text }) => text))],
  ['tokenizer.ggml.token_type', ggufValue.i32s(tokens.map(({ type }) => type))],
];

/** Names of splittings that differ, each by the word that llama.cpp's converter writes most. */
const words = ['gpt-2', 'llama-bpe', 'qwen2', 'smollm', 'dbrx', 'gpt-4o', 'tekken'];

/** One form for each splitting that may be the tokenizer's, the likeliest first. */
function* byteLevel(files: TokenizerFiles, tokens: readonly Token[]): Generator<Entries> {
  const { text, texts } = ggufValue;
  const { tokenizer } = files;
  const { ignore_merges: ignore = false } = tokenizer.model as { ignore_merges?: boolean };
  const merges = texts(mergesOf(files).map((pair) => pair.join(' ')));
  const given = JSON.stringify(tokenizer.pre_tokenizer);
  const like = (word: string) => {
    const patterns = SPLITTINGS[word].steps.map((step) => (step.pattern as { Regex?: string })?.Regex ?? '');
    return patterns.every((pattern) => given.includes(JSON.stringify(pattern).slice(1, -1))) ? 0 : 1;
  };
  const fitting = words.filter((word) => (SPLITTINGS[word].ignoreMerges ?? false) === ignore);
  for (const word of fitting.toSorted((a, b) => like(a) - like(b))) {
    yield new Map([
      ['tokenizer.ggml.model', text('gpt2')],
      ['tokenizer.ggml.pre', text(word)],
      ...listed(tokens),
      ['tokenizer.ggml.merges', merges],
    ]);
  }
}

/**
 * Scores from merges: of two pieces that could be joined, the one that is merged earlier scores higher. Pieces that
 * nothing is merged into, single characters, score below them all. User-defined tokens have spaces for ▁.
 */
function* sentencePiece(files: TokenizerFiles, tokens: readonly Token[]): Generator<Entries> {
  const { text, f32s, bool } = ggufValue;
  const order = new Map<string, number>();
  for (const [left, right] of mergesOf(files))
    if (!order.has(left + right)) order.set(left + right, order.size);
  let last = order.size;
  const unknown = (files.tokenizer.model as { unk_token?: string }).unk_token;
  const scores = tokens.map(({ text, type }) => {
    if (type !== TokenType.normal) return 0;
    return -(order.get(text) ?? last++);
  });
  const spaced = tokens.map((token) => {
    if (token.text === unknown) return { ...token, type: TokenType.unknown };
    return token.type === TokenType.userDefined ? { ...token, text: token.text.replaceAll('▁', ' ') } : token;
  });
  for (const prefix of [true, false]) {
    yield new Map([
      ['tokenizer.ggml.model', text('llama')],
      ['tokenizer.ggml.pre', text('default')],
      ...listed(spaced),
      ['tokenizer.ggml.scores', f32s(scores)],
      ['tokenizer.ggml.add_space_prefix', bool(prefix)],
    ]);
  }
}

function readBack(entries: Entries, where: string): ChatTokenizer {
  const { files, eosTokenIds } = tokenizerFromGguf(describeHeader(where, plannedHeader(entries, [])));
  return createTokenizer(files, eosTokenIds);
}

/** The first text of which the two make other tokens. */
function firstDifference(
  own: ChatTokenizer,
  other: ChatTokenizer,
  texts: readonly string[],
): string | undefined {
  return texts.find((text) =>
    [false, true].some((addSpecialTokens) => {
      const [a, b] = [own, other].map((each) => each.encode(text, { addSpecialTokens }));
      return a.join() !== b.join();
    }),
  );
}

/** What splittings disagree on; no text of it begins with a blank or writes a special token. */
const fixed = [
  'The quick brown fox jumps over the lazy dog.',
  "I'm sure they've said it's fine, DON'T you think we'll see? 'tis what she'd do.",
  'Numbers: 3 33 333 3333 33333 1,234.56 2026-11-30 0x1F ½ ٣٤ x2 2x v1.2.3',
  'def add(a, b):\n    return a + b  # sum\n\n\tif (x != y) { foo_bar->baz(); }\r\n\r\nend',
  'tabs\tand\t\tmore\n\n\n   \n  blanks   between    words \n\nMixedCase camelCaseWord HTTPServer ÄÖÜ straße',
  'Ünïcödé: 你好世界 こんにちは 안녕 привет мир مرحبا नमस्ते ไทย 🚀😀👩‍👩‍👧 e\u0301?!...()[]{}<>/\\|@#$%^&*~`',
  'http://example.org/path?query=1&other=two#part someone@example.org C++ C# .NET …—–"quoted"„so“',
];

/** Texts by which tokenizers are compared: fixed ones, and what random tokens of the vocabulary stand for. */
function samples(tokenizer: ChatTokenizer): string[] {
  const random = new Random(1, 'tokens');
  const drawn = Array.from({ length: 40 }, () => {
    const ids = Array.from({ length: 12 }, () => Math.floor(random.next() * tokenizer.vocabSize));
    return tokenizer.decode(ids);
  });
  const special = tokenizer.specialTokens;
  const plain = (text: string) =>
    text !== '' && !/^\s|[▁\uFFFD\uFEFF]/.test(text) && !special.some((token) => text.includes(token));
  return [...fixed, ...drawn.filter((text) => plain(text) && text === text.normalize('NFC'))];
}
