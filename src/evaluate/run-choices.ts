/** `ealign eval tasks`: multiple-choice tasks by log-probability, row by row into a file. */
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { writeFileAtomic } from '../files/files.js';
import { type ChoiceScore, choiceScore, type ScoredChoice, scoreChoices } from './choice-scores.js';
import { choiceTasks, readChoices } from './choice-tasks.js';
import { CHOICES_PLAN_FILE, CHOICES_ROWS_FILE, type ChoicesPlan, chunks } from './choices-folder.js';
import { openPlanned } from './store.js';
import { type SubjectOptions, withSubject } from './subject.js';

export interface ChoicesOptions extends SubjectOptions {
  /** Names of tasks, each with its CSV file. */
  readonly tasks: readonly { readonly name: string; readonly path: string }[];
  /** Rows of each; absent: all. */
  readonly limit?: number;
}

/**
 * Scores the tasks, going on where a killed call stopped.
 *
 * @returns undefined when the signal stopped it
 * @throws DataError for an unknown task, a file that is none of its, or a folder of another run
 */
export async function evaluateChoices(options: ChoicesOptions): Promise<ChoiceScore[] | undefined> {
  const { limit, output, overwrite = false, progress, signal } = options;
  const tasks = options.tasks.map(({ name, path }) => {
    const task = choiceTasks.find((known) => known.name === name);
    if (!task) {
      const names = choiceTasks.map((known) => known.name).join(', ');
      throw new DataError({ where: '--task', what: `unknown task '${name}'`, expected: names });
    }
    return { task, path, items: readChoices(task, path, limit) };
  });
  const names = tasks.map(({ task }) => task.name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) {
    throw new DataError({
      where: '--task',
      what: `'${twice}' is given twice`,
      next: 'give each its own --output',
    });
  }
  return withSubject(options, async (subject) => {
    const plan: ChoicesPlan = {
      subject: { name: subject.name, hash: subject.hash },
      tasks: tasks.map(({ task, path, items }) => ({ task: task.name, path, rows: items.length })),
    };
    const store = openPlanned<ScoredChoice>({
      ...{ folder: output, planFile: CHOICES_PLAN_FILE, recordsFile: CHOICES_ROWS_FILE, plan, overwrite },
      otherwise: 'scores of another model or of other rows',
    });
    progress.start(
      tasks.reduce((sum, { items }) => sum + items.length, 0),
      'rows',
    );
    let done = 0;
    const scores: ChoiceScore[] = [];
    for (const { task, items } of tasks) {
      const rows: ScoredChoice[] = [];
      for (const { group, first, end } of chunks(task.name, items.length)) {
        if (signal?.aborted) return undefined;
        const some = items.slice(first, end);
        if (store.get(group) === undefined) store.add(group, await scoreChoices(subject, task, some));
        rows.push(...store.get(group)!);
        progress.update({ step: (done += some.length) });
      }
      scores.push(choiceScore(task, rows));
    }
    progress.done(`rows: ${done}`);
    writeFileAtomic(join(output, 'scores.json'), `${JSON.stringify({ ...plan, scores }, null, 2)}\n`);
    return scores;
  });
}
