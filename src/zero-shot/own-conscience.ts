/** A model with a conscience played by its own frozen copy, asked in its own words. */
import { formatOf } from '../conscience/open.js';
import type { LanguageModel } from '../engine/language-model.js';
import type { ZeroShotOptions } from './options.js';
import { type ConscientiousModel, withConscience } from './with-conscience.js';

/** A model that has its frozen copy at hand. */
export interface WithFrozenCopy extends LanguageModel {
  readonly base: LanguageModel;
  /** Texts of the tokenizer's control tokens. */
  readonly specialTokens: readonly string[];
}

/** @param name of the opened model: its folder may hold a `conscience.json` */
export async function withOwnConscience(
  name: string,
  model: WithFrozenCopy,
  options: ZeroShotOptions = {},
): Promise<ConscientiousModel> {
  return withConscience(model, { format: await formatOf(name, model), ...options });
}
