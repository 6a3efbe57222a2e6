/**
 * The configuration keys as help text, section by section: flag, type, default, unit
 * and a sentence, all read from the schema.
 */
import { flagOf, isSwitch } from '../train/config/flags.js';
import { type ConfigKey, choicesOf, configKeys, configSections } from '../train/config/keys.js';
import type { Colors } from './terminal/colors.js';
import { wrap } from './terminal/format.js';

const INDENT = ' '.repeat(6);

/**
 * @param width characters per line
 * @returns text without a newline at the end
 */
export function configHelp(width: number, colors: Colors): string {
  return configSections
    .map(({ path, description }) => {
      const title = path === '' ? 'Model, data and output' : description;
      const where = path === '' ? 'YAML: top level' : `YAML: ${path}:`;
      const keys = configKeys.filter(({ section }) => section === path);
      const heading = `${colors.bold(title)} ${colors.dim(`(${where})`)}`;
      return [heading, ...keys.map((key) => keyHelp(key, width, colors))].join('\n');
    })
    .join('\n\n');
}

/** The same as a page of Markdown: docs/configuration.md, which `npm run docs` writes. */
export function configMarkdown(): string {
  const cell = (text: string) => text.replaceAll('|', '\\|');
  const sections = configSections.map(({ path, description }) => {
    const keys = configKeys.filter(({ section }) => section === path);
    const rows = keys.map((key) => {
      const cells = [`\`${key.name}\``, `\`${usage(key)}\``, standard(key), sentences(key)].map(cell);
      return `| ${cells.join(' | ')} |`;
    });
    const title = path === '' ? 'Model, data and output' : `${description} (\`${path}:\`)`;
    return [`## ${title}`, '', '| key | flag | default | what |', '|---|---|---|---|', ...rows].join('\n');
  });
  const head =
    '# Configuration\n\n`ealign train` reads one YAML file; every key is a flag as well, and a flag wins. `ealign schema` prints\n' +
    'a JSON Schema for editors. Where names clash, write a flag with its section: `--training.batch-size 4`.\n\n' +
    '<!-- Written by `npm run docs` from the schema. -->';
  return `${[head, ...sections].join('\n\n')}\n`;
}

function keyHelp(key: ConfigKey, width: number, colors: Colors): string {
  const sentence = wrap(sentences(key), width - INDENT.length).map((line) => INDENT + line);
  return [`  ${colors.cyan(usage(key))}  ${colors.dim(standard(key))}`, ...sentence].join('\n');
}

function usage(key: ConfigKey): string {
  const flag = flagOf(key.path);
  return isSwitch(key) ? `${flag}, --no-${flag.slice(2)}` : `${flag} <${placeholder(key)}>`;
}

const sentences = ({ description, repeatable }: ConfigKey) =>
  repeatable ? `${description} The flag may be repeated.` : description;

/** What holds when the flag is not given. */
function standard(key: ConfigKey): string {
  if (key.required) return 'required';
  if (isSwitch(key)) return `default: ${key.default ? 'on' : 'off'}`;
  if (key.fallback !== undefined) return `default: ${key.fallback}`;
  return `default: ${key.default}${key.unit === undefined ? '' : ` ${key.unit}`}`;
}

/** What stands for the value: `path`, `linear|cosine|constant`, `number`. */
function placeholder({ placeholder, schema }: ConfigKey): string {
  if (placeholder !== undefined) return placeholder;
  const choices = choicesOf(schema);
  if (choices.length > 0) return choices.join('|');
  return schema.type === 'integer' ? 'n' : schema.type === 'number' ? 'number' : 'text';
}
