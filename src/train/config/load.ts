/**
 * From a YAML file and flags to one typed configuration, or to one clear line.
 *
 * Flags win over the file, the file over the defaults. Every error names the place
 * where the user wrote the thing: `run.yaml:2:9 loss.lambda` or `--lambda`.
 */
import type { z } from 'zod';
import { type ConfigSource, describe, parseSource, readSource } from '../../config/source.js';
import { ConfigError } from '../../errors.js';
import { type FlagValues, flagOf } from './flags.js';
import { ownersOf } from './foreign/index.js';
import { configKeys, configSections, expectation, namesIn, schemaInside, valueAt } from './keys.js';
import { counterpart, keyHint, nearestName } from './nearest.js';
import { configSchema, EXCLUSIVE, resolve, type TrainConfig } from './schema.js';

/**
 * Reads, merges, checks and resolves a configuration.
 *
 * @param file path of the YAML file; without one, flags and defaults alone
 * @throws ConfigError with what is wrong, the first thing in full
 */
export function loadConfig(file: string | undefined, flags: FlagValues = new Map()): TrainConfig {
  return configure(file === undefined ? undefined : readSource(file), flags);
}

/** The same from YAML text; `file` names it in errors. */
export function parseConfig(yaml: string, file = 'config.yaml', flags: FlagValues = new Map()): TrainConfig {
  return configure(parseSource(yaml, file), flags);
}

function configure(source: ConfigSource | undefined, flags: FlagValues): TrainConfig {
  const values = merge(source?.values ?? {}, flags);
  const result = configSchema.safeParse(values);
  if (result.success) return resolve(result.data, source?.file);
  const errors = inOrder(result.error.issues, values).map((issue) =>
    explain(inside(issue), values, source, flags),
  );
  throw together(errors);
}

/** A misspelt key comes before the key that is missing because of it, which is not mentioned then. */
function inOrder(issues: readonly z.core.$ZodIssue[], values: unknown): readonly z.core.$ZodIssue[] {
  const unknown = issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' ? issue.keys.map((key) => ({ ...issue, keys: [key] })) : [],
  );
  const wrong = issues.filter(
    (issue) => issue.code !== 'unrecognized_keys' && valueAt(values, issue.path) !== undefined,
  );
  return unknown.length + wrong.length > 0 ? [...unknown, ...wrong] : issues;
}

/** Mistakes that are told beside the first one. */
const FURTHER = 4;

/** One line about all mistakes. */
function together([first, ...rest]: readonly ConfigError[]): ConfigError {
  // what is to be done about another tool's file is done about all of it
  const next = first.parts.next;
  const further = rest.filter(({ parts }) => next === undefined || parts.next !== next);
  if (further.length === 0) return first;
  const told = further.slice(0, FURTHER).map(({ message }) => message);
  const more = further.length > FURTHER ? [`${further.length - FURTHER} more`] : [];
  const also = `also wrong: ${[...told, ...more].join('; ')}`;
  return new ConfigError({ ...first.parts, next: next === undefined ? also : `${next}. A${also.slice(1)}` });
}

/** Of a value that may be a mapping or a list, what is wrong inside of it, where that is known. */
function inside(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union') return issue;
  const isInside = ({ path, code }: z.core.$ZodIssue) => path.length > 0 || code === 'unrecognized_keys';
  const inner = issue.errors.flatMap((issues) => issues.filter(isInside).slice(0, 1))[0];
  return inner === undefined ? issue : inside({ ...inner, path: [...issue.path, ...inner.path] });
}

function merge(fileValues: Record<string, unknown>, flags: FlagValues): Record<string, unknown> {
  const values = structuredClone(fileValues);
  for (const [path, { value }] of flags) {
    put(values, path, value);
    for (const pair of EXCLUSIVE) {
      const other = pair[0] === path ? pair[1] : pair[1] === path ? pair[0] : undefined;
      if (other !== undefined && !flags.has(other)) put(values, other, undefined);
    }
  }
  return values;
}

/** Sets a dotted path; a section that the file filled with something else stays, for the schema to refuse. */
function put(values: Record<string, unknown>, path: string, value: unknown): void {
  const parts = path.split('.');
  let section = values;
  for (const part of parts.slice(0, -1)) {
    const next = (section[part] ??= {});
    if (typeof next !== 'object' || Array.isArray(next)) return;
    section = next as Record<string, unknown>;
  }
  section[parts.at(-1)!] = value;
}

function explain(
  issue: z.core.$ZodIssue,
  values: unknown,
  source: ConfigSource | undefined,
  flags: FlagValues,
): ConfigError {
  if (issue.code === 'unrecognized_keys') return unknownKey([...issue.path, issue.keys[0]], source);
  const { name, schema } = target(issue.path);
  const got = valueAt(values, issue.path);
  if (got === undefined) return missing(name, issue.path, source);
  const flag = flags.get(name)?.flag;
  const where = flag ?? [source?.place(issue.path), name].filter((part) => part !== undefined).join(' ');
  const what = issue.code === 'custom' ? issue.message : `expected ${schema}, got ${describe(got)}`;
  return new ConfigError({ where, what });
}

/** @param source of the configuration; absent: the key was given by a flag */
function unknownKey(path: readonly PropertyKey[], source: ConfigSource | undefined): ConfigError {
  const dotted = path.join('.');
  const where = source?.place(path, 'key');
  const mapping = mappingAt(path.slice(0, -1));
  if (mapping !== undefined) {
    const nearest = nearestName(String(path.at(-1)), mapping);
    const hint = nearest ? `did you mean '${nearest}'?` : `expected one of ${mapping.join(', ')}`;
    return new ConfigError({ where, what: `unknown key '${dotted}'; ${hint}` });
  }
  const owners = path.length === 1 && source !== undefined ? ownersOf(dotted) : undefined;
  if (owners !== undefined) {
    const said = [`unknown key '${dotted}', a key of ${owners}`, counterpart(dotted)];
    const what = said.filter((part) => part !== undefined).join('; ');
    return new ConfigError({ where, what, next: `run: ealign import-config ${source!.file}` });
  }
  const hint = keyHint(dotted) ?? '`ealign train --help` lists the keys';
  return new ConfigError({ where, what: `unknown key '${dotted}'; ${hint}` });
}

/** The keys of a mapping that is a value, e.g. of a source in `data`; undefined for sections. */
function mappingAt(path: readonly PropertyKey[]): readonly string[] | undefined {
  const key = configKeys.find((candidate) => isWithin(path, candidate.path));
  const schema = key && schemaInside(key.schema, path.slice(key.path.split('.').length));
  return schema && namesIn(schema);
}

const isWithin = (path: readonly PropertyKey[], key: string): boolean =>
  `${path.join('.')}.`.startsWith(`${key}.`);

/** The key or section that an issue is about: the longest known prefix of its path. */
function target(path: readonly PropertyKey[]): { name: string; schema: string } {
  for (let length = path.length; length > 0; length--) {
    const name = path.slice(0, length).join('.');
    const key = configKeys.find((candidate) => candidate.path === name);
    if (key !== undefined) {
      const inner = schemaInside(key.schema, path.slice(length));
      // a target of lora.targets is named by its list
      const isMapping = inner !== undefined && namesIn(key.schema).length > 0;
      return isMapping
        ? { name: path.join('.'), schema: expectation(inner) }
        : { name, schema: expectation(key.schema) };
    }
    const section = configSections.find((candidate) => candidate.path === name);
    if (section !== undefined) return { name, schema: `a section with the keys ${section.names.join(', ')}` };
  }
  throw new Error(`the schema reports a path that it does not have: ${path.join('.')}`);
}

function missing(name: string, path: readonly PropertyKey[], source: ConfigSource | undefined): ConfigError {
  const key = configKeys.find((candidate) => candidate.path === name);
  if (key === undefined) {
    return new ConfigError({ where: source?.place(path), what: `the key '${name}' is missing` });
  }
  const flag = `${flagOf(name)} <${key.placeholder ?? 'value'}>`;
  return new ConfigError({
    where: source?.file,
    what: `the key '${name}' is missing`,
    next: source === undefined ? `give ${flag}` : `add a line \`${name}: …\`, or give ${flag}`,
  });
}
