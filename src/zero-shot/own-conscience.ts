/** A model with a conscience played by its own frozen copy, asked in its own words. */
import { canariesOfModel } from '../conscience/canaries.js';
import type { LanguageModel } from '../engine/language-model.js';
import { resolveModel } from '../hub/pull.js';
import { formatOf } from '../open/actor.js';
import type { ZeroShotOptions } from './options.js';
import { type ConscientiousModel, withConscience } from './with-conscience.js';

/** A model that has its frozen copy at hand. */
export interface WithFrozenCopy extends LanguageModel {
  readonly base: LanguageModel;
  /** Texts of the tokenizer's control tokens. */
  readonly specialTokens: readonly string[];
}

/**
 * As `withConscience`, having looked whether the conscience can be used.
 *
 * @param name of the opened model: its folder may hold a `conscience.json` and canaries
 * @param options its `warn` is told where verdicts on plainly good and bad answers are unreadable or all alike
 */
export async function withOwnConscience(
  name: string,
  model: WithFrozenCopy,
  options: ZeroShotOptions = {},
): Promise<ConscientiousModel> {
  const guarded = withConscience(model, { format: await formatOf(name, model), ...options });
  const { fault, finding } = await guarded.check(await canariesOfModel(await resolveModel(name)));
  const { warn = (sentence: string) => process.emitWarning(sentence) } = options;
  if (fault !== null) warn(`Warning: ${finding}.`);
  return guarded;
}
