/**
 * How a run's conscience is asked. Its calibration is looked up when the run begins, and kept in its folder
 * from then on.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CALIBRATION_FILE, type Calibration, reviewRules } from '../conscience/calibration.js';
import { resolveFramework } from '../conscience/frameworks.js';
import { isPlayer } from '../conscience/roles.js';
import type { OpenActor } from '../open/actor.js';
import { readCalibration, requestedCalibration, saveCalibration, warningOf } from '../open/calibration.js';
import { computedHash } from '../open/model.js';
import type { TrainConfig } from './config/schema.js';
import type { TrainedModel } from './trained-model.js';

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
  const { enabled, calibration, roles } = config.conscience;
  if (!enabled || calibration === 'off') return undefined;
  if (continued !== undefined) {
    const path = join(continued, CALIBRATION_FILE);
    return existsSync(path) ? readCalibration(path) : undefined;
  }
  const { conscience: judge } = roles;
  const other = others.get(judge);
  const hash = other ? other.model.baseHash : computedHash(model.hash, config.quantize);
  if (calibration === 'auto' && !isMeasured(config)) return undefined;
  const found = await requestedCalibration(other ? judge : config.model, hash, calibration);
  if (!found) return undefined;
  if (hasOwnWords(config)) {
    note(
      `The calibration of the conscience (${found.path}) is set aside, as the configuration has a question, labels or prior of its own.`,
    );
    return undefined;
  }
  const { path, ofAnother: _, ...kept } = found;
  const readable = other !== undefined || (config.engine ?? 'onnx') === 'onnx';
  if (!readable && found.reading.parts.some(({ probe }) => probe)) {
    note(
      `The calibration of the conscience (${path}) is set aside: it reads hidden states, which the engine '${config.engine}' does not give. For one that reads labels: ealign calibrate ${config.model} --reading labels`,
    );
    return undefined;
  }
  note(warningOf(found) ?? `The conscience is calibrated (${path}): ${kept.sentence}`);
  return kept;
}

/** A copy that learns, that began with an adapter or with random weights, is not the one that was measured. */
function isMeasured({ init, conscience: { roles, renew_every } }: TrainConfig): boolean {
  if (!isPlayer(roles.conscience)) return true;
  return roles.conscience === 'frozen-base' && init === 'pretrained' && renew_every === 0;
}

const hasOwnWords = ({ conscience: { question, labels, prior_correction } }: TrainConfig) =>
  (question ?? labels ?? prior_correction) !== undefined;

/** The model that `ealign calibrate` would have to measure, and what else it takes for a run to go by that. */
export function calibratable(config: TrainConfig): { readonly model: string; readonly also?: string } {
  const { calibration, roles } = config.conscience;
  const also = [
    ...(calibration === 'off' ? ['with conscience.calibration: auto'] : []),
    ...(isMeasured(config) ? [] : ['with conscience.roles.conscience: frozen-base, which stays as it is']),
    ...(hasOwnWords(config) ? ['without a question, labels or prior_correction of your own'] : []),
  ];
  const model = isPlayer(roles.conscience) ? config.model : roles.conscience;
  return { model, ...(also.length > 0 ? { also: also.join(' and ') } : {}) };
}

/** The rules that reviews go by: the configuration's, and where it leaves them open the calibration's. */
export function rulesOf(
  { conscience }: TrainConfig,
  calibration?: Calibration,
): ReturnType<typeof reviewRules> {
  const { threshold, min_mass: minMass, prior_correction: prior = 'off' } = conscience;
  return reviewRules({ framework: resolveFramework(conscience), threshold, minMass, prior }, calibration);
}

/** Keeps it in a run's folder. @throws SaveError */
export function keepCalibration(folder: string, calibration: Calibration): void {
  saveCalibration(join(folder, CALIBRATION_FILE), calibration);
}
