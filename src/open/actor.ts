/** A model that judges or writes beside the one that is trained, in its own words. */

import type { ReviewFormat } from '../conscience/format.js';
import { loadFormat } from '../conscience/plain-format.js';
import { resolveModel } from '../hub/pull.js';
import { type OpenModel, type OpenOptions, openModel } from './model.js';

export interface OpenActor {
  readonly model: OpenModel;
  /** How it is asked: its folder may hold a `conscience.json`. */
  readonly format: ReviewFormat;
}

/**
 * @param name folder, .gguf file, alias or Hugging Face id
 * @throws UserError when there is no such model, or it or its `conscience.json` cannot be used
 */
export async function openActor(name: string, options: OpenOptions = {}): Promise<OpenActor> {
  const model = await openModel(name, options);
  return { model, format: await formatOf(name, model) };
}

/**
 * How a model is asked that is open already.
 * @param name  that it was opened by
 * @param model its `specialTokens`: texts of the tokenizer's control tokens
 * @throws UserError when its `conscience.json` cannot be used
 */
export async function formatOf(
  name: string,
  { specialTokens }: { readonly specialTokens: readonly string[] },
): Promise<ReviewFormat> {
  return loadFormat(await resolveModel(name), { specialTokens });
}
