/** What a model's file says without its weights being read. */
import { resolveModel } from '../../hub/pull.js';
import { weightShapes } from '../../model/layout.js';
import { readHead } from '../../model/weights.js';
import type { ChatTokenizer } from '../../tokenizer/tokenizer.js';

export interface ModelFile {
  readonly tokenizer: ChatTokenizer;
  /** Number of weights. */
  readonly parameters: number;
}

/** @param name folder, .gguf file, alias or Hugging Face id */
export async function readFileOf(name: string): Promise<ModelFile> {
  const { config, tokenizer } = await readHead(await resolveModel(name));
  const sizes = [...weightShapes(config).values()].map((shape) => shape.reduce((a, b) => a * b, 1));
  return { tokenizer, parameters: sizes.reduce((a, b) => a + b, 0) };
}
