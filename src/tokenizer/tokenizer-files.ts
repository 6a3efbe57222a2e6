/**
 * The files that make up a tokenizer, and what they say about special tokens and the chat
 * template.
 *
 * One plain value for both sources: a Hugging Face folder, and what a GGUF file is
 * translated to. Turning it into a tokenizer is tokenizer.ts.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ModelError } from '../errors.js';
import { readJson } from '../files/json-file.js';
import { readTextFile } from '../files/text-file.js';

type Json = Readonly<Record<string, unknown>>;

/** Contents of a tokenizer's files. */
export interface TokenizerFiles {
  /** tokenizer.json */
  readonly tokenizer: Json;
  /** tokenizer_config.json, and special_tokens_map.json where that is silent */
  readonly config: Json;
  /** chat_template.jinja, which goes before `config.chat_template` */
  readonly chatTemplate?: string;
  /** The folder or file, for messages. */
  readonly where: string;
}

/**
 * Reads the tokenizer of a model folder.
 *
 * @throws ModelError when there is no tokenizer.json or a file is broken
 */
export function readTokenizerFiles(folder: string): TokenizerFiles {
  const tokenizer = readJson(join(folder, 'tokenizer.json'));
  if (tokenizer === undefined) {
    const old = ['tokenizer.model', 'vocab.json'].find((name) => existsSync(join(folder, name)));
    throw new ModelError({
      where: folder,
      what: 'no tokenizer.json',
      got: old === undefined ? undefined : `only ${old}`,
      next:
        old === undefined
          ? "fetch the model's tokenizer files"
          : 'save the tokenizer once with transformers (AutoTokenizer…save_pretrained), which writes it',
    });
  }
  const template = join(folder, 'chat_template.jinja');
  return {
    tokenizer,
    config: {
      ...readJson(join(folder, 'special_tokens_map.json')),
      ...readJson(join(folder, 'tokenizer_config.json')),
    },
    chatTemplate: existsSync(template) ? readTextFile(template) : undefined,
    where: folder,
  };
}

/** The same files as text, by name, to be written beside saved weights. */
export function tokenizerFileTexts({ tokenizer, config, chatTemplate }: TokenizerFiles): Map<string, string> {
  const texts = new Map([
    ['tokenizer.json', JSON.stringify(tokenizer)],
    ['tokenizer_config.json', `${JSON.stringify(config, null, 2)}\n`],
  ]);
  if (chatTemplate !== undefined) texts.set('chat_template.jinja', chatTemplate);
  return texts;
}

/** What `tokenizerFileTexts` made the texts of. @param where the folder or file, for messages */
export function tokenizerFilesFrom(texts: ReadonlyMap<string, string>, where: string): TokenizerFiles {
  const json = (name: string): Json => JSON.parse(texts.get(name) ?? '{}');
  return {
    tokenizer: json('tokenizer.json'),
    config: json('tokenizer_config.json'),
    chatTemplate: texts.get('chat_template.jinja'),
    where,
  };
}

/** Special tokens by the name under which a chat template sees them, e.g. `eos_token`. */
export function namedSpecialTokens(config: Json): Record<string, string> {
  const named: Record<string, string> = {};
  for (const key of ['bos', 'eos', 'unk', 'sep', 'pad', 'cls', 'mask']) {
    const content = tokenContent(config[`${key}_token`]);
    if (content !== undefined) named[`${key}_token`] = content;
  }
  return named;
}

/** Special tokens beyond the named ones. */
export function extraSpecialTokens(config: Json): string[] {
  return [config.additional_special_tokens, config.extra_special_tokens]
    .flatMap((value): unknown[] =>
      Array.isArray(value) ? value : typeof value === 'object' && value !== null ? Object.values(value) : [],
    )
    .map(tokenContent)
    .filter((content) => content !== undefined);
}

/** A chat template and its file. */
export interface TemplateSource {
  readonly source: string;
  /** The one that takes its place where there are tools. */
  readonly toolUse?: string;
  readonly where: string;
}

/** Which chat template applies. */
export function chatTemplateSource({
  config,
  chatTemplate,
  where,
}: TokenizerFiles): TemplateSource | undefined {
  if (chatTemplate !== undefined)
    return { source: chatTemplate, where: `${where}: chat template (chat_template.jinja)` };
  const place = `${where}: chat template (tokenizer_config.json)`;
  const { chat_template: given } = config;
  if (given === undefined || given === null) return undefined;
  if (typeof given === 'string') return { source: given, where: place };
  const named = new Map<unknown, unknown>(
    Array.isArray(given) ? given.map((entry: Json) => [entry?.name, entry?.template]) : Object.entries(given),
  );
  const source = named.get('default');
  const toolUse = named.get('tool_use');
  if (typeof source === 'string') {
    return { source, where: place, ...(typeof toolUse === 'string' ? { toolUse } : {}) };
  }
  throw new ModelError({
    where: place,
    what: 'none of the templates is the default one',
    expected: "a template named 'default'",
    got: [...named.keys()].join(', ') || 'none',
    next: 'name one of them default, or write it to chat_template.jinja',
  });
}

/** A special token is written as its text or as `{ content: … }`. */
function tokenContent(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return undefined;
  const { content } = value as { content?: unknown };
  return typeof content === 'string' ? content : undefined;
}
