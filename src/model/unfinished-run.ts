/**
 * Folders of runs that have not finished, recognised where a model or an adapter is expected.
 *
 * Somebody who names one has the right path to an unfinished run, not a wrong path. A checkpoint holds what training
 * needs to continue, and where an adapter is trained here, that as well: such a one is no error.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Name of a checkpoint folder, with the step. */
export const CHECKPOINT_NAME = /^checkpoint-(\d+)$/;

/** Files of a run from its first step on. */
const BEGUN = ['config.yaml', 'metrics.jsonl'];

/** The output folder of the unfinished run that `folder` is, or is a checkpoint of; undefined when it is neither. */
function unfinishedRun(folder: string): string | undefined {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return undefined;
  if (CHECKPOINT_NAME.test(basename(folder)) && existsSync(join(folder, 'state.json')))
    return existsSync(join(folder, 'adapter_config.json')) ? undefined : dirname(folder);
  const names = readdirSync(folder);
  const isBegun = BEGUN.every((name) => names.includes(name)) && !names.includes('adapter_config.json');
  return isBegun || names.some((name) => CHECKPOINT_NAME.test(name)) ? folder : undefined;
}

/** What is wrong with naming such a folder, and what to do: parts of an error. */
export function unfinished(
  folder: string,
  expected: string,
): { what: string; expected: string; next: string } | undefined {
  const output = unfinishedRun(folder);
  if (output === undefined) return undefined;
  const checkpoints = readdirSync(output).filter((name) => CHECKPOINT_NAME.test(name));
  if (checkpoints.length === 0) {
    const next = 'train again: it has no checkpoint yet (training.save_every)';
    return { what: 'a run that has not finished', expected, next };
  }
  const last = checkpoints
    .filter((name) => existsSync(join(output, name, 'adapter_config.json')))
    .sort((a, b) => Number(CHECKPOINT_NAME.exec(a)![1]) - Number(CHECKPOINT_NAME.exec(b)![1]))
    .at(-1);
  const adapter =
    last === undefined ? '' : `; or name the adapter of its last checkpoint, ${join(output, last)}`;
  return {
    what: 'a run that has not finished: its checkpoints hold the state of training',
    expected,
    next: `finish it with: ealign train --resume ${output}${adapter}`,
  };
}
