/** Where a model's calibration is kept: under its hash in this user's cache, in its own folder, or in this package. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Calibration, parseCalibration } from '../conscience/calibration.js';
import { FORMAT_FILE } from '../conscience/plain-format.js';
import { ModelError } from '../errors.js';
import { makeFolder, writeFileAtomic } from '../files/files.js';
import { readJson } from '../files/json-file.js';
import { resolveModel } from '../hub/pull.js';
import { hubSettings } from '../hub/settings.js';
import { isRemote } from './named.js';

/** A calibration, and where it was found. */
export interface SavedCalibration extends Calibration {
  readonly path: string;
  /** It was measured on other weights. */
  readonly ofAnother?: boolean;
}

/** Calibrations that come with this package, of weights that anybody can fetch: `<hash>.json`. */
const BUILT_IN = fileURLToPath(new URL('../../data/calibrations/', import.meta.url));

/** Folder of a model's calibration and of the reviews that it was made of. @param hash SHA-256 of the weights */
export const calibrationFolder = (hash: string): string => join(hubSettings().ownCache, 'conscience', hash);

/** Where a model's calibration is written when nothing else is said. */
export const calibrationPath = (hash: string): string => join(calibrationFolder(hash), FORMAT_FILE);

/** Writes a calibration; what else the file holds stays. @throws ModelError, SaveError */
export function saveCalibration(path: string, calibration: Calibration): void {
  const whole = { ...readJson(path), calibration };
  makeFolder(dirname(path));
  writeFileAtomic(path, `${JSON.stringify(whole, null, 2)}\n`);
}

/** @throws ModelError when the file is not there, or holds none */
export function readCalibration(path: string): SavedCalibration {
  const found = calibrationIn(path);
  if (found) return found;
  const next = 'make one: ealign calibrate <model> --output <file>';
  throw new ModelError({ where: path, what: 'there is no calibration', next });
}

/**
 * The calibration that a user asks for.
 *
 * @param requested `auto`: the model's own, where there is one; `off`: none; or the path of a file
 * @throws ModelError when a file is damaged, or the requested one is not there
 */
export async function requestedCalibration(
  name: string,
  hash: string,
  requested: string,
): Promise<SavedCalibration | undefined> {
  if (requested === 'off') return undefined;
  if (requested === 'auto') return calibrationOf(name, hash);
  const found = readCalibration(requested);
  if (found.model.hash === hash) return found;
  return {
    ...found,
    ofAnother: true,
    sentence: `the calibration is of other weights than ${name} has. ${found.sentence}`,
  };
}

/** What is amiss with a conscience that is asked by this calibration; null: nothing that is known. */
export const warningOf = ({
  quality,
  ofAnother,
  sentence,
}: Calibration & Partial<SavedCalibration>): string | null =>
  quality === 'usable' && !ofAnother ? null : `Warning: ${sentence}`;

/**
 * The calibration of a model: its own in the cache, one that came with its folder, or one that comes with this package.
 *
 * @param name folder, .gguf file, alias, id or endpoint
 * @param hash SHA-256 of its weights
 * @returns undefined where there is none
 * @throws ModelError when a file is damaged
 */
export async function calibrationOf(name: string, hash: string): Promise<SavedCalibration | undefined> {
  const folders = isRemote(name) ? [] : [await resolveModel(name)];
  const paths = [
    calibrationPath(hash),
    ...folders.map((folder) => join(folder, FORMAT_FILE)),
    join(BUILT_IN, `${hash}.json`),
  ];
  for (const path of paths) {
    const found = calibrationIn(path);
    if (found?.model.hash === hash) return found;
  }
  return undefined;
}

function calibrationIn(path: string): SavedCalibration | undefined {
  const calibration = readJson(path)?.calibration;
  return calibration === undefined ? undefined : { ...parseCalibration(calibration, path), path };
}
