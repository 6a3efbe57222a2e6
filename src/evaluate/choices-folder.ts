/** An output folder of `ealign eval tasks`: what it is made from, and its rows. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { DataError } from '../errors.js';
import type { ScoredChoice } from './choice-scores.js';
import { type ChoiceTask, choiceTasks } from './choice-tasks.js';
import { GroupStore } from './store.js';

/** The file that says what a folder was made from, and the one with its scored rows. */
export const CHOICES_PLAN_FILE = 'tasks.json';
export const CHOICES_ROWS_FILE = 'rows.jsonl';

/** Scores of another plan may not be mixed in. */
export interface ChoicesPlan {
  /** The evaluated model: name, and a hash of its weights where there is one. */
  readonly subject: { readonly name: string; readonly hash: string | null };
  readonly tasks: readonly { readonly task: string; readonly path: string; readonly rows: number }[];
}

/** A task with those of its rows that are scored. */
export interface ScoredTask {
  readonly task: ChoiceTask;
  /** The CSV file. */
  readonly path: string;
  /** Rows to be scored. */
  readonly planned: number;
  readonly rows: readonly ScoredChoice[];
}

/** Rows that are scored, and stored, together. */
const CHUNK = 32;

/** The groups of rows in which a task is scored. */
export function chunks(task: string, rows: number): { group: string; first: number; end: number }[] {
  return Array.from({ length: Math.ceil(rows / CHUNK) }, (_, i) => ({
    group: `${task} ${i * CHUNK}`,
    first: i * CHUNK,
    end: Math.min(rows, (i + 1) * CHUNK),
  }));
}

const planSchema = z.object({
  subject: z.object({ name: z.string(), hash: z.string().nullable() }),
  tasks: z.array(z.object({ task: z.string(), path: z.string(), rows: z.int().min(0) })),
});
const rowSchema = z.object({
  id: z.string(),
  context: z.string(),
  choices: z.array(z.string()).min(1),
  right: z.array(z.boolean()),
  logps: z.array(z.number()),
  score: z.number(),
  normalized: z.number().nullable(),
});

/**
 * Reads the folder, finished or not.
 *
 * @throws DataError where a file is damaged, or has rows that were stored without what was asked
 */
export function readScoredTasks(folder: string): { plan: ChoicesPlan; tasks: ScoredTask[] } {
  const plan = readPlan(join(folder, CHOICES_PLAN_FILE));
  const path = join(folder, CHOICES_ROWS_FILE);
  const store = new GroupStore<unknown>(path);
  const tasks = plan.tasks.map(({ task: name, path: source, rows: planned }): ScoredTask => {
    const task = choiceTasks.find((known) => known.name === name);
    if (!task) throw new DataError({ where: folder, what: `scores of an unknown task '${name}'` });
    const rows = chunks(name, planned).flatMap(({ group }) => store.get(group) ?? []);
    return { task, path: source, planned, rows: rows.map((row) => rowOf(row, name, path)) };
  });
  return { plan, tasks };
}

function rowOf(value: unknown, task: string, path: string): ScoredChoice {
  const { success, data } = rowSchema.safeParse(value);
  if (success) return data;
  throw new DataError({
    where: path,
    what: `a row of ${task} lacks its context or choices, as older versions stored it, or is damaged`,
    next: 'score the tasks again with --overwrite',
  });
}

function readPlan(path: string): ChoicesPlan {
  try {
    return planSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    const next = 'score the tasks again with --overwrite';
    throw new DataError({ where: path, what: 'not the plan of scored tasks', next }, { cause });
  }
}
