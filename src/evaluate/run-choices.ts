/** `ealign eval tasks`: multiple-choice tasks by log-probability, row by row into a file. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { openModel } from '../engine/open.js';
import { DataError } from '../errors.js';
import { makeFolder, writeFileAtomic } from '../files.js';
import type { Progress } from '../metrics/progress.js';
import { type ChoiceScore, choiceScore, type ScoredChoice, scoreChoices } from './choice-scores.js';
import { choiceTasks, readChoices } from './choice-tasks.js';
import { GroupStore } from './store.js';

export interface ChoicesOptions {
  readonly model: string;
  readonly adapter?: string;
  /** Names of tasks, each with its CSV file. */
  readonly tasks: readonly { readonly name: string; readonly path: string }[];
  /** Rows of each; absent: all. */
  readonly limit?: number;
  readonly output: string;
  readonly overwrite?: boolean;
  /** 0: one per core. */
  readonly threads: number;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

/** Rows that are scored, and stored, together. */
const chunk = 32;

/**
 * Scores the tasks, going on where a killed call stopped.
 *
 * @returns undefined when the signal stopped it
 * @throws DataError for an unknown task, a file that is none of its, or a folder of another run
 */
export async function evaluateChoices(options: ChoicesOptions): Promise<ChoiceScore[] | undefined> {
  const { model, adapter, limit, output, overwrite = false, threads, progress, signal } = options;
  const tasks = options.tasks.map(({ name, path }) => {
    const task = choiceTasks.find((known) => known.name === name);
    if (!task) {
      const names = choiceTasks.map((known) => known.name).join(', ');
      throw new DataError({ where: '--task', what: `unknown task '${name}'`, expected: names });
    }
    return { task, path, items: readChoices(task, path, limit) };
  });
  const subject = await openModel(model, { threads, ...(adapter === undefined ? {} : { adapter }) });
  try {
    const plan = {
      subject: { name: subject.name, hash: subject.hash },
      tasks: tasks.map(({ task, path, items }) => ({ task: task.name, path, rows: items.length })),
    };
    const store = openStore(output, plan, overwrite);
    progress.start(
      tasks.reduce((sum, { items }) => sum + items.length, 0),
      'rows',
    );
    let done = 0;
    const scores: ChoiceScore[] = [];
    for (const { task, items } of tasks) {
      const rows: ScoredChoice[] = [];
      for (let first = 0; first < items.length; first += chunk) {
        if (signal?.aborted) return undefined;
        const some = items.slice(first, first + chunk);
        const group = `${task.name} ${first}`;
        if (store.get(group) === undefined) store.add(group, await scoreChoices(subject, task, some));
        rows.push(...store.get(group)!);
        progress.update({ step: (done += some.length) });
      }
      scores.push(choiceScore(task, rows));
    }
    progress.done(`rows: ${done}`);
    writeFileAtomic(join(output, 'scores.json'), `${JSON.stringify({ ...plan, scores }, null, 2)}\n`);
    return scores;
  } finally {
    await subject.close();
  }
}

function openStore(output: string, plan: object, overwrite: boolean): GroupStore<ScoredChoice> {
  const path = join(output, 'tasks.json');
  const found = existsSync(path) && !overwrite;
  if (found && !isDeepStrictEqual(JSON.parse(readFileSync(path, 'utf8')), plan)) {
    throw new DataError({
      where: output,
      what: 'the folder holds scores of another model or of other rows',
      next: 'choose another --output, or start anew with --overwrite',
    });
  }
  makeFolder(output);
  if (!found) writeFileAtomic(path, `${JSON.stringify(plan, null, 2)}\n`);
  return new GroupStore(join(output, 'rows.jsonl'), { fresh: !found });
}
