/**
 * How the conscience of a model is asked that was opened by name: in its own words, as it was calibrated, and
 * with a warning where it is known, or found, not to be usable.
 */
import { type Calibration, calibratedSettings } from '../conscience/calibration.js';
import { builtInCanaries, canariesOfModel } from '../conscience/canaries.js';
import { defaultFormat, type ReviewFormat } from '../conscience/format.js';
import { FRAMEWORK_NAMES, FRAMEWORKS } from '../conscience/frameworks.js';
import type { LanguageModel } from '../engine/language-model.js';
import { resolveModel } from '../hub/pull.js';
import { formatOf } from '../open/actor.js';
import { requestedCalibration, warningOf } from '../open/calibration.js';
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
   * What `ealign calibrate` has found about the conscience: `auto`, the default, takes it from the cache, the
   * model's folder or this package where there is one; `off` asks as if there were none; or the path of a file. A framework, parts
   * or a prior of the options' own set it aside.
   */
  readonly calibration?: string;
}

export interface OpenedReading {
  readonly settings: ZeroShotOptions & Required<Pick<ZeroShotOptions, 'conscience' | 'format'>>;
  /** Null where nothing is calibrated, or it is set aside; one that found the model unusable stands beside the default. */
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
  given: OwnConscienceOptions = {},
): Promise<OpenedReading> {
  const { calibration, warning: known, ...calibrated } = await calibratedOptions(name, baseHash, given);
  const words = isRemote(name) ? defaultFormat() : await formatOf(name, { specialTokens });
  const settings = { format: words, ...calibrated.settings, conscience: base };
  if (calibration) return { settings, calibration, warning: known };
  const canaries = isRemote(name) ? builtInCanaries : await canariesOfModel(await resolveModel(name));
  const { framework, parts, bias, format, threshold, prior, minMass, reading } = settings;
  const asked = {
    judge: base.id,
    canaries,
    framework,
    parts,
    bias,
    words: wordsOf(format),
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

/** Of a calibrated reading: from here on it holds an answer for careless rather than careful. */
const DOUBT = 0.5;

/**
 * The options with the calibrated reading in them, where there is one that they do not set aside.
 *
 * @param hash SHA-256 of the weights, or of an endpoint's name
 * @throws UserError where a calibration is damaged, or not there
 */
export async function calibratedOptions(
  name: string,
  hash: string,
  { calibration = 'auto', ...options }: OwnConscienceOptions,
): Promise<{ settings: ZeroShotOptions } & Pick<OpenedReading, 'calibration' | 'warning'>> {
  const own = options.framework ?? options.parts ?? options.prior;
  const found = own === undefined ? await requestedCalibration(name, hash, calibration) : undefined;
  if (!found) return { settings: options, calibration: null, warning: null };
  const { threshold } = options;
  const calibrated = calibratedSettings(found);
  const doubt = calibrated.parts ? { doubt: options.doubt ?? DOUBT } : {};
  const settings = { ...options, ...calibrated, ...(threshold === undefined ? doubt : { threshold }) };
  return { settings, calibration: found, warning: warningOf(found) };
}

/** A format's own words, whatever file they come from: how it asks about nothing. Plain JSON. */
export function wordsOf(format: ReviewFormat): unknown {
  const names = FRAMEWORK_NAMES.filter((name) => format.frameworks?.includes(name) ?? true);
  return names.map((name) =>
    format.review(format.neutralPrompt, format.neutral, format.adapt(FRAMEWORKS[name])),
  );
}
