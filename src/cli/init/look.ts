/**
 * A first look at what an answer names: whether data and model are there, and how the rows are to be read.
 *
 * Reads the first row alone. `ealign train --preview` checks all of them.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { Problems } from '../../data/files/problems.js';
import { labelOf, standardRow, withoutLabel } from '../../data/forms.js';
import { parsePreferenceRow, parseTrainingRow } from '../../data/parse-row.js';
import { readSource, type SourceRow } from '../../data/read-source.js';
import { type Fields, UnreadKeys } from '../../data/row-keys.js';
import type { SourceLike } from '../../data/source.js';
import { DataError } from '../../errors.js';
import { parseName } from '../../hub/names.js';
import { resolveModel } from '../../hub/pull.js';

/** Names that others give to a prompt, and to its answer. */
const ASKED = ['question', 'query', 'input', 'instruction', 'prompt'];
const ANSWERED = ['answer', 'response', 'output', 'reply', 'completion'];

/**
 * A source as the configuration should name it. Preferences get their `type`, since their chosen answers are
 * learnt; columns of other names are mapped.
 *
 * @throws DataError where there is no such source, or where nothing can be learnt from its first row
 */
export async function sourceFor(path: string): Promise<SourceLike> {
  const row = await firstRow(path);
  try {
    learnable(row);
    return path;
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    const other = preferences(path, row) ?? mapped(path, row.value);
    if (other === undefined) throw error;
    return other;
  }
}

async function firstRow(path: string): Promise<SourceRow> {
  const problems = new Problems();
  for await (const row of readSource(path, problems)) return row;
  // readSource has thrown, but for rows that cannot be parsed
  problems.throwIfAny();
  throw new DataError({ where: path, what: 'the dataset is empty', expected: 'rows' });
}

/** @throws DataError where nothing can be learnt from the row as it is */
function learnable({ value, where, cells }: SourceRow): void {
  const row = standardRow(value, where, { cells }, new UnreadKeys());
  parseTrainingRow(labelOf(row) === undefined ? row : withoutLabel(row as Fields), where);
}

function preferences(path: string, { value, where, cells }: SourceRow): SourceLike | undefined {
  try {
    parsePreferenceRow(standardRow(value, where, { cells, form: 'preference' }, new UnreadKeys()), where);
    return { path, type: 'preference' };
  } catch (error) {
    if (error instanceof DataError) return undefined;
    throw error;
  }
}

function mapped(path: string, value: unknown): SourceLike | undefined {
  const fields = Object(value) as Fields;
  const named = (names: readonly string[]) => names.find((name) => typeof fields[name] === 'string');
  const [prompt, completion] = [named(ASKED), named(ANSWERED)];
  if (prompt === undefined || completion === undefined) return undefined;
  return { path, columns: { prompt, completion } };
}

/**
 * Whether a model's files are on this machine.
 *
 * @returns false for a name that `ealign pull` would have to fetch
 * @throws UserError for what is neither a model's path nor a name that one can have
 */
export async function isHere(model: string): Promise<boolean> {
  try {
    await resolveModel(model);
    return true;
  } catch (error) {
    if (existsSync(model) || parseName(model) === undefined) throw error;
    return false;
  }
}

/** The first file in a folder that may hold rows, as a proposal; undefined where there is none. */
export function likelyData(): string | undefined {
  const rows = /\.(jsonl|jsonl\.(gz|zst)|csv|tsv|parquet|arrow)$/i;
  return readdirSync('.')
    .filter((name) => rows.test(name) && statSync(name, { throwIfNoEntry: false })?.isFile())
    .sort()[0];
}
