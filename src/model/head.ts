/**
 * A model without its weights, for engines that have them elsewhere: sizes, tokenizer, and a hash to know it by.
 *
 * The architecture need not be one that is built here.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ModelError } from '../errors.js';
import { type Json, readCount, readJson } from '../files/json-file.js';
import { loadTokenizer } from '../tokenizer/tokenizer.js';
import type { ModelSizes } from './config.js';
import { readConfig, tokenIds } from './hf-config.js';
import type { NamedModel } from './model.js';
import { hashWeights } from './weights.js';

/**
 * @param path a folder in Hugging Face's format; the files of its weights may be missing
 * @throws ModelError when it is none, or its tokenizer cannot be read
 */
export async function readServedHead(path: string): Promise<NamedModel> {
  if (path.endsWith('.gguf')) {
    throw new ModelError({
      where: path,
      what: 'a .gguf file can be trained with engine: onnx only',
      next: 'give the model as a folder in Hugging Face format',
    });
  }
  const config = readSizes(path);
  const tokenizer = loadTokenizer(path, config.eosTokenIds);
  const hash = (await hashWeights(path)) ?? hashOfFiles(path);
  return { path, config: { ...config, eosTokenIds: tokenizer.eosIds }, tokenizer, hash };
}

/** A folder's sizes, of whatever architecture. @throws ModelError when it has no configuration that can be read */
export function readSizes(folder: string): ModelSizes {
  try {
    return readConfig(folder);
  } catch (error) {
    const where = join(folder, 'config.json');
    const json = error instanceof ModelError && existsSync(where) ? readJson(where) : undefined;
    if (!json) throw error;
    return plainSizes(json, where, readJson(join(folder, 'generation_config.json'))?.eos_token_id);
  }
}

/** What every config.json says; models of several media have their language model's in a section. */
function plainSizes(json: Json, where: string, moreEosIds: unknown): ModelSizes {
  const { text_config: section } = json;
  const own = typeof section === 'object' && section !== null ? (section as Json) : json;
  const count = (key: string, otherwise?: number) => readCount(own, key, where, otherwise);
  return {
    vocabSize: count('vocab_size'),
    width: count('hidden_size', own.n_embd as number | undefined),
    layers: count('num_hidden_layers', own.n_layer as number | undefined),
    maxPositions: count('max_position_embeddings', own.n_positions as number | undefined),
    eosTokenIds: [...new Set([own.eos_token_id, json.eos_token_id, moreEosIds].flatMap(tokenIds))],
  };
}

/** What stands for the hash of weights that are not here. */
function hashOfFiles(folder: string): string {
  const hash = createHash('sha256');
  for (const name of ['config.json', 'tokenizer.json']) {
    const file = join(folder, name);
    if (existsSync(file)) hash.update(readFileSync(file));
  }
  return hash.digest('hex');
}
