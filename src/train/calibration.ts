/** The calibration of a run's conscience: looked up when the run begins, kept in its folder from then on. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Calibration } from '../conscience/calibration.js';
import { isPlayer } from '../conscience/roles.js';
import type { OpenActor } from '../open/actor.js';
import { readCalibration, requestedCalibration, saveCalibration } from '../open/calibration.js';
import type { TrainedModel } from './trained-model.js';

/** Where a run keeps it. */
export const CALIBRATION_FILE = 'calibration.json';

export interface CalibrationSource {
  /** The models that play a role beside the one that is trained, by name. */
  readonly others: ReadonlyMap<string, Pick<OpenActor, 'model'>>;
  /** Folder of the run that is continued: it goes on as it began. */
  readonly continued?: string;
  readonly note: (line: string) => void;
}

/**
 * @returns undefined where the conscience is off, is not calibrated, or is asked in another way
 * @throws ModelError when a calibration is damaged, or the configuration's file is not there
 */
export async function calibrationOfRun(
  { config, model }: Pick<TrainedModel, 'config' | 'model'>,
  { others, continued, note }: CalibrationSource,
): Promise<Calibration | undefined> {
  const { enabled, calibration, question, labels, prior_correction, roles } = config.conscience;
  if (!enabled || calibration === 'off') return undefined;
  if (continued !== undefined) {
    const path = join(continued, CALIBRATION_FILE);
    return existsSync(path) ? readCalibration(path) : undefined;
  }
  const { conscience: judge } = roles;
  const other = others.get(judge);
  const hash = other ? other.model.baseHash : model.hash;
  // a copy that learns, or that began with an adapter, is not the one that was measured
  const measured = other !== undefined || !isPlayer(judge) || judge === 'frozen-base';
  if (calibration === 'auto' && !measured) return undefined;
  const found = await requestedCalibration(other ? judge : config.model, hash, calibration);
  if (!found) return undefined;
  if ((question ?? labels ?? prior_correction) !== undefined) {
    note(
      `The calibration of the conscience (${found.path}) is set aside, as the configuration has a question, labels or prior of its own.`,
    );
    return undefined;
  }
  const { path, ...kept } = found;
  note(
    `${kept.quality === 'usable' ? 'The conscience is calibrated' : 'Warning'} (${path}): ${kept.sentence}`,
  );
  return kept;
}

/** Keeps it in a run's folder. @throws SaveError */
export function keepCalibration(folder: string, calibration: Calibration): void {
  saveCalibration(join(folder, CALIBRATION_FILE), calibration);
}
