/**
 * Folders of runs that have not finished, recognised where a model or an adapter is expected.
 *
 * A checkpoint holds what training needs to continue, not an adapter; somebody who names one has the
 * right path to an unfinished run, not a wrong path.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Name of a checkpoint folder, with the step. */
export const CHECKPOINT_NAME = /^checkpoint-(\d+)$/;

/** The output folder of the unfinished run that `folder` is, or is a checkpoint of; undefined when it is neither. */
function unfinishedRun(folder: string): string | undefined {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return undefined;
  if (CHECKPOINT_NAME.test(basename(folder)) && existsSync(join(folder, 'state.json')))
    return dirname(folder);
  return readdirSync(folder).some((name) => CHECKPOINT_NAME.test(name)) ? folder : undefined;
}

/** What is wrong with naming such a folder, and what to do: parts of an error. */
export function unfinished(
  folder: string,
  expected: string,
): { what: string; expected: string; next: string } | undefined {
  const output = unfinishedRun(folder);
  if (output === undefined) return undefined;
  return {
    what: 'a run that has not finished: its checkpoints hold the state of training',
    expected,
    next: `finish it with: ealign train --resume ${output}`,
  };
}
