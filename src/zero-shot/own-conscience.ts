/** A model with a conscience played by its own frozen copy, asked in its own words. */
import { loadFormat } from '../conscience/plain-format.js';
import type { LanguageModel } from '../engine/language-model.js';
import { resolveModel } from '../hub/pull.js';
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
  const format = await loadFormat(await resolveModel(name), { specialTokens: model.specialTokens });
  return withConscience(model, { format, ...options });
}
