/** The help says everything that the schema knows. */
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { configHelp } from '../../src/cli/config-help.js';
import { addExperimentCommand } from '../../src/cli/experiment.js';
import { colorsFor } from '../../src/cli/terminal/colors.js';
import { worldRows } from '../../src/pinocchio/rows.js';
import { flagOf } from '../../src/train/config/flags.js';
import { configKeys, jsonSchema } from '../../src/train/config/keys.js';

const help = configHelp(80, colorsFor(process.stdin as never));

describe('configHelp', () => {
  it.each(configKeys.map((key) => [key.path, key] as const))(
    'has %s with its sentence and default',
    (path, key) => {
      const at = help.search(new RegExp(`^ {2}${flagOf(path).replaceAll('.', '\\.')}[ ,]`, 'm'));
      expect(at, 'flag').toBeGreaterThanOrEqual(0);
      const entry = help
        .slice(at)
        .split(/\n(?= {2}-|\n)/)[0]
        .replace(/\s+/g, ' ');
      expect(key.description).toMatch(/^\S.*\.$/);
      expect(entry).toContain(key.description);
      expect(entry).toMatch(key.required ? / required / : / default: \S/);
    },
  );

  it('shows type, default and unit', () => {
    expect(help).toContain('  --max-length <n>  default: 1024 tokens\n');
    expect(help).toContain('  --schedule <linear|cosine|constant>  default: linear\n');
    expect(help).toContain('  --checkpointing <auto|true|false>  default: auto\n');
    expect(help).toContain('  --rslora, --no-rslora  default: off\n');
  });

  it.each(configKeys.filter(({ repeatable }) => repeatable).map(({ path }) => path))(
    'says that %s may be repeated',
    (path) => {
      const [, entry] = help.split(`  ${flagOf(path)} <path>`);
      expect(entry.split('\n  -')[0].replace(/\s+/g, ' ')).toContain('The flag may be repeated.');
    },
  );

  it('keeps to the width', () => {
    const sentences = help.split('\n').filter((line) => line.startsWith('      '));
    expect(Math.max(...sentences.map((line) => line.length))).toBeLessThanOrEqual(80);
  });
});

it('ealign experiment names all rows of pinocchio’s world, and the keys of a file', () => {
  const program = new Command();
  addExperimentCommand(program, async () => {});
  let text = '';
  program.commands[0].configureOutput({ writeOut: (more) => (text += more) }).outputHelp();
  for (const rows of Object.keys(worldRows)) expect(text).toContain(rows);
  for (const key of ['recipe', 'untrained', 'after', 'suite', 'baseline']) expect(text).toContain(key);
});

describe('jsonSchema', () => {
  it('describes every key and refuses unknown ones', () => {
    const schema = jsonSchema();
    expect(schema).toMatchObject({
      type: 'object',
      additionalProperties: false,
      required: ['model', 'data'],
    });
    expect(schema.properties).toMatchObject({
      loss: {
        additionalProperties: false,
        properties: { lambda: { type: 'number', minimum: 0, default: 0.1 } },
      },
    });
    expect(JSON.stringify(schema)).not.toContain('placeholder');
  });
});
