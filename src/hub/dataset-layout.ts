/**
 * Which files of a data set's repository, or folder, are which split of which subset.
 *
 * The card says it (`configs` at the top of README.md); else the names of the files do, as the hub itself
 * reads them: `data/train-00000-of-00002.parquet`, `test.jsonl`, `dev/part.csv`. Files whose names say nothing are
 * `train`, unless other names say something: then they are of no split, and listed as left over. Data sets that only a
 * Python script can load have no such files.
 */
import { parse } from 'yaml';

/** Splits by name, each with its files in order. */
export type Splits = ReadonlyMap<string, readonly string[]>;

/** A subset, called a configuration on the hub. */
export interface Subset {
  /** The splits that have files here. */
  readonly splits: Splits;
  /** Splits that the card lists, whether their files are here or not; none where it lists none. */
  readonly listed: readonly string[];
  /** Files of rows that are of no split. */
  readonly left: readonly string[];
}

/** The subsets of a data set. */
export interface Layout {
  /** By name, in the order of the card; `default` where there is only one, and nobody names it. */
  readonly subsets: ReadonlyMap<string, Subset>;
  /** The subset that is meant where none is named. */
  readonly preferred?: string;
}

/** Files that hold rows. */
const ROWS = /\.(jsonl|json|csv|tsv|parquet|arrow)(\.(gz|zst|zstd))?$/i;
/** JSON files that say something about a data set, and hidden files. */
const NO_ROWS = /(^|\/)((dataset_infos?|dataset_dict|state|metadata|croissant)\.json$|\.)/i;
/** What `map` of `datasets` leaves beside the files that it read. */
const CACHED = /(^|\/)cache-[^/]*\.arrow$/;

/** Other words for the three usual splits. */
const WORDS: readonly (readonly [split: string, words: string])[] = [
  ['train', 'train|training'],
  ['validation', 'validation|valid|dev|val'],
  ['test', 'test|testing|eval|evaluation'],
];

/**
 * @param paths of all files, relative, with `/`
 * @param card  text of README.md, if there is one
 */
export function layoutOf(paths: readonly string[], card?: string): Layout {
  const files = paths.filter((path) => ROWS.test(path) && !NO_ROWS.test(path)).sort();
  const { configs, infos } = readCard(card);
  if (configs.length === 0) {
    const named = byName(files);
    return { subsets: new Map([['default', { ...named, listed: trainOf(infos, 'default') }]]) };
  }
  const subsets = configs.map((config) => [config.config_name, subsetOf(config, infos, files)] as const);
  return { subsets: new Map(subsets), preferred: configs.find((config) => config.default)?.config_name };
}

/** Shards that their own names count, and that are not there: `train-00001-of-00002.parquet`. */
export function missingShards(paths: readonly string[]): string[] {
  const there = new Set(paths);
  const missing = paths.flatMap((path) => {
    const match = /^(.*-)(\d{5})(-of-)(\d{5})(.*)$/.exec(path);
    if (match === null) return [];
    const [, start, , of, count, end] = match;
    const shards = Array.from({ length: Number(count) }, (_, i) => `${i}`.padStart(5, '0'));
    return shards.map((shard) => `${start}${shard}${of}${count}${end}`).filter((shard) => !there.has(shard));
  });
  return [...new Set(missing)];
}

interface CardConfig {
  readonly config_name: string;
  readonly data_files?: unknown;
  readonly data_dir?: string;
  readonly default?: boolean;
}

/** What a card says of a subset's content, under `dataset_info`. */
interface CardInfo {
  readonly config_name: string;
  readonly splits?: unknown;
}

/** What the card says; nothing where it cannot be read, as the hub does. */
function readCard(card = ''): { configs: CardConfig[]; infos: CardInfo[] } {
  const [, front] = /^\uFEFF?---\r?\n([\s\S]*?)\r?\n---/.exec(card) ?? [];
  let read: { configs?: unknown; dataset_info?: unknown };
  try {
    read = Object(front === undefined ? {} : parse(front));
  } catch {
    read = {};
  }
  const named = (listed: readonly unknown[]) =>
    listed.flatMap((one) => {
      const { config_name: name = 'default' } = Object(one) as Partial<CardInfo>;
      return typeof name === 'string' ? [{ ...Object(one), config_name: name }] : [];
    });
  return {
    configs: Array.isArray(read.configs) ? named(read.configs) : [],
    infos: named([read.dataset_info ?? []].flat()),
  };
}

/** `train`, where the card counts its rows. Other splits may have other names there than their files have. */
function trainOf(infos: readonly CardInfo[], subset: string): string[] {
  const splits: unknown = infos.find(({ config_name: name }) => name === subset)?.splits;
  const names = [splits ?? []].flat().map((one) => (Object(one) as { name?: unknown }).name);
  return names.includes('train') ? ['train'] : [];
}

function subsetOf(config: CardConfig, infos: readonly CardInfo[], files: readonly string[]): Subset {
  const { config_name: name, data_files: given, data_dir: folder } = config;
  const inside = folder === undefined ? '' : `${folder.replace(/\/+$/, '')}/`;
  const own = files.filter((path) => path.startsWith(inside));
  if (given === undefined) return { ...byName(own), listed: trainOf(infos, name) };
  const listed: unknown[] = Array.isArray(given) ? given : [given];
  const entries = listed.map((entry) =>
    typeof entry === 'string' ? { split: 'train', path: entry } : (Object(entry) as Record<string, unknown>),
  );
  const splits = new Map<string, string[]>();
  const names = new Set<string>();
  for (const { split, path } of entries) {
    if (typeof split !== 'string') continue;
    names.add(split);
    const patterns = [path].flat().filter((one) => typeof one === 'string');
    const found = patterns.flatMap((one) => own.filter((file) => glob(`${inside}${one}`).test(file)));
    if (found.length > 0) splits.set(split, [...new Set([...(splits.get(split) ?? []), ...found])]);
  }
  // the files that no entry names are left out by those who wrote the card
  return { splits, listed: [...names], left: [] };
}

/** Of a path, `*` is any part of a name, `**` any folders, `?` any character of a name. */
function glob(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*\*\/|\*\*|\*|\?/g, (mark) => GLOB[mark]);
  return new RegExp(`^${source}$`);
}

const GLOB: Readonly<Record<string, string>> = { '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*', '?': '[^/]' };

function byName(all: readonly string[]): Pick<Subset, 'splits' | 'left'> {
  const files = all.filter((path) => !CACHED.test(path));
  const splits = splitsByName(files);
  const taken = new Set([...splits.values()].flat());
  return { splits, left: all.filter((path) => !taken.has(path)) };
}

function splitsByName(files: readonly string[]): Splits {
  const sharded = grouped(files, (path) => /(?:^|[/-])(\w+(?:\.\w+)*)-\d{5}-of-\d{5}\./.exec(path)?.[1]);
  if (sharded.size > 0 && !(sharded.size === 1 && sharded.has('data'))) return sharded;
  const named = grouped(files, (path) => {
    const part = (words: string) => new RegExp(`(^|[/_. -])(${words})([/_. -]|\\d|$)`, 'i');
    return WORDS.find(([, words]) => part(words).test(path))?.[0];
  });
  if (named.size > 0) return named;
  return files.length === 0 ? new Map() : new Map([['train', files]]);
}

function grouped(
  files: readonly string[],
  splitOf: (path: string) => string | undefined,
): Map<string, string[]> {
  const splits = new Map<string, string[]>();
  for (const path of files) {
    const split = splitOf(path);
    if (split !== undefined) splits.set(split, [...(splits.get(split) ?? []), path]);
  }
  return splits;
}
