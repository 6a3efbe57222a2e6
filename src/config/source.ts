/**
 * A YAML file as plain values plus the place of every key and value in it.
 *
 * Positions are 1-based `line:column`, as editors count.
 */
import { isMap, isScalar, isSeq, type LineCounter, type Node } from 'yaml';
import { ConfigError, DataError } from '../errors.js';
import { readTextFile } from '../files/text-file.js';
import { readYaml } from './yaml-document.js';

/** A parsed file. */
export interface ConfigSource {
  file: string;
  /** Plain values; keys without a value are left out, so that they take their default. */
  values: Record<string, unknown>;
  /** `file:line:column` of the value at `path` (or of its key), or of the nearest parent that is in the file. */
  place(path: readonly PropertyKey[], part?: 'key' | 'value'): string;
  /** Names of the keys of the section at `path`, in the file's order; those without a value as well. */
  keys(path: readonly string[]): string[];
}

/**
 * Reads a configuration file.
 *
 * @throws ConfigError when it cannot be read, is not YAML, or is not a mapping
 */
export function readSource(file: string): ConfigSource {
  return parseSource(readText(file), file);
}

/** The same for YAML text that is already in memory; `file` names it in errors. */
export function parseSource(yaml: string, file: string): ConfigSource {
  const place = (lines: LineCounter, offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const read = readYaml(yaml.replace(/^\uFEFF/, ''), {}, (what, lines, offset) => {
    return new ConfigError({ where: offset === undefined ? file : place(lines, offset), what });
  });
  const at = (offset: number) => place(read.lines, offset);
  const { document } = read;
  const root = document.contents;
  const values: unknown = read.values === null ? {} : withoutNulls(read.values);
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    throw new ConfigError({
      where: at(root?.range?.[0] ?? 0),
      what: 'not a configuration',
      expected: 'lines of the form `key: value`',
      got: describe(values),
    });
  }
  return {
    file,
    values: values as Record<string, unknown>,
    place(path, part = 'value') {
      const offset = offsetOf(root, path, part);
      return offset === undefined ? file : at(offset);
    },
    keys(path) {
      const section = document.getIn(path, true);
      return isMap(section) ? section.items.map(({ key }) => String(isScalar(key) ? key.value : key)) : [];
    },
  };
}

/** A value as an error shows it. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return `'${value.length > 60 ? `${value.slice(0, 60)}…` : value}'`;
  if (Array.isArray(value))
    return value.length === 0 ? 'an empty list' : `[${value.map(describe).join(', ')}]`;
  if (typeof value === 'object' && value !== null) return 'a section';
  return String(value);
}

function readText(file: string): string {
  try {
    return readTextFile(file);
  } catch (cause) {
    if (cause instanceof DataError) throw new ConfigError(cause.parts, { cause });
    const { code } = cause as NodeJS.ErrnoException;
    const missing = code === 'ENOENT' || code === 'ENOTDIR';
    const what = missing
      ? 'no such configuration file'
      : code === 'EISDIR'
        ? 'is a folder; expected a YAML file'
        : `cannot be read (${code ?? cause})`;
    throw new ConfigError({ where: file, what, next: missing ? 'check the path' : undefined }, { cause });
  }
}

/** `key:` without a value means "not set". */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  const set = Object.entries(value).filter(([, item]) => item !== null && item !== undefined);
  return Object.fromEntries(set.map(([name, item]) => [name, withoutNulls(item)]));
}

function offsetOf(root: unknown, path: readonly PropertyKey[], part: 'key' | 'value'): number | undefined {
  let node = root;
  let found: Node | undefined;
  for (const [depth, step] of path.entries()) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
      if (pair === undefined) return found?.range?.[0];
      const last = depth === path.length - 1;
      found = (last && part === 'key' ? pair.key : (pair.value ?? pair.key)) as Node;
    } else if (isSeq(node) && typeof step === 'number') {
      found = (node.items[step] as Node) ?? found;
    } else {
      break;
    }
    node = found;
  }
  return found?.range?.[0];
}
