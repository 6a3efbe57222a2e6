/** A model with a conscience that was opened by name: asked in its own words, as it was calibrated. */
import { type Calibration, calibratedSettings } from '../conscience/calibration.js';
import { canariesOfModel } from '../conscience/canaries.js';
import type { LanguageModel } from '../engine/language-model.js';
import { resolveModel } from '../hub/pull.js';
import { formatOf } from '../open/actor.js';
import { requestedCalibration } from '../open/calibration.js';
import { checkedOnce } from '../open/checked.js';
import type { ZeroShotOptions } from './options.js';
import { type ConscientiousModel, withConscience } from './with-conscience.js';

/** A model that has its frozen copy at hand. */
export interface WithFrozenCopy extends LanguageModel {
  readonly base: LanguageModel;
  /** Texts of the tokenizer's control tokens. */
  readonly specialTokens: readonly string[];
  /** SHA-256 of the weights without an adapter. */
  readonly baseHash: string;
}

export interface OwnConscienceOptions extends Omit<ZeroShotOptions, 'conscience'> {
  /**
   * What `ealign calibrate` has found about the conscience: `auto`, the default, takes it from the cache or the
   * model's folder where there is one; `off` asks as if there were none; or the path of a file. A framework, parts
   * or a prior of the options' own set it aside.
   */
  readonly calibration?: string;
}

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
  { calibration = 'auto', ...options }: OwnConscienceOptions = {},
): Promise<ConscientiousModel> {
  const { base, baseHash } = judge.model;
  const { warn = (sentence: string) => process.emitWarning(sentence) } = options;
  const found = await calibrationFor(judge.name, baseHash, calibration, options);
  const settings: ZeroShotOptions = {
    ...{ format: await formatOf(judge.name, judge.model), ...options, conscience: base },
    ...(found ? calibratedSettings(found) : {}),
    ...(options.threshold === undefined ? {} : { threshold: options.threshold }),
  };
  const guarded = withConscience(model, settings);
  if (found) {
    if (found.quality !== 'usable') warn(`Warning: ${found.sentence}`);
    return guarded;
  }
  const canaries = await canariesOfModel(await resolveModel(judge.name));
  const { framework, format, threshold, prior, minMass, reading } = settings;
  const asked = {
    judge: base.id,
    canaries,
    framework,
    words: format!.name,
    threshold,
    prior,
    minMass,
    reading,
  };
  const { fault, finding } = await checkedOnce(baseHash, asked, () => guarded.check(canaries));
  if (fault !== null) warn(`Warning: ${finding}. Find out how to ask it: ealign calibrate ${judge.name}`);
  return guarded;
}

async function calibrationFor(
  name: string,
  hash: string,
  calibration: string,
  { framework, parts, prior }: ZeroShotOptions,
): Promise<Calibration | undefined> {
  const own = framework ?? parts ?? prior;
  return own === undefined ? requestedCalibration(name, hash, calibration) : undefined;
}
