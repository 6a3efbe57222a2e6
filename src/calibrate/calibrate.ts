/**
 * Calibrates a model's conscience: how its verdicts are read, and from which certainty on it should flag. By the
 * labels' probabilities (labels.ts), by a probe of the hidden states where they can be read (probed.ts), or by
 * whichever of the two is better.
 */
import type { Calibration } from '../conscience/calibration.js';
import { ConfigError, DataError } from '../errors.js';
import { drawnToChance, FOLDS, judge, WORTH } from './choose.js';
import { calibrateLabels, type Screened } from './labels.js';
import { askingOf, type CalibrateOptions, calibrationFrom, type Measuring, measure } from './measuring.js';
import { calibrateProbe } from './probed.js';
import type { Question } from './reviews.js';

export interface Calibrated {
  readonly calibration: Calibration;
  /** All wordings, the best first; none where only a probe was fitted. */
  readonly screened: readonly Screened[];
  /** The best reading of the kind that was not chosen, where both were tried. */
  readonly other?: Calibration;
}

/**
 * @returns undefined when the signal stopped it; the same call goes on
 * @throws ConfigError when a probe is asked for and the model's hidden states cannot be read
 */
export async function calibrate(options: CalibrateOptions): Promise<Calibrated | undefined> {
  const { conscience, progress, reading = 'auto' } = options;
  if (reading === 'probe' && !conscience.hidden) throw unreadableStates(conscience.id);
  const asksLabels = reading !== 'probe';
  const labelled = asksLabels ? await calibrateLabels(options) : undefined;
  if (asksLabels && !labelled) return undefined;
  if (reading === 'labels' || !conscience.hidden) return labelled;
  const probed = await calibrateProbe(options, conscience.hidden.layers);
  if (probed === 'stopped') return undefined;
  if (probed === 'too few') {
    if (!labelled) throw tooFewTopics();
    progress.note('There are too few topics with answers that can be read: no probe is fitted.');
    return labelled;
  }
  if (!labelled) return { calibration: probed, screened: [] };
  const { calibration: asked, screened } = labelled;
  const better = worthOf(probed) > worthOf(asked) + WORTH;
  return { screened, calibration: better ? probed : asked, other: better ? asked : probed };
}

/** AUC, drawn to chance by what cannot be read; a reading that is of use is worth more than any that is not. */
function worthOf({ measured: { auc, unreadable }, quality }: Calibration): number {
  const area = auc ? drawnToChance(auc.value, 1 - unreadable, 1) : 0;
  return area + (quality === 'usable' || quality === 'weak' ? 1 : 0);
}

const tooFewTopics = () =>
  new DataError({
    where: '--reading probe',
    what: 'there are too few topics with answers that can be read',
    expected: `${FOLDS} topics at least`,
    next: 'give more answers, or choose --reading labels',
  });

const unreadableStates = (id: string) =>
  new ConfigError({
    where: '--reading probe',
    what: `the hidden states of ${id} cannot be read`,
    next: 'open a model on this machine, or choose --reading labels',
  });

/**
 * Measures a calibration that there is, on other answers.
 *
 * @returns the same with these numbers; undefined when the signal stopped it
 */
export async function testCalibration(
  { reading, falseAlarms }: Calibration,
  options: Measuring,
): Promise<Calibration | undefined> {
  const { pairs, progress } = options;
  const questions = reading.parts.map(
    ({ weight, order = 'last', ...part }): Question => ({ ...part, order }),
  );
  const prior = reading.prior !== 'off';
  progress.note(`Up to ${questions.length * (prior ? 3 : 2) * pairs.length} reviews.`);
  const asking = askingOf(options);
  const measured = await measure(pairs, questions, { asking, progress, label: 'reviews', prior });
  if (!measured) return undefined;
  const heldOut = judge(measured.answers, reading);
  return calibrationFrom(options, falseAlarms, { reading, heldOut, reviews: measured.reviews });
}
