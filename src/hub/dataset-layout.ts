/**
 * Which files of a data set's repository, or folder, are which split of which subset.
 *
 * The card says it (`configs` at the top of README.md); else the names of the files do, as the hub itself
 * reads them: `data/train-00000-of-00002.parquet`, `test.jsonl`, `dev/part.csv`. Files whose names say nothing are
 * `train`. Data sets that only a Python script can load have no such files.
 */
import { parse } from 'yaml';

/** Splits by name, each with its files in order. */
export type Splits = ReadonlyMap<string, readonly string[]>;

/** A subset (called a configuration on the hub) by name. */
export interface Layout {
  /** In the order of the card; `default` where there is only one, and nobody names it. */
  readonly subsets: ReadonlyMap<string, Splits>;
  /** The subset that is meant where none is named. */
  readonly preferred?: string;
}

/** Files that hold rows. */
const ROWS = /\.(jsonl|json|csv|tsv|parquet|arrow)(\.(gz|zst|zstd))?$/i;
/** JSON files that say something about a data set, and Arrow files that are results of `map`. */
const NO_ROWS = /(^|\/)((dataset_infos?|dataset_dict|state|metadata|croissant)\.json$|cache-|tmp|\.)/i;

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
  const configs = configsOf(card);
  if (configs.length === 0) return { subsets: new Map([['default', splitsByName(files)]]) };
  const subsets = new Map(configs.map((config) => [config.config_name, splitsOf(config, files)]));
  return { subsets, preferred: configs.find((config) => config.default)?.config_name };
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

/** What the card says; nothing where it cannot be read, as the hub does. */
function configsOf(card = ''): CardConfig[] {
  const [, front] = /^\uFEFF?---\r?\n([\s\S]*?)\r?\n---/.exec(card) ?? [];
  if (front === undefined) return [];
  let configs: unknown;
  try {
    configs = (parse(front) as { configs?: unknown } | null)?.configs;
  } catch {
    return [];
  }
  if (!Array.isArray(configs)) return [];
  return configs.flatMap((config) => {
    const { config_name: name = 'default' } = Object(config) as Partial<CardConfig>;
    return typeof name === 'string' ? [{ ...Object(config), config_name: name }] : [];
  });
}

function splitsOf({ data_files: given, data_dir: folder }: CardConfig, files: readonly string[]): Splits {
  const inside = folder === undefined ? '' : `${folder.replace(/\/+$/, '')}/`;
  const own = files.filter((path) => path.startsWith(inside));
  if (given === undefined) return splitsByName(own);
  const listed: unknown[] = Array.isArray(given) ? given : [given];
  const entries = listed.map((entry) =>
    typeof entry === 'string' ? { split: 'train', path: entry } : (Object(entry) as Record<string, unknown>),
  );
  const splits = new Map<string, string[]>();
  for (const { split, path } of entries) {
    if (typeof split !== 'string') continue;
    const patterns = [path].flat().filter((one) => typeof one === 'string');
    const found = patterns.flatMap((one) => own.filter((file) => glob(`${inside}${one}`).test(file)));
    if (found.length > 0) splits.set(split, [...new Set([...(splits.get(split) ?? []), ...found])]);
  }
  return splits;
}

/** Of a path, `*` is any part of a name, `**` any folders, `?` any character of a name. */
function glob(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*\*\/|\*\*|\*|\?/g, (mark) => GLOB[mark]);
  return new RegExp(`^${source}$`);
}

const GLOB: Readonly<Record<string, string>> = { '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*', '?': '[^/]' };

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
