/** Another tool's configuration as ours: the text of a file, and what of it is another or lost. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Document } from 'yaml';
import { readSource } from '../../config/source.js';
import { ConfigError, UserError } from '../../errors.js';
import { type Format, formatOf, nameOf, translate } from './foreign/index.js';
import type { Remark, Translation } from './foreign/translation.js';
import { configKeys, configSections } from './keys.js';
import { parseConfig } from './load.js';

/** What `ealign import-config` has made. */
export interface ImportedConfig {
  /** The tool, in words. */
  readonly from: string;
  /** YAML of a configuration of `ealign train`, ending with a newline. */
  readonly yaml: string;
  /** How many values were translated. */
  readonly translated: number;
  readonly changed: readonly Remark[];
  readonly lost: readonly Remark[];
  /** Why the configuration cannot be used as it is, e.g. as it names no data; undefined where it can. */
  readonly problem?: string;
}

/**
 * @param file   YAML of TRL, Axolotl or LLaMA-Factory
 * @param format whose it is; default: told by its keys
 * @throws ConfigError when it cannot be read, is nobody's, or asks for training that is not done here
 */
export function importConfig(file: string, format?: Format): ImportedConfig {
  const { values } = readSource(file);
  const told = format ?? formatOf(values);
  if (told === undefined) {
    const expected = 'keys of TRL, Axolotl or LLaMA-Factory';
    const next = 'a configuration of ealign is used as it is: ealign train FILE';
    throw new ConfigError({ where: file, what: 'no configuration of another tool', expected, next });
  }
  const translation = inFile(file, () => translate(values, told, isOwn, (path) => readJson(path, file)));
  const yaml = render(translation, `Translated from ${file}, a configuration of ${nameOf(told)}.`);
  return {
    from: nameOf(told),
    yaml,
    translated: translation.values.size,
    changed: translation.changed,
    lost: translation.lost,
    problem: problemOf(yaml),
  };
}

const isOwn = (key: string): boolean => configSections[0].names.includes(key);

/** Names the file in an error that names a key of it. */
function inFile<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    const where = [file, cause.parts.where].filter((part) => part !== undefined).join(' ');
    throw new ConfigError({ ...cause.parts, where }, { cause });
  }
}

/** A JSON file, from the current folder or that of the configuration. */
function readJson(path: string, file: string): unknown {
  const found = [path, join(dirname(file), path)].find((one) => existsSync(one));
  if (found === undefined) return undefined;
  try {
    return JSON.parse(readFileSync(found, 'utf8'));
  } catch (cause) {
    throw new ConfigError({ where: found, what: `not valid JSON (${(cause as Error).message})` }, { cause });
  }
}

/** In the order of the schema. */
function render({ values }: Translation, comment: string): string {
  const document = new Document({}, { compat: 'yaml-1.1' });
  const order = configKeys.map(({ path }) => path);
  const known = order.filter((path) => values.has(path));
  const sections = [...values.keys()].filter((path) => !order.includes(path));
  for (const path of [...known, ...sections]) {
    document.setIn(path.split('.'), document.createNode(values.get(path)));
  }
  return `# ${comment}\n${document.toString({ lineWidth: 0 })}`;
}

function problemOf(yaml: string): string | undefined {
  try {
    parseConfig(yaml, 'the translation');
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}
