/**
 * Text to tokens and back, and conversations to text, exactly as `transformers` does it.
 *
 * The tokenizing itself is @huggingface/tokenizers; this file settles what that leaves open:
 * which tokens are special, which of them end a response, and how text streams out token by
 * token without half characters. Its files are read in tokenizer-files.ts.
 */
import { Tokenizer } from '@huggingface/tokenizers';
import { ModelError } from '../errors.js';
import type { Message, ToolSchema } from '../values/conversation.js';
import { decodeByteRunsExactly } from './byte-fallback.js';
import { type ChatOptions, ChatTemplate, TemplateLimitReached } from './chat-template.js';
import { type AddedToken, type Chat, ControlTokens, isMarked } from './control-tokens.js';
import { REASONING_TAGS } from './reasoning.js';
import { StreamText } from './stream-text.js';
import { RunTooLong, type Watch, watched, watchFor } from './time-limit.js';
import {
  chatTemplateSource,
  extraSpecialTokens,
  namedSpecialTokens,
  readTokenizerFiles,
  type TokenizerFiles,
  tokenizerFileTexts,
} from './tokenizer-files.js';

export interface EncodeChatOptions extends ChatOptions {
  /** What the assistant's turn begins with, tokenised together with what stands before it. Default: nothing. */
  readonly answer?: string;
  /** The conversation is guarded already. Default false. */
  readonly guarded?: boolean;
}

/** A tokenizer together with its chat template. */
export interface ChatTokenizer {
  /** Highest token id + 1; the model's embedding may have more rows. */
  readonly vocabSize: number;
  /** Tokens that end a response. */
  readonly eosIds: readonly number[];
  readonly padId: number;
  readonly bosId?: number;
  /** Texts of the tokens that no plain text may stand for, e.g. `<|im_end|>`. */
  readonly specialTokens: readonly string[];
  /**
   * Texts of special tokens become these tokens, but for what `guard` has marked.
   *
   * @param options.addSpecialTokens let the tokenizer add its own, e.g. a BOS. Default false.
   */
  encode(text: string, options?: { addSpecialTokens?: boolean }): number[];
  /** @param options.skipSpecialTokens leave special tokens out. Default true. */
  decode(ids: readonly number[], options?: { skipSpecialTokens?: boolean }): string;
  /**
   * The conversation, marked so that its texts write no control tokens; itself where they write none.
   * Whoever renders and encodes in two steps guards first. Absent: all text may write them.
   */
  guard?<C extends Chat>(chat: C): C;
  /** The chat template's text, with the marks of a guarded conversation; throws ModelError when the model has none. */
  renderChat(messages: readonly Message[], options?: ChatOptions): string;
  /** `encode(renderChat(guard(…)) + answer)`: the template alone writes special tokens. */
  encodeChat(messages: readonly Message[], options?: EncodeChatOptions): number[];
  readonly hasChatTemplate: boolean;
  /** Incremental decoding that never cuts a character: push ids, get text pieces. */
  streamDecoder(): StreamDecoder;
  /** The Hugging Face files that make this tokenizer, by name; a scripted one has none. */
  files?(): ReadonlyMap<string, string>;
}

/** Turns tokens into text as they come. Special tokens are left out, but for tags of reasoning. */
export interface StreamDecoder {
  /** The text that `id` completes; empty while a character is unfinished. */
  push(id: number): string;
  /** What is left at the end, an unfinished character as U+FFFD. */
  flush(): string;
}

/**
 * The tokenizer of a model folder.
 *
 * @param eosTokenIds end tokens that the model's configuration names
 * @throws ModelError when files are missing, broken, or of a kind that is not supported
 */
export function loadTokenizer(folder: string, eosTokenIds: readonly number[] = []): ChatTokenizer {
  return createTokenizer(readTokenizerFiles(folder), eosTokenIds);
}

/**
 * A tokenizer from the content of its files.
 *
 * Its end tokens are those given, the `eos_token` of its configuration, and the token that the
 * chat template puts after an assistant turn.
 */
export function createTokenizer(files: TokenizerFiles, eosTokenIds: readonly number[] = []): ChatTokenizer {
  return new HuggingFaceTokenizer(files, eosTokenIds);
}

class HuggingFaceTokenizer implements ChatTokenizer {
  readonly vocabSize: number;
  readonly eosIds: readonly number[];
  readonly padId: number;
  readonly bosId?: number;
  readonly specialTokens: readonly string[];
  private readonly tokenizer: Tokenizer;
  private readonly control: ControlTokens;
  private readonly watch: { readonly encode: Watch; readonly decode: Watch };
  private readonly template?: ChatTemplate;
  private readonly specialIds: ReadonlySet<number>;
  /** The special tokens that no answer shows: a tag of reasoning tells where the answer begins. */
  private readonly hiddenIds: ReadonlySet<number>;

  constructor(
    private readonly source: TokenizerFiles,
    eosTokenIds: readonly number[],
  ) {
    const { where, config } = source;
    const vocabulary = vocabularyOf(source);
    const added = addedTokens(source, vocabulary);
    const { normalizer: first, pre_tokenizer: then, decoder } = source.tokenizer;
    this.watch = { encode: watchFor([first, then]), decode: watchFor(decoder) };
    try {
      this.tokenizer = new Tokenizer({ ...source.tokenizer, added_tokens: added }, config);
    } catch (error) {
      const what = `tokenizer.json cannot be used (${(error as Error).message})`;
      throw new ModelError({ where, what, next: 'fetch the file again' }, { cause: error });
    }
    decodeByteRunsExactly(this.tokenizer.decoder);
    const { normalizer } = this.tokenizer;
    this.control = new ControlTokens({
      added,
      normalize:
        normalizer && ((text) => this.watched('encode', text.length, () => normalizer.normalize(text))),
      rename: (tokens, nameOf) => new Tokenizer(renamed(source.tokenizer, tokens, nameOf), config),
    });
    const special = added.filter((token) => token.special);
    this.specialIds = new Set(special.map(({ id }) => id));
    const tags = new Set(
      REASONING_TAGS.flatMap(({ open, close }) => [open, close].map((tag) => tag.toLowerCase())),
    );
    this.hiddenIds = new Set(
      special.filter(({ content }) => !tags.has(content.toLowerCase())).map(({ id }) => id),
    );
    this.specialTokens = special.map(({ content }) => content);
    this.vocabSize = 1 + [...vocabulary.values(), ...added.map(({ id }) => id)].reduce(max, -1);

    const named = namedSpecialTokens(config);
    const template = chatTemplateSource(source);
    if (template) this.template = new ChatTemplate(template, named);
    const idOf = (token: string | undefined): number | undefined =>
      token === undefined ? undefined : this.tokenizer.token_to_id(token);
    this.bosId = idOf(named.bos_token);
    const ends = [...eosTokenIds, idOf(named.eos_token), this.turnEnd()];
    this.eosIds = [...new Set(ends)].filter((id) => id !== undefined);
    this.padId = idOf(named.pad_token) ?? this.eosIds[0] ?? 0;
  }

  encode(text: string, { addSpecialTokens = false }: { addSpecialTokens?: boolean } = {}): number[] {
    const ids = this.watched('encode', text.length, (): (number | undefined)[] =>
      isMarked(text)
        ? this.control.encode(text)
        : this.tokenizer.encode(text, { add_special_tokens: addSpecialTokens }).ids,
    );
    // A character outside the vocabulary, with no unknown token to stand for it, is dropped: so does the original.
    return ids.filter((id) => id !== undefined);
  }

  decode(ids: readonly number[], { skipSpecialTokens = true }: { skipSpecialTokens?: boolean } = {}): string {
    const kept = ids.filter(
      (id) => this.tokenizer.id_to_token(id) !== undefined && !(skipSpecialTokens && this.specialIds.has(id)),
    );
    if (kept.length === 0) return '';
    // transformers 5 ignores this clean-up for BPE whatever the configuration says: it eats spaces.
    return this.watched('decode', kept.length, () =>
      this.tokenizer.decode(kept, { clean_up_tokenization_spaces: false }),
    );
  }

  /** @throws ModelError where the tokenizer's patterns take too long */
  private watched<T>(kind: 'encode' | 'decode', length: number, work: () => T): T {
    try {
      return watched(this.watch[kind], length, work);
    } catch (error) {
      if (!(error instanceof RunTooLong)) throw error;
      throw new ModelError(
        {
          where: this.source.where,
          what: `a pattern of tokenizer.json ${error.message}`,
          got: `a text of ${length} ${kind === 'encode' ? 'characters' : 'tokens'}`,
          next: 'use another copy of the model; this one may be meant to do harm',
        },
        { cause: error },
      );
    }
  }

  get hasChatTemplate(): boolean {
    return this.template !== undefined;
  }

  renderChat(messages: readonly Message[], options?: ChatOptions): string {
    if (this.template === undefined) {
      throw new ModelError({
        where: this.source.where,
        what: 'the tokenizer has no chat template, so the model cannot take conversations',
        next: 'use the instruct version of this model, or put a chat_template.jinja into its folder',
      });
    }
    return this.template.render(messages, options);
  }

  guard<C extends Chat>(chat: C): C {
    return this.control.guard(chat, ({ messages, tools, variables }) =>
      this.renderChat(messages, { tools: tools as readonly ToolSchema[] | undefined, variables }),
    );
  }

  encodeChat(
    messages: readonly Message[],
    { guarded = false, answer = '', addGenerationPrompt, ...seen }: EncodeChatOptions = {},
  ): number[] {
    const given = { messages, ...seen };
    const chat = (!guarded && this.guard?.(given)) || given;
    return this.encode(this.renderChat(chat.messages, { ...chat, addGenerationPrompt }) + answer);
  }

  streamDecoder(): StreamDecoder {
    return new StreamText((ids) =>
      this.decode(
        ids.filter((id) => !this.hiddenIds.has(id)),
        { skipSpecialTokens: false },
      ),
    );
  }

  files(): ReadonlyMap<string, string> {
    return tokenizerFileTexts(this.source);
  }

  /** The special token that the chat template puts after an assistant turn, if it puts one. */
  private turnEnd(): number | undefined {
    const mark = 'answer';
    let text: string;
    try {
      text = this.renderChat([
        { role: 'user', content: 'question' },
        { role: 'assistant', content: mark },
      ]);
    } catch (error) {
      if (error instanceof TemplateLimitReached) throw error;
      return undefined;
    }
    const at = text.lastIndexOf(mark);
    if (at < 0) return undefined;
    const rest = this.encode(text.slice(at + mark.length));
    return rest.find((id) => this.specialIds.has(id));
  }
}

/** Token → id of the model proper, added tokens left out. */
export function vocabularyOf({ tokenizer, where }: TokenizerFiles): Map<string, number> {
  const { type, vocab, merges } = (tokenizer.model ?? {}) as Record<string, unknown>;
  if (type === 'Unigram' && Array.isArray(vocab)) {
    return new Map(vocab.map(([token]: [string, number], id) => [token, id]));
  }
  const bpe = type === 'BPE' || (type === undefined && merges !== undefined);
  if (bpe && typeof vocab === 'object' && vocab !== null) return numbered(Object.entries(vocab), where);
  throw new ModelError({
    where,
    what: 'tokenizer.json holds a kind of tokenizer that is not supported',
    expected: 'BPE or Unigram with a vocabulary',
    got: String(type ?? 'none'),
  });
}

/** @throws ModelError for an id that is no whole number: decoding would meet it much later */
function numbered(
  entries: readonly (readonly [token: string, id: unknown])[],
  where: string,
): Map<string, number> {
  const wrong = entries.find(([, id]) => !(Number.isSafeInteger(id) && (id as number) >= 0));
  if (wrong === undefined) return new Map(entries as [string, number][]);
  throw new ModelError({
    where,
    what: `tokenizer.json: the token ${JSON.stringify(wrong[0])} has no id`,
    expected: 'a whole number',
    got: JSON.stringify(wrong[1])?.slice(0, 40),
  });
}

/**
 * The added tokens as transformers has them after loading: those of tokenizer.json, those that only
 * tokenizer_config.json knows, and named tokens of the vocabulary, which become special.
 */
export function addedTokens(
  { tokenizer, config, where }: TokenizerFiles,
  vocabulary: ReadonlyMap<string, number>,
): AddedToken[] {
  const added = new Map<string, AddedToken>();
  const listed = (tokenizer.added_tokens ?? []) as AddedToken[];
  for (const token of listed) added.set(token.content, token);
  const decoder = (config.added_tokens_decoder ?? {}) as Record<string, Omit<AddedToken, 'id'>>;
  for (const [id, token] of Object.entries(decoder)) {
    if (!added.has(token.content)) added.set(token.content, { ...token, id: Number(id) });
  }
  for (const content of [...Object.values(namedSpecialTokens(config)), ...extraSpecialTokens(config)]) {
    const known = added.get(content);
    const id = known?.id ?? vocabulary.get(content);
    if (id !== undefined)
      added.set(content, { ...(known ?? { content, normalized: false }), id, special: true });
  }
  numbered(
    [...added.values()].map(({ content, id }) => [content, id]),
    where,
  );
  const nameless = [...added.keys()].find((content) => typeof content !== 'string');
  if (nameless !== undefined) {
    const got = JSON.stringify(nameless).slice(0, 40);
    throw new ModelError({ where, what: 'tokenizer.json: an added token has no text', got });
  }
  return [...added.values()];
}

/** tokenizer.json with other names for tokens, and without what is put around a text. */
function renamed(
  tokenizer: TokenizerFiles['tokenizer'],
  added: readonly AddedToken[],
  nameOf: (token: string) => string,
) {
  const { vocab, unk_token: unknown, ...model } = tokenizer.model as Record<string, unknown>;
  const entries = Object.entries(vocab as Record<string, unknown>);
  return {
    ...tokenizer,
    added_tokens: added,
    post_processor: null,
    model: {
      ...model,
      ...(typeof unknown === 'string' && { unk_token: nameOf(unknown) }),
      vocab: Array.isArray(vocab)
        ? vocab.map(([token, score]: [string, number]) => [nameOf(token), score])
        : Object.fromEntries(entries.map(([token, id]) => [nameOf(token), id])),
    },
  };
}

const max = (a: number, b: number): number => Math.max(a, b);
