/**
 * Checkpoints: everything a run needs to continue as if it had never stopped.
 *
 * A checkpoint is a folder `checkpoint-STEP` that takes its name in one rename when all of it is on
 * the disk, so that what carries the name is whole. The engine writes its weights and moments into it;
 * the rest of the run's state is `state.json`.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { requireSaved } from '../engine/trained-parameters.js';
import type { TrainingEngine } from '../engine/training-engine.js';
import { TrainingError, UserError } from '../errors.js';
import { addChecksums, verifyChecksums } from '../files/checksums.js';
import { asSaveError, fillFolderAtomic, removeFolder, writeFileAtomic } from '../files/files.js';
import type { Costs } from '../metrics/costs.js';
import { CHECKPOINT_NAME } from '../model/unfinished-run.js';
import type { BatchState } from './batch-stream.js';
import { requireOwnFiles } from './own-files.js';
import type { PairSourceState } from './pairs.js';
import type { WindowState } from './window.js';

/** Configuration values by their dotted keys, null where a key is not set. */
export type Settings = Readonly<Record<string, unknown>>;

/** The part of a checkpoint that is plain JSON. */
export interface RunState {
  /** Optimiser steps made. */
  readonly step: number;
  /** SHA-256 of the base model's weight files. */
  readonly modelHash: string;
  /** The settings that decide what is computed; others may change from run to run. */
  readonly settings: Settings;
  readonly tokens: number;
  readonly reviewed: number;
  readonly batches: BatchState;
  /** Null without a conscience and without fixed pairs. */
  readonly pairs: PairSourceState | null;
  readonly window: WindowState;
  /** What the steps of the window took; absent in checkpoints of earlier versions. */
  readonly costs?: Costs;
  /** State of early stopping; absent before the first validation. */
  readonly validation?: ValidationState;
}

export interface ValidationState {
  /** Lowest validation loss, nats per token. */
  readonly lowest: number;
  /** Validations since. */
  readonly since: number;
}

/** A whole checkpoint; its weights and moments are the engine's to load from the folder. */
export interface Checkpoint {
  readonly folder: string;
  readonly state: RunState;
}

/** Checksums of a checkpoint's files. */
const SUMS = 'checkpoint.sha256';

/**
 * Writes `OUTPUT/checkpoint-STEP`.
 *
 * @param engine writes its weights and moments
 * @param beside writes what others read of the checkpoint; it is no part of what a run continues from
 * @returns      the folder
 * @throws SaveError when the disk refuses; ModelError where a weight is not finite. Nothing carries the name then.
 */
export async function saveCheckpoint(
  output: string,
  state: RunState,
  engine: Pick<TrainingEngine, 'save'>,
  beside?: (staging: string) => Promise<void>,
): Promise<string> {
  const folder = join(output, `checkpoint-${state.step}`);
  removeFolder(folder);
  await fillFolderAtomic(folder, async (staging) => {
    await engine.save(staging);
    writeFileAtomic(join(staging, 'state.json'), JSON.stringify(state));
    await addChecksums(staging, SUMS);
    await beside?.(staging);
  });
  return folder;
}

/** Deletes all but the `keep` latest checkpoints. */
export function pruneCheckpoints(output: string, keep: number): void {
  for (const name of checkpointsOf(output).slice(0, -keep)) {
    removeFolder(join(output, name));
  }
}

/** Files of trained weights in an output folder. */
const weightsIn = (output: string) =>
  ['adapter_model.safetensors', 'model.safetensors', 'model.safetensors.index.json'].filter((name) =>
    existsSync(join(output, name)),
  );

/** @throws TrainingError when the folder holds anything that a new run would replace */
export function requireUnused(output: string): void {
  const held = [...checkpointsOf(output), ...weightsIn(output)].at(-1);
  if (held === undefined) {
    requireOwnFiles(output);
    return;
  }
  throw new TrainingError({
    where: output,
    what: `the folder holds ${held} already`,
    next: 'continue with --resume, choose another --output, or start again with --overwrite',
  });
}

/** Allows what `--overwrite` does: a run, or a model, gives way. @throws TrainingError when other files would as well */
export function requireReplaceable(output: string): void {
  if (checkpointsOf(output).length === 0 && weightsIn(output).length === 0) requireOwnFiles(output);
}

/** Whether a run could be resumed there. */
export function hasCheckpoint(output: string): boolean {
  return checkpointsOf(output).length > 0;
}

/** Names of checkpoints, earliest first. */
function checkpointsOf(output: string): string[] {
  if (!existsSync(output)) return [];
  try {
    return readdirSync(output)
      .filter((name) => CHECKPOINT_NAME.test(name))
      .sort((a, b) => stepOf(a) - stepOf(b));
  } catch (error) {
    throw asSaveError(output, error);
  }
}

const stepOf = (name: string) => Number(CHECKPOINT_NAME.exec(name)![1]);

/** Deletes what an earlier run left: its checkpoints, or those after the step that is resumed from. */
export function dropCheckpoints(output: string, after = -1): void {
  for (const name of checkpointsOf(output).filter((found) => stepOf(found) > after)) {
    removeFolder(join(output, name));
  }
}

/** Whether this names a checkpoint folder, and not the output folder of a run. */
export function isCheckpoint(place: string | true | undefined): boolean {
  return typeof place === 'string' && CHECKPOINT_NAME.test(basename(place));
}

/**
 * The checkpoint that `--resume` means.
 * @param place a checkpoint folder, or an output folder, whose last checkpoint is taken
 * @throws TrainingError when there is none
 */
export function findCheckpoint(place: string): string {
  const found = statSync(place, { throwIfNoEntry: false });
  if (found?.isDirectory() === false) {
    throw new TrainingError({
      where: place,
      what: 'a file, not a checkpoint or output folder',
      next: 'name the output folder of the run',
    });
  }
  if (isCheckpoint(place) && found) return place;
  const last = checkpointsOf(place).at(-1);
  if (last !== undefined) return join(place, last);
  const [trained] = weightsIn(place);
  if (trained !== undefined) {
    throw new TrainingError({
      where: place,
      what: `no checkpoint to resume from: the folder holds ${trained}, as a finished run leaves it`,
      next: `train further with --${trained.startsWith('adapter') ? 'adapter' : 'model'} ${place} and another --output`,
    });
  }
  throw new TrainingError({
    where: place,
    what: 'no checkpoint to resume from',
    expected: 'a folder checkpoint-STEP, or an output folder with one',
    next: 'leave --resume out to start a new run',
  });
}

/**
 * Reads the checkpoint that `--resume` means. In an output folder, a damaged one gives way to the one
 * before it.
 *
 * @param place  as for `findCheckpoint`
 * @param onNote told what is passed over
 * @throws UserError when none can be read
 */
export async function loadLastCheckpoint(place: string, onNote: (line: string) => void): Promise<Checkpoint> {
  const last = findCheckpoint(place);
  const output = dirname(last);
  const names = checkpointsOf(output).reverse();
  const candidates = names.slice(names.indexOf(basename(last)));
  const damages: UserError[] = [];
  for (const name of candidates) {
    const found = await loadCheckpoint(join(output, name)).catch((error: unknown) => {
      if (!(error instanceof UserError)) throw error;
      damages.push(error);
    });
    if (!found) continue;
    const [damage] = damages;
    if (damage === undefined) return found;
    if (isCheckpoint(place)) {
      throw new TrainingError({ ...damage.parts, next: `resume from ${found.folder}` }, { cause: damage });
    }
    onNote(`Warning: ${damage.message}. Continuing from ${found.folder} instead.`);
    return found;
  }
  const next = 'no earlier checkpoint is whole; start again with --overwrite';
  throw new TrainingError({ ...damages[0].parts, next }, { cause: damages[0] });
}

/** @throws TrainingError, ModelError or DamageError when the folder is incomplete or damaged */
export async function loadCheckpoint(folder: string): Promise<Checkpoint> {
  await verifyChecksums(folder, SUMS);
  let state: RunState;
  try {
    state = JSON.parse(readFileSync(join(folder, 'state.json'), 'utf8'));
    const whole = Number.isInteger(state?.step) && state.settings && state.batches && state.window;
    if (!whole || (state.pairs && !state.pairs.reviewed)) {
      throw new Error('state.json lacks the state of a run');
    }
  } catch (cause) {
    throw new TrainingError(
      {
        where: folder,
        what: `not a whole checkpoint (${(cause as Error).message})`,
        next: 'resume from another one',
      },
      { cause },
    );
  }
  // what has checksums is as it was saved; an earlier version's checkpoint is read whole instead
  if (!existsSync(join(folder, SUMS))) await requireSaved(folder);
  return { folder, state };
}
