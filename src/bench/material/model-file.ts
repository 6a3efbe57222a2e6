/** What a model's file says without its weights being read. */
import { resolveModel } from '../../hub/pull.js';
import { readGgufHeader } from '../../model/gguf-header.js';
import { tokenizerFromGguf } from '../../model/gguf-tokenizer.js';
import { readConfig } from '../../model/hf-config.js';
import { weightShapes } from '../../model/layout.js';
import { type ChatTokenizer, createTokenizer, loadTokenizer } from '../../tokenizer/tokenizer.js';

export interface ModelFile {
  readonly tokenizer: ChatTokenizer;
  /** Number of weights. */
  readonly parameters: number;
}

/** @param name folder, .gguf file, alias or Hugging Face id */
export async function readFileOf(name: string): Promise<ModelFile> {
  const path = await resolveModel(name);
  if (path.endsWith('.gguf')) {
    const header = await readGgufHeader(path);
    const { files, eosTokenIds } = tokenizerFromGguf(header);
    const shapes = [...header.tensors.values()].map(({ shape }) => shape);
    return { tokenizer: createTokenizer(files, eosTokenIds), parameters: sizeOf(shapes) };
  }
  const config = readConfig(path);
  const shapes = [...weightShapes(config).values()];
  return { tokenizer: loadTokenizer(path, config.eosTokenIds), parameters: sizeOf(shapes) };
}

const sizeOf = (shapes: readonly (readonly number[])[]): number =>
  shapes.reduce((sum, shape) => sum + shape.reduce((product, dim) => product * dim, 1), 0);
