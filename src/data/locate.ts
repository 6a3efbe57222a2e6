/**
 * From a source to the files that hold its rows.
 *
 * A path is a file; a folder that `datasets` saved (`save_to_disk`), or of files in splits; or a data set of the hub
 * that has been fetched. `path#split` names a split.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DataError, UserError } from '../errors.js';
import {
  cachedDataset,
  firstOf,
  folderLayout,
  isDatasetName,
  requireShards,
  subsetOf,
} from '../hub/datasets.js';
import type { HubSettings } from '../hub/settings.js';
import type { DataFile } from './files/read-file.js';
import { unreadable } from './files/text-bytes.js';
import type { DataSource } from './source.js';

/** Files of a source, and sentences about what is read of it and what is not. */
export interface Located {
  readonly files: readonly DataFile[];
  readonly unread: readonly string[];
}

/**
 * @param settings of the hub; default: the environment's
 * @throws DataError when there is nothing at the path, or not the split that is asked for
 */
export function locate(source: DataSource, settings?: HubSettings): Located {
  const { path, split, ...rest } = afterHash(source);
  if (existsSync(path)) {
    if (statSync(path).isDirectory()) return inFolder(path, path, { ...rest, path, split });
    refuseParts({ ...rest, path, split });
    return { files: [{ path }], unread: [] };
  }
  if (!isDatasetName(path)) {
    throw new DataError({ where: path, what: 'no such file', next: 'check the path' });
  }
  const folder = cachedDataset(path, settings);
  if (folder !== undefined) return inFolder(folder, path, { ...rest, path, split });
  throw new DataError({
    where: path,
    what: 'no such file or folder, and no data set of this name has been fetched',
    next: `check the path, or run: ealign pull --dataset ${path}`,
  });
}

/** `path#split`, where no file has such a name. */
function afterHash(source: DataSource): DataSource {
  const [, path, split] = /^(.+)#([\w.-]+)$/.exec(source.path) ?? [];
  if (path === undefined || existsSync(source.path)) return source;
  if (source.split === undefined || source.split === split) return { ...source, path, split };
  throw new DataError({ where: source.path, what: 'two splits are named', got: `${split}, ${source.split}` });
}

function refuseParts({ path, split, subset }: DataSource): void {
  const key = split === undefined ? (subset === undefined ? undefined : 'subset') : 'split';
  if (key === undefined) return;
  const what = `${key} is of folders and data sets of the hub, and this is a file`;
  throw new DataError({ where: path, what, next: `remove ${key}` });
}

function inFolder(folder: string, name: string, source: DataSource): Located {
  if (existsSync(join(folder, 'dataset_dict.json'))) {
    const { splits } = json(folder, 'dataset_dict.json') as { splits?: unknown };
    if (!Array.isArray(splits)) throw notSaved(folder, 'dataset_dict.json');
    const { split, unread } = choose(splits.map(String), [], name, source);
    return { files: savedFiles(join(folder, split), `${name}/${split}`), unread };
  }
  if (existsSync(join(folder, 'state.json'))) {
    if (source.split !== undefined || source.subset !== undefined) {
      const what = 'the folder holds one data set, without splits';
      throw new DataError({ where: name, what, next: 'remove split and subset' });
    }
    return { files: savedFiles(folder, name), unread: [] };
  }
  const layout = asData(() => folderLayout(folder));
  const { splits, listed, left } = asData(() => subsetOf(layout, source.subset, name));
  const { split, unread } = choose([...splits.keys()], listed, name, source);
  const paths = splits.get(split)!;
  asData(() => requireShards(paths, name));
  const files = paths.map((path) => ({ path: join(folder, path), name: `${name}/${path}` }));
  if (left.length === 0) return { files, unread };
  return { files, unread: [...unread, `${name}: files of no split, which are not read: ${firstOf(left)}.`] };
}

interface Choice {
  readonly split: string;
  readonly unread: readonly string[];
}

/** @param listed the splits that the card names; which of them are here changes no choice */
function choose(
  splits: readonly string[],
  listed: readonly string[],
  name: string,
  source: DataSource,
): Choice {
  const { split } = source;
  if (split === undefined) return unnamed(splits, listed, name, source);
  if (splits.includes(split)) return { split, unread: [] };
  if (splits.length === 0) throw noRows(name);
  const expected = `one of ${splits.join(', ')}`;
  throw new DataError({ where: name, what: `no split ${split}`, expected, next: pullIt(name) });
}

/** The split that is meant where none is named: train, or the only one. */
function unnamed(
  splits: readonly string[],
  listed: readonly string[],
  name: string,
  source: DataSource,
): Choice {
  if (splits.includes('train')) {
    const others = splits.filter((other) => other !== 'train').join(', ');
    const unread = others === '' ? [] : [`${name}: the split train is read, and not ${others}.`];
    return { split: 'train', unread };
  }
  if (listed.includes('train')) throw notHere('train', splits, name, source);
  if (splits.length === 0) throw listed.length > 0 ? notHere(listed[0], [], name, source) : noRows(name);
  const [split, ...more] = new Set([...splits, ...listed]);
  if (more.length === 0) {
    return { split, unread: [`${name}: the split ${split} is read: there is no train here.`] };
  }
  const got = [split, ...more].join(', ');
  const next = `name one: ${name}#${split}`;
  throw new DataError({ where: name, what: 'several splits, and none is named', got, next });
}

const noRows = (name: string) =>
  new DataError({
    where: name,
    what: 'no files of rows in this folder',
    expected: '.parquet, .jsonl, .json, .csv, .tsv or .arrow, or what save_to_disk writes',
    next: pullIt(name),
  });

const pullIt = (name: string) =>
  existsSync(name) ? undefined : `if it is on the hub, run: ealign pull --dataset ${name}`;

function notHere(split: string, [first]: readonly string[], name: string, { subset }: DataSource): DataError {
  const part = `${subset === undefined ? '' : ` --subset ${subset}`} --split ${split}`;
  const fetch = existsSync(name) ? 'add its files' : `pull it: ealign pull --dataset ${name}${part}`;
  const next = first === undefined ? fetch : `${fetch}, or write ${name}#${first}`;
  return new DataError({ where: name, what: `the split ${split} of this data set is not here`, next });
}

/** The Arrow files of `Dataset.save_to_disk`, in order. */
function savedFiles(folder: string, name: string): DataFile[] {
  const { _data_files: files, _indices_data_files: indices } = json(folder, 'state.json') as {
    _data_files?: { filename?: unknown }[];
    _indices_data_files?: unknown;
  };
  if (!Array.isArray(files)) throw notSaved(folder, 'state.json');
  if (Array.isArray(indices) && indices.length > 0) {
    const next = 'save it again with a newer version of datasets, or call flatten_indices() first';
    throw new DataError({ where: name, what: 'the rows stand in an order that is kept apart', next });
  }
  return files.map(({ filename }) => {
    if (typeof filename !== 'string') throw notSaved(folder, 'state.json');
    return { path: join(folder, filename), name: `${name}/${filename}` };
  });
}

function json(folder: string, file: string): object {
  const path = join(folder, file);
  try {
    return Object(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    if (cause instanceof SyntaxError) throw notSaved(folder, file);
    throw unreadable(path, cause);
  }
}

const notSaved = (folder: string, file: string) =>
  new DataError({
    where: join(folder, file),
    what: 'not as save_to_disk writes it',
    next: 'save the data set again',
  });

/** What the hub's files say of a mistake is a mistake of the data here. */
function asData<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw cause instanceof UserError ? new DataError(cause.parts, { cause }) : cause;
  }
}
