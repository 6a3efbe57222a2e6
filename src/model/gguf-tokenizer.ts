/**
 * A GGUF file's tokenizer, as the Hugging Face files it was made from.
 *
 * GGUF keeps tokens, merges and types, but names the splitting of text only by a word
 * (`tokenizer.ggml.pre`). The table below gives each known word the pre-tokenizer of the
 * tokenizer.json it stands for; an unknown word is refused, since a wrong guess would
 * tokenise almost rightly.
 */
import { ModelError } from '../errors.js';
import type { TokenizerFiles } from '../tokenizer/tokenizer-files.js';
import type { GgufHeader } from './gguf-header.js';
import { sentencePieceModel } from './gguf-sentencepiece.js';

type Json = Readonly<Record<string, unknown>>;

/** The tokenizer's files, and the tokens that the metadata names as ends of a response. */
export interface GgufTokenizer {
  readonly files: TokenizerFiles;
  readonly eosTokenIds: readonly number[];
}

/** @throws ModelError no tokenizer in the file, or one of a kind that cannot be rebuilt */
export function tokenizerFromGguf(header: GgufHeader): GgufTokenizer {
  const { path, metadata } = header;
  const kind = metadata.string('tokenizer.ggml.model', 'none');
  if (kind !== 'gpt2' && kind !== 'llama') {
    throw new ModelError({
      where: `${path}: tokenizer.ggml.model`,
      what: 'this kind of tokenizer cannot be read',
      expected: 'gpt2 (byte-level BPE) or llama (SentencePiece)',
      got: kind,
      next: 'use the model in Hugging Face format',
    });
  }
  const tokens =
    kind === 'llama'
      ? withByteOrderMarks(
          metadata.strings('tokenizer.ggml.tokens'),
          metadata.numbers('tokenizer.ggml.scores'),
        )
      : metadata.strings('tokenizer.ggml.tokens');
  const types = metadata.has('tokenizer.ggml.token_type')
    ? metadata.numbers('tokenizer.ggml.token_type')
    : tokens.map(() => TokenType.normal);
  const special = (key: string) => {
    if (!metadata.has(`tokenizer.ggml.${key}_token_id`)) return undefined;
    const id = metadata.integer(`tokenizer.ggml.${key}_token_id`);
    if (id < tokens.length) return { id, content: tokens[id] };
    throw new ModelError({
      where: `${path}: tokenizer.ggml.${key}_token_id`,
      what: 'there is no such token',
      expected: `below ${tokens.length}`,
      got: String(id),
    });
  };
  const bos = special('bos');
  const eos = special('eos');
  const parts = kind === 'gpt2' ? byteLevel(header, tokens) : sentencePiece(header, tokens, types);
  const addBos = metadata.boolean('tokenizer.ggml.add_bos_token', parts.addsBos) && bos !== undefined;
  const addEos = metadata.boolean('tokenizer.ggml.add_eos_token', false) && eos !== undefined;
  const template = metadata.has('tokenizer.chat_template')
    ? metadata.string('tokenizer.chat_template')
    : undefined;
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens(tokens, types, kind === 'llama' && header.row.controlStrips === true),
    normalizer: parts.normalizer,
    pre_tokenizer: parts.preTokenizer,
    post_processor: addBos || addEos ? surround(addBos ? bos : undefined, addEos ? eos : undefined) : null,
    decoder: parts.decoder,
    model: parts.model,
  };
  const config = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    clean_up_tokenization_spaces: false,
    model_max_length: metadata.integer(`${header.row.name}.context_length`),
    add_bos_token: addBos,
    add_eos_token: addEos,
    bos_token: bos?.content ?? null,
    eos_token: eos?.content ?? null,
    pad_token: special('padding')?.content ?? eos?.content ?? null,
    unk_token: special('unknown')?.content ?? null,
    ...(template !== undefined && { chat_template: template }),
  };
  const ends = [eos, special('eot'), special('eom')].flatMap((token) => token?.id ?? []);
  return {
    files: { tokenizer, config, where: path },
    eosTokenIds: [...new Set(ends)],
  };
}

/** `tokenizer.ggml.token_type` */
export const TokenType = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

interface Parts {
  readonly model: Json;
  readonly normalizer: Json | null;
  readonly preTokenizer: Json | null;
  readonly decoder: Json;
  /** Does the tokenizer begin a text with BOS where the file does not say? */
  readonly addsBos: boolean;
}

const split = (regex: string) => ({
  type: 'Split',
  pattern: { Regex: regex },
  behavior: 'Isolated',
  invert: false,
});
const bytes = (useRegex: boolean) => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: useRegex,
});
const words = (digits: string) =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

interface Splitting {
  readonly steps: readonly Json[];
  readonly normalizer?: Json;
  readonly addsBos?: boolean;
  /** A whole word in the vocabulary is taken before any merge. */
  readonly ignoreMerges?: boolean;
}

const gpt2: Splitting = { steps: [bytes(true)] };
const llama3: Splitting = {
  steps: [split(words('\\p{N}{1,3}')), bytes(false)],
  addsBos: true,
  ignoreMerges: true,
};
const qwen2: Splitting = { steps: [split(words('\\p{N}')), bytes(false)], normalizer: { type: 'NFC' } };
// The original says `Digits`, which in the Rust library means every \p{N}.
const smollm: Splitting = { steps: [split('\\p{N}'), bytes(true)] };

const gpt4: Splitting = { steps: [split(words('\\p{N}{1,3}')), bytes(false)] };
/** Words whose capitals stand before their small letters, with what may end them. */
const cased = (ending: string) => {
  const [upper, lower] = ['[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]', '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]'];
  const before = '[^\\r\\n\\p{L}\\p{N}]?';
  return `${before}${upper}*${lower}+${ending}|${before}${upper}+${lower}*${ending}`;
};
const marks = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
const gpt4o: Splitting = {
  steps: [split(`${cased("(?i:'s|'t|'re|'ve|'m|'ll|'d)?")}|\\p{N}{1,3}|${marks}`), bytes(false)],
};
const tekken: Splitting = {
  steps: [split(`${cased('')}|\\p{N}|${marks}`), bytes(false)],
  addsBos: true,
  ignoreMerges: true,
};

/** Splittings by the words that llama.cpp has for them. */
export const SPLITTINGS: Readonly<Record<string, Splitting>> = {
  'gpt-2': gpt2,
  gpt2,
  'phi-2': gpt2,
  olmo: gpt2,
  'llama-bpe': llama3,
  llama3,
  'llama-v3': llama3,
  'smaug-bpe': { ...llama3, ignoreMerges: false, addsBos: false },
  qwen2,
  'deepseek-r1-qwen': qwen2,
  smollm,
  refact: smollm,
  starcoder: smollm,
  dbrx: gpt4,
  'gpt-4o': gpt4o,
  tekken,
};

function byteLevel(header: GgufHeader, tokens: readonly string[]): Parts {
  const { path, row, metadata } = header;
  const named = metadata.string('tokenizer.ggml.pre', 'default');
  // Files from before the key existed, or from a converter that did not know the model.
  const name = named !== 'default' ? named : row.name.startsWith('qwen') ? 'qwen2' : guess(tokens);
  const splitting = SPLITTINGS[name];
  if (splitting === undefined) {
    throw new ModelError({
      where: `${path}: tokenizer.ggml.pre`,
      what: 'this splitting of text is not known',
      expected: `one of default, ${Object.keys(SPLITTINGS).join(', ')}`,
      got: name,
      next: 'use the model in Hugging Face format',
    });
  }
  return {
    model: {
      type: 'BPE',
      unk_token: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: splitting.ignoreMerges ?? false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: metadata.strings('tokenizer.ggml.merges'),
    },
    normalizer: splitting.normalizer ?? null,
    preTokenizer:
      splitting.steps.length === 1
        ? splitting.steps[0]
        : { type: 'Sequence', pretokenizers: splitting.steps },
    decoder: bytes(true),
    addsBos: splitting.addsBos ?? false,
  };
}

function guess(tokens: readonly string[]): string {
  return tokens.includes('<|begin_of_text|>') ? 'llama-bpe' : 'gpt-2';
}

function sentencePiece(header: GgufHeader, tokens: readonly string[], types: readonly number[]): Parts {
  const { metadata } = header;
  const unknown = metadata.integer('tokenizer.ggml.unknown_token_id', types.indexOf(TokenType.unknown));
  const { model, normalizer, decoder } = sentencePieceModel(
    tokens,
    metadata.numbers('tokenizer.ggml.scores'),
    (id) => types[id] === TokenType.normal,
    tokens[unknown],
    metadata.boolean('tokenizer.ggml.add_space_prefix', true),
  );
  return { model, normalizer, decoder, preTokenizer: null, addsBos: true };
}

/** Control tokens of Phi-3 that leave the blanks after them alone. */
const notStripping = ['<unk>', '<s>', '<|endoftext|>'];

/**
 * Pieces as they stand in the file: its parser drops a byte order mark that begins a text, which leaves pieces empty
 * or two alike. Of two alike the one with the mark scores lower, as it is rarer; but a single character scores
 * below every piece that is merged from it.
 */
function withByteOrderMarks(parsed: readonly string[], scores: readonly number[]): readonly string[] {
  const tokens = [...parsed];
  const seen = new Map<string, number>();
  for (const [id, token] of parsed.entries()) {
    const other = seen.get(token);
    seen.set(token, id);
    if (token === '' || token.startsWith('\uFEFF')) tokens[id] = `\uFEFF${token}`;
    else if (other !== undefined) {
      const [lower, higher] = scores[id] < scores[other] ? [id, other] : [other, id];
      tokens[[...token].length === 1 ? higher : lower] = `\uFEFF${token}`;
    }
  }
  return tokens;
}

/** @param strips do control tokens swallow the blanks after them? */
function addedTokens(tokens: readonly string[], types: readonly number[], strips: boolean): Json[] {
  return tokens.flatMap((content, id) => {
    const special = types[id] === TokenType.control || types[id] === TokenType.unknown;
    if (!special && types[id] !== TokenType.userDefined) return [];
    const rstrip = strips && (special || content === '</s>') && !notStripping.includes(content);
    return [{ id, content, single_word: false, lstrip: false, rstrip, normalized: false, special }];
  });
}

interface Token {
  readonly id: number;
  readonly content: string;
}

/** A post-processor that puts BOS before a text, EOS after it. */
function surround(bos: Token | undefined, eos: Token | undefined): Json {
  const token = ({ content }: Token) => ({ SpecialToken: { id: content, type_id: 0 } });
  const single = [
    ...(bos ? [token(bos)] : []),
    { Sequence: { id: 'A', type_id: 0 } },
    ...(eos ? [token(eos)] : []),
  ];
  const used = [bos, eos].filter((each) => each !== undefined);
  return {
    type: 'TemplateProcessing',
    single,
    pair: [...single, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: Object.fromEntries(
      used.map(({ id, content }) => [content, { id: content, ids: [id], tokens: [content] }]),
    ),
  };
}
