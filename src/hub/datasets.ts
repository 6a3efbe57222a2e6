/**
 * Data sets of the Hugging Face Hub: what is cached, and fetching what is not.
 *
 * The cache is that of Hugging Face's own tools (`datasets--owner--name`), and the rules are those of models:
 * `pullDataset` fetches, `cachedDataset` only looks, and a file counts when its checksum is right.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DownloadError } from '../errors.js';
import { asSaveError } from '../files/files.js';
import { RepoCache } from './cache.js';
import { type Layout, layoutOf, missingShards, type Subset } from './dataset-layout.js';
import { type FetchOptions, fetchFiles, listCommit, type RepoFile } from './repository.js';
import { UnreachableError } from './request.js';
import { type HubSettings, hubSettings } from './settings.js';

const CARD = 'README.md';

/** Which part of a data set. */
export interface DatasetPart {
  readonly subset?: string;
  readonly split?: string;
}

export interface DatasetPullOptions extends FetchOptions, DatasetPart {
  readonly settings?: HubSettings;
  /** One line for the reader, e.g. that what is cached is used. */
  readonly onNote?: (line: string) => void;
}

/** Whether a text may name a data set of the hub: `owner/name`. */
export function isDatasetName(name: string): boolean {
  const part = '[A-Za-z0-9_][A-Za-z0-9._-]*';
  return new RegExp(`^${part}/${part}$`).test(name) && !name.includes('..') && !name.includes('--');
}

/** The folder of a data set as it was last fetched; undefined where it was not. */
export function cachedDataset(name: string, settings: HubSettings = hubSettings()): string | undefined {
  return new RepoCache(settings.cache, name, 'datasets').currentFolder();
}

/** The files of a folder, and which split they are. */
export function folderLayout(folder: string): Layout {
  const card = join(folder, CARD);
  return layoutOf(filesIn(folder), existsSync(card) ? readFileSync(card, 'utf8') : undefined);
}

/** Paths of a folder's files, relative, with `/`. Links count as what they lead to. */
function filesIn(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const isFile = (name: string) => statSync(join(folder, name), { throwIfNoEntry: false })?.isFile() ?? false;
  return names.filter(isFile).map((name) => name.replaceAll('\\', '/'));
}

/**
 * The subset that is meant.
 *
 * @param where what is asked, for errors
 * @throws DownloadError for a subset that is not there, or where several are and none is named
 */
export function subsetOf(layout: Layout, subset: string | undefined, where: string): Subset {
  const { subsets, preferred } = layout;
  const name = subset ?? preferred ?? (subsets.size === 1 ? [...subsets.keys()][0] : 'default');
  const meant = subsets.get(name);
  if (meant !== undefined) return meant;
  const there = [...subsets.keys()].join(', ');
  throw new DownloadError({
    where,
    what: subset === undefined ? 'the data set has several subsets' : `no subset ${subset} in this data set`,
    expected: `subset to be one of ${there}`,
  });
}

/**
 * Fetches a data set, or what is missing of it.
 *
 * When the hub cannot be reached, what is cached is used. What was fetched before stays, and follows to a newer commit
 * where it is the same there; what is not is named in a note.
 *
 * @param name `owner/name`
 * @returns its folder in the cache
 * @throws DownloadError no such data set, no access, no files of rows in it, or a wrong checksum
 */
export async function pullDataset(name: string, options: DatasetPullOptions = {}): Promise<string> {
  const { settings = hubSettings(), subset, split, signal } = options;
  if (!isDatasetName(name)) {
    throw new DownloadError({ where: name, what: 'not the name of a data set', expected: 'owner/name' });
  }
  try {
    if (settings.offline) throw offline(name);
    const { commit, files } = await listCommit(name, settings, signal, 'datasets');
    const cache = new RepoCache(settings.cache, name, 'datasets');
    const fetch = (paths: readonly string[], how: FetchOptions) => {
      const listed = paths.flatMap((path) => files.get(path) ?? []);
      return fetchFiles(name, commit, listed, cache, { ...how, settings, kind: 'datasets' });
    };
    const { pause } = options;
    const card = await fetch([CARD], { signal, pause });
    const text = card.length === 0 ? undefined : readFileSync(cache.blob(card[0].etag), 'utf8');
    const layout = layoutOf([...files.keys()], text);
    const wanted = wantedFiles(layout, { subset, split }, name, [...files.keys()]);
    const fetched = await fetch(wanted, options);
    const kept = splitsHere(layout, files, cache);
    const old = cachedDataset(name, settings);
    cache.link(commit, [...kept, ...card, ...fetched]);
    for (const line of notesOf(layout, options, cache.snapshot(commit), old))
      options.onNote?.(`${name}: ${line}`);
    return cache.snapshot(commit);
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw asSaveError(settings.cache, error);
    const cached = cachedDataset(name, settings);
    if (cached === undefined) throw error;
    options.onNote?.(`${error.parts.what}; using ${cached}`);
    return cached;
  }
}

/** The files of the splits that are in the cache whole, whichever commit they were fetched at. */
function splitsHere(layout: Layout, files: ReadonlyMap<string, RepoFile>, cache: RepoCache): RepoFile[] {
  const splits = [...layout.subsets.values()].flatMap((subset) => [...subset.splits.values()]);
  const known = splits.map((paths) => paths.flatMap((path) => files.get(path) ?? []));
  return known.filter((paths) => paths.every(({ etag }) => existsSync(cache.blob(etag)))).flat();
}

/** What is not fetched, and what was fetched before and is in the folder no more. */
function notesOf(layout: Layout, part: DatasetPart, folder: string, old: string | undefined): string[] {
  const left = [...layout.subsets.values()].flatMap((subset) => subset.left);
  const lost = old === undefined ? [] : filesIn(old).filter((path) => !existsSync(join(folder, path)));
  const isWhole = part.subset === undefined && part.split === undefined;
  return [
    ...(left.length > 0 && isWhole ? [`files of no split, which are not fetched: ${firstOf(left)}.`] : []),
    ...(lost.length > 0
      ? [`fetched earlier, and other on the hub now: ${firstOf(lost)}. Fetch what you need of them again.`]
      : []),
  ];
}

/** The first of some paths, and how many more there are. */
export const firstOf = (paths: readonly string[]): string =>
  `${paths.slice(0, 3).join(', ')}${paths.length > 3 ? ` and ${paths.length - 3} more` : ''}`;

function wantedFiles(
  layout: Layout,
  { subset, split }: DatasetPart,
  name: string,
  all: readonly string[],
): string[] {
  const subsets = subset === undefined ? [...layout.subsets.values()] : [subsetOf(layout, subset, name)];
  const splits = subsets.flatMap((one) => [...one.splits]);
  const wanted = splits.filter(([own]) => split === undefined || own === split).flatMap(([, paths]) => paths);
  if (wanted.length > 0) return [...new Set(wanted)];
  if (splits.length > 0 && split !== undefined) {
    const expected = `one of ${[...new Set(splits.map(([own]) => own))].join(', ')}`;
    throw new DownloadError({ where: name, what: `no split ${split} in this data set`, expected });
  }
  throw new DownloadError({
    where: name,
    what: 'the data set has no files of rows',
    expected: '.parquet, .jsonl, .json, .csv, .tsv or .arrow',
    got: all.slice(0, 12).join(', '),
    next: 'data sets that need a Python script are read after save_to_disk, by their folder',
  });
}

/** @throws DownloadError naming shards of a cached data set that were not fetched */
export function requireShards(paths: readonly string[], name: string): void {
  const [missing, ...more] = missingShards(paths);
  if (missing === undefined) return;
  throw new DownloadError({
    where: name,
    what: `${missing}${more.length > 0 ? ` and ${more.length} more files` : ''} of this data set is not here`,
    next: isDatasetName(name) ? `run: ealign pull --dataset ${name}` : 'copy the whole folder',
  });
}

function offline(name: string): DownloadError {
  return new UnreachableError({
    where: name,
    what: 'HF_HUB_OFFLINE is set and the data set is not cached',
    next: 'unset it to fetch the data set',
  });
}
