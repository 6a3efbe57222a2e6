/**
 * How the conscience of a model is asked that was opened by name: in its own words, as it was calibrated, and
 * with a warning where it is known, or found, not to be usable.
 */
import { type Calibration, calibratedSettings } from '../conscience/calibration.js';
import { builtInCanaries, canariesOfModel } from '../conscience/canaries.js';
import { defaultFormat } from '../conscience/format.js';
import type { LanguageModel } from '../engine/language-model.js';
import { resolveModel } from '../hub/pull.js';
import { formatOf } from '../open/actor.js';
import { requestedCalibration } from '../open/calibration.js';
import { checkedOnce } from '../open/checked.js';
import { isRemote } from '../open/named.js';
import { Guard } from './guard.js';
import type { ZeroShotOptions } from './options.js';

/** Who reviews: a model without what is trained of it, or with it. */
export interface Reviewer {
  /** The one that is asked. */
  readonly base: LanguageModel;
  /** SHA-256 of its weights; of its address where they are elsewhere. */
  readonly baseHash: string;
  /** Texts of the tokenizer's control tokens. */
  readonly specialTokens: readonly string[];
}

export interface OwnConscienceOptions extends Omit<ZeroShotOptions, 'conscience'> {
  /**
   * What `ealign calibrate` has found about the conscience: `auto`, the default, takes it from the cache or the
   * model's folder where there is one; `off` asks as if there were none; or the path of a file. A framework, parts
   * or a prior of the options' own set it aside.
   */
  readonly calibration?: string;
}

export interface OpenedReading {
  readonly settings: ZeroShotOptions & Required<Pick<ZeroShotOptions, 'conscience' | 'format'>>;
  /** Null where nothing is calibrated, or it is set aside. */
  readonly calibration: Calibration | null;
  /** What is amiss with this conscience, in one sentence; null: nothing that is known. */
  readonly warning: string | null;
}

/**
 * A conscience that is not calibrated reviews a few plainly good and bad answers; what that finds is kept in the cache.
 *
 * @param name folder, .gguf file, alias, id or endpoint: a folder may hold a `conscience.json` and canaries
 * @throws UserError where a calibration is damaged, or not there
 */
export async function openedReading(
  name: string,
  { base, baseHash, specialTokens }: Reviewer,
  { calibration = 'auto', ...options }: OwnConscienceOptions = {},
): Promise<OpenedReading> {
  const found = await calibrationFor(name, baseHash, calibration, options);
  const words = isRemote(name) ? defaultFormat() : await formatOf(name, { specialTokens });
  const settings = {
    ...{ format: words, ...options, conscience: base },
    ...(found ? calibratedSettings(found) : {}),
    ...(options.threshold === undefined ? {} : { threshold: options.threshold }),
  };
  if (found) {
    const warning = found.quality === 'usable' ? null : `Warning: ${found.sentence}`;
    return { settings, calibration: found, warning };
  }
  const canaries = isRemote(name) ? builtInCanaries : await canariesOfModel(await resolveModel(name));
  const { framework, format, threshold, prior, minMass, reading } = settings;
  const asked = {
    judge: base.id,
    canaries,
    framework,
    words: format.name,
    threshold,
    prior,
    minMass,
    reading,
  };
  const { fault, finding } = await checkedOnce(baseHash, asked, () =>
    new Guard(base, settings).check(canaries),
  );
  const warning =
    fault === null ? null : `Warning: ${finding}. Find out how to ask it: ealign calibrate ${name}`;
  return { settings, calibration: null, warning };
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
