/**
 * The tokenizer and chat template in an adapter's folder, as `AutoTokenizer.from_pretrained(adapter)`
 * would read them.
 *
 * TRL, Unsloth and LLaMA-Factory save them there. An adapter that was trained with another template
 * than its base's answers only to that one.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ModelError } from '../errors.js';
import { readJson } from '../files/json-file.js';
import { createTokenizer } from '../tokenizer/tokenizer.js';
import {
  readTokenizerFiles,
  type TokenizerFiles,
  tokenizerFilesFrom,
  tokenizerFileTexts,
} from '../tokenizer/tokenizer-files.js';
import type { NamedModel } from './model.js';

/**
 * The model with what lies in the adapter's folder in the place of its own: the whole tokenizer where
 * there is a tokenizer.json, else the chat template. What is not there stays the model's.
 *
 * @returns the same model where nothing lies there, or nothing else than the model's own
 * @throws ModelError when a file is broken, or has more tokens than the model's embedding
 */
export function withTokenizerOf<M extends NamedModel>(
  folder: string,
  model: M,
): { model: M; warnings: string[] } {
  const own = ownFiles(folder, model);
  const warnings = existsSync(join(folder, 'tokenizer.json')) ? [] : slowTokenizer(folder);
  if (own === undefined || isOwn(own, model)) return { model, warnings };
  const tokenizer = createTokenizer(own, model.config.eosTokenIds);
  if (tokenizer.vocabSize > model.config.vocabSize) {
    throw new ModelError({
      where: folder,
      what: "the adapter's tokenizer has more tokens than the model's embedding has rows",
      expected: `at most ${model.config.vocabSize} (vocab_size of ${model.path})`,
      got: String(tokenizer.vocabSize),
      next: 'open the model that the adapter was trained on, or train the adapter without new tokens',
    });
  }
  const config = { ...model.config, eosTokenIds: tokenizer.eosIds };
  return { model: { ...model, config, tokenizer }, warnings };
}

/** Whether files are those of the model's own tokenizer, text for text. */
function isOwn(files: TokenizerFiles, { tokenizer }: NamedModel): boolean {
  const [theirs, own] = [tokenizerFileTexts(files), tokenizer.files?.()];
  return own?.size === theirs.size && [...theirs].every(([name, text]) => own.get(name) === text);
}

function ownFiles(folder: string, model: NamedModel): TokenizerFiles | undefined {
  if (existsSync(join(folder, 'tokenizer.json'))) {
    const own = readTokenizerFiles(folder);
    if (own.chatTemplate !== undefined || own.config.chat_template) return own;
    const { chatTemplate, config } = filesOf(model);
    return { ...own, chatTemplate, config: { ...own.config, chat_template: config.chat_template } };
  }
  const template = join(folder, 'chat_template.jinja');
  const chatTemplate = existsSync(template) ? readFileSync(template, 'utf8') : undefined;
  const { chat_template: inConfig } = readJson(join(folder, 'tokenizer_config.json')) ?? {};
  if (chatTemplate === undefined && !inConfig) return undefined;
  const { tokenizer: same, config } = filesOf(model);
  return {
    tokenizer: same,
    config: inConfig ? { ...config, chat_template: inConfig } : config,
    chatTemplate,
    where: folder,
  };
}

function filesOf({ tokenizer, path }: NamedModel): TokenizerFiles {
  return tokenizerFilesFrom(tokenizer.files?.() ?? new Map(), path);
}

/** Files that transformers would convert, and that are not read here. */
function slowTokenizer(folder: string): string[] {
  return ['tokenizer.model', 'vocab.json', 'added_tokens.json']
    .filter((name) => existsSync(join(folder, name)))
    .slice(0, 1)
    .map(
      (name) =>
        `${folder}: ${name} is not read, and the model's own tokenizer is used; ` +
        'save the tokenizer there with transformers to get a tokenizer.json',
    );
}
