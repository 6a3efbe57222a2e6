/** Where an experiment's rows are: files of its own, and rows of the world written into its folder. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { configKeys } from '../train/config/keys.js';
import type { Experiment, Method, Rows } from './spec.js';
import type { World } from './world.js';

/** The file that holds rows. @param output folder of the experiment */
export const fileOf = (data: Rows, output: string): string =>
  'world' in data ? worldFile(data.world, output) : data.path;

const worldFile = (world: string, output: string) => join(output, `${world}.jsonl`);

/** Keys of `ealign train`, beside `data`, that may name rows of the world. */
const naming = configKeys.filter(({ rows }) => rows);

/** Puts files in the place of names in a method's keys. */
export function withFiles(
  train: Readonly<Record<string, unknown>>,
  output: string,
  world: World,
): Readonly<Record<string, unknown>> {
  const result: Record<string, unknown> = { ...train };
  for (const { section, key, world: name } of named(train, world)) {
    result[section] = { ...(result[section] as object), [key]: worldFile(name, output) };
  }
  return result;
}

function named(train: Method['train'], { rows }: World): { section: string; key: string; world: string }[] {
  return naming.flatMap(({ section, name: key }) => {
    const given = (train?.[section] as Readonly<Record<string, unknown>> | undefined)?.[key];
    return typeof given === 'string' && Object.hasOwn(rows, given) ? [{ section, key, world: given }] : [];
  });
}

/**
 * Lists every file of rows that the methods read, by path; `text` is null where the file is there already.
 *
 * @throws DataError when one cannot be read
 */
export function rowsOf(
  { methods, output, file }: Experiment,
  world: World,
): Map<string, { text: string | null; sha256: string }> {
  const texts = new Map<string, { text: string | null; sha256: string }>();
  const all = methods.flatMap(({ data, train }): Rows[] => [data, ...named(train, world)]);
  for (const data of all) {
    const path = fileOf(data, output);
    if (texts.has(path)) continue;
    const text =
      'world' in data
        ? jsonLines(world.rows[data.world].of('seen'))
        : readText(path, `check data in ${file}: a file, or one of ${Object.keys(world.rows).join(', ')}`);
    const sha256 = createHash('sha256').update(text).digest('hex');
    texts.set(path, { text: 'world' in data ? text : null, sha256 });
  }
  return texts;
}

/** Rows as JSONL. */
export const jsonLines = (rows: readonly object[]): string =>
  rows.map((row) => `${JSON.stringify(row)}\n`).join('');

/** Reads a file. @param next what to do where it cannot be read @throws DataError then */
export function readText(path: string, next: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const what = `cannot be read (${(cause as NodeJS.ErrnoException).code})`;
    throw new DataError({ where: path, what, next }, { cause });
  }
}
