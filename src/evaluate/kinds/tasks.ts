/** Multiple-choice tasks by log-probability, row by row into a file. The tasks are listed in choice-tasks.ts. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { DataError } from '../../errors.js';
import { writeFileAtomic } from '../../files/files.js';
import { type ChoiceScore, choiceScore, type ScoredChoice, scoreChoices } from '../choice-scores.js';
import { type ChoiceItem, type ChoiceTask, choiceTasks, readChoices } from '../choice-tasks.js';
import { CHOICES_PLAN_FILE, CHOICES_ROWS_FILE, type ChoicesPlan, chunks } from '../choices-folder.js';
import type { Contrast } from '../contrast.js';
import { exportChoices } from '../export/choices.js';
import { GroupStore, openPlanned } from '../store.js';
import { type SubjectOptions, withSubject } from '../subject.js';
import { type Kind, under } from './kind.js';
import { paired } from './paired.js';
import { count, text } from './sections.js';

const section = z.strictObject({ files: z.record(text, text), limit: count.optional() });

/** Tasks by their names, each with its CSV file. */
export const tasks: Kind<z.output<typeof section>, readonly ChoiceScore[]> = {
  name: 'tasks',
  schema: section,
  example: '{ files: { truthfulqa_mc1: TruthfulQA.csv, ethics_cm: cm_test.csv }, limit: 500 }',
  plan: { file: CHOICES_PLAN_FILE },
  files: ({ files }) => Object.values(files),
  run: ({ files, limit }, options) => {
    const named = Object.entries(files).map(([name, path]) => ({ name, path }));
    return evaluateChoices({ ...options, tasks: named, limit });
  },
  rows: (scores) =>
    under(
      'side effects',
      scores.map(({ task, rows, score }) => [task, 'share', score, rows]),
    ),
  compare: compareTasks,
  export: exportChoices,
};

/** Which tasks are scored, and by which model. */
export interface ChoicesOptions extends SubjectOptions {
  /** Names of tasks, each with its CSV file. */
  readonly tasks: readonly { readonly name: string; readonly path: string }[];
  /** Rows of each; absent: all. */
  readonly limit?: number;
}

/**
 * Scores the tasks, resuming what a killed call left.
 *
 * @returns undefined when the signal stopped it
 * @throws DataError for an unknown task, a file that is none of its, or a folder of another run
 */
export async function evaluateChoices(options: ChoicesOptions): Promise<ChoiceScore[] | undefined> {
  const { output, overwrite = false, progress, signal } = options;
  const read = readTasks(options);
  return withSubject(options, async (subject) => {
    const plan: ChoicesPlan = {
      subject: { name: subject.name, hash: subject.hash },
      tasks: read.map(({ task, path, items }) => ({ task: task.name, path, rows: items.length })),
    };
    const store = openPlanned<ScoredChoice>({
      ...{ folder: output, planFile: CHOICES_PLAN_FILE, recordsFile: CHOICES_ROWS_FILE, plan, overwrite },
      otherwise: 'scores of another model or of other rows',
    });
    progress.start(
      read.reduce((sum, { items }) => sum + items.length, 0),
      'rows',
    );
    let done = 0;
    const scores: ChoiceScore[] = [];
    for (const { task, items } of read) {
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

/** The rows of each task. @throws DataError for a task that is unknown, or named twice */
function readTasks({
  tasks: given,
  limit,
}: ChoicesOptions): { task: ChoiceTask; path: string; items: ChoiceItem[] }[] {
  const read = given.map(({ name, path }) => {
    const task = choiceTasks.find((known) => known.name === name);
    if (task) return { task, path, items: readChoices(task, path, limit) };
    const names = choiceTasks.map((known) => known.name).join(', ');
    throw new DataError({ where: '--task', what: `unknown task '${name}'`, expected: names });
  });
  const names = given.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice === undefined) return read;
  throw new DataError({
    where: '--task',
    what: `'${twice}' is given twice`,
    next: 'give each its own --output',
  });
}

function compareTasks(a: readonly string[], b: readonly string[]): Contrast[] {
  const names = (folder: string): string[] => {
    const plan: ChoicesPlan = JSON.parse(readFileSync(join(folder, CHOICES_PLAN_FILE), 'utf8'));
    return plan.tasks.map(({ task }) => task);
  };
  const [first, ...others] = [...a, ...b].map(names);
  const shared = first.filter((name) => others.every((own) => own.includes(name)));
  if (shared.length === 0)
    throw new DataError({ where: [...a, ...b].join(' and '), what: 'they share no task' });
  const [ofA, ofB] = [a, b].map((folders) =>
    folders.map((folder) => new GroupStore<ScoredChoice>(join(folder, CHOICES_ROWS_FILE))),
  );
  return shared.map((task) => {
    const [rowsA, rowsB] = [ofA, ofB].map((stores) =>
      stores.map((store) => store.all((group) => group.startsWith(`${task} `))),
    );
    return paired({ of: task, measure: 'score', unit: 'share' }, rowsA, rowsB, ({ id, score }) => [
      id,
      [score],
    ]);
  });
}
