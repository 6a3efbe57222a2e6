/** A model with a conscience that was opened by name: asked in its own words, as it was calibrated. */
import type { LanguageModel } from '../engine/language-model.js';
import { type OwnConscienceOptions, openedReading, type Reviewer } from './opened-reading.js';
import { type ConscientiousModel, withConscience } from './with-conscience.js';

/** A model that has its frozen copy at hand: `base`, which is without an adapter. */
export interface WithFrozenCopy extends LanguageModel, Reviewer {}

/**
 * As `withConscience`, with the model's own frozen copy as conscience.
 *
 * @param name of the opened model: its folder may hold a `conscience.json` and canaries
 * @param options its `warn` is told where the conscience is known, or found, not to be usable
 * @throws UserError where a calibration is damaged, or not there
 */
export function withOwnConscience(
  name: string,
  model: WithFrozenCopy,
  options: OwnConscienceOptions = {},
): Promise<ConscientiousModel> {
  return withNamedConscience(model, { name, model }, options);
}

/**
 * As `withConscience`, the conscience being the frozen copy of a model that was opened by name.
 *
 * One that is not calibrated reviews a few plainly good and bad answers first; what that finds is kept in the cache.
 */
export async function withNamedConscience(
  model: LanguageModel,
  judge: { readonly name: string; readonly model: WithFrozenCopy },
  options: OwnConscienceOptions = {},
): Promise<ConscientiousModel> {
  const { warn = (sentence: string) => process.emitWarning(sentence) } = options;
  const { settings, warning } = await openedReading(judge.name, judge.model, options);
  if (warning !== null) warn(warning);
  return withConscience(model, settings);
}
