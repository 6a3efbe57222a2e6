/**
 * Every configuration key as a command-line flag: its spellings and its values.
 *
 * `training.learning_rate` is `--training.learning-rate`, and `--learning-rate` because
 * no other key ends so. A section's `enabled` goes by the section: `--no-conscience`.
 */
import { type ConfigKey, configKeys, type KeySchema } from './keys.js';

/** A value given on the command line. */
export interface FlagValue {
  /** As the user typed it, e.g. `--learning-rate`. */
  flag: string;
  value: unknown;
}

/** Key path → value. */
export type FlagValues = ReadonlyMap<string, FlagValue>;

/** A way to write a key on the command line, without the leading `--`, and the key. */
export interface FlagName {
  name: string;
  key: ConfigKey;
}

/** All spellings; each key's shortest comes first. */
export const flagNames: readonly FlagName[] = allNames();

/**
 * The spelling of a key that help and errors show, with its leading `--`: the shortest,
 * except that keys of a nested section name it, as in `--roles.reference`. The path of a
 * section that can be switched gives its switch.
 */
export function flagOf(path: string): string {
  const parts = Math.max(1, path.split('.').length - 1);
  const shown = flagNames.find(
    ({ name, key }) => [path, `${path}.enabled`].includes(key.path) && name.split('.').length >= parts,
  )!;
  return `--${shown.name}`;
}

/** Whether a key is a plain switch, that takes no value: `--rslora`, `--no-rslora`. */
export function isSwitch({ schema }: ConfigKey): boolean {
  return schema.type === 'boolean';
}

/**
 * Turns the text after a flag into a value of the key's type. Text that does not fit is
 * passed on as it is: the schema then refuses it in its own words.
 *
 * @param earlier what the same flag gave before, for flags that may be repeated
 */
export function flagValue(key: ConfigKey, text: string, earlier?: unknown): unknown {
  if (key.repeatable) return [...((earlier as string[] | undefined) ?? []), text];
  return convert(key.schema, text);
}

function convert(schema: KeySchema, text: string): unknown {
  const kinds = (schema.anyOf ?? [schema]).map(({ type }) => type);
  if (kinds.includes('boolean') && /^(true|false)$/.test(text)) return text === 'true';
  // where a list or a pattern may stand, names make a list
  if (kinds.includes('array') && (!kinds.includes('string') || /^[\w.]+(\s*,\s*[\w.]+)*$/.test(text))) {
    const items = (schema.anyOf ?? [schema]).find(({ type }) => type === 'array')!.items;
    return text.split(',').map((item) => (items ? convert(items, item.trim()) : item.trim()));
  }
  const numeric = kinds.includes('number') || kinds.includes('integer');
  if (numeric && text.trim() !== '' && !Number.isNaN(Number(text))) return Number(text);
  return text;
}

function allNames(): FlagName[] {
  const taken = new Map<string, ConfigKey[]>();
  for (const key of configKeys) {
    for (const name of spellings(key)) taken.set(name, [...(taken.get(name) ?? []), key]);
  }
  return configKeys.flatMap((key) =>
    spellings(key)
      .filter((name) => name === kebab(key.path) || isFirst(name, key, taken.get(name)!))
      .map((name) => ({ name, key })),
  );
}

/** A name shared by several keys belongs to none, except to the switch of the section so named. */
function isFirst(name: string, key: ConfigKey, keys: ConfigKey[]): boolean {
  return keys.length === 1 || key.path === `${name}.enabled`;
}

/** From the shortest, the key's last part, to the whole path. */
function spellings({ path, name, section }: ConfigKey): string[] {
  if (name === 'enabled') return [kebab(section), kebab(path)];
  const parts = path.split('.');
  return parts.map((_, i) => kebab(parts.slice(parts.length - 1 - i).join('.')));
}

function kebab(path: string): string {
  return path.replaceAll('_', '-');
}
