/** `ealign eval loss`, `sycophancy`, …: a command for each kind of measurement that has one. */
import type { Command } from 'commander';
import { z } from 'zod';
import { UserError } from '../../errors.js';
import type { Kind, KindCommand } from '../../evaluate/kinds/kind.js';
import { numberFrom, wholeFrom } from '../terminal/program.js';
import { addModel, addStoring, collect, type Given, type Measuring, measure, print } from './common.js';

/** A key of a section, as its JSON Schema has it. */
interface Key {
  readonly type?: string;
  readonly minimum?: number;
  readonly description?: string;
  readonly placeholder?: string;
}

/** Adds the command of a kind; its flags are the keys of its section in a suite's file. */
export function addKindCommand(parent: Command, kind: Kind, told: KindCommand<unknown>): void {
  const { properties = {}, required = [] } = z.toJSONSchema(kind.schema, { io: 'input' });
  const keys = Object.entries(properties) as [name: string, key: Key][];
  const command = addModel(parent.command(told.name).summary(told.summary).description(told.description));
  for (const [name, key] of keys) addFlag(command, flagOf(name), key);
  addStoring(command, told.output, told.other).action((given: Given<Measuring>) => {
    const named = Object.fromEntries(
      keys.map(([name]) => [name, (given as Readonly<Record<string, unknown>>)[attributeOf(name)]]),
    );
    const missing = keys.find(([name]) => required.includes(name) && named[name] === undefined);
    if (missing !== undefined) {
      const [name, { placeholder = 'value' }] = missing;
      throw new UserError({
        what: `no ${name.replaceAll('_', ' ')}`,
        next: `give ${flagOf(name)} <${placeholder}>`,
      });
    }
    const settings = kind.schema.parse(named);
    return measure<Measuring>(given, {}, async ({ json, ...options }) => {
      const { renderShown } = await import('../../report/scorecard-table.js');
      const scores = await kind.run(settings, options);
      if (scores !== undefined) print(json, { scores }, renderShown(told.show(scores)));
    });
  });
}

function addFlag(
  command: Command,
  flag: string,
  { type, minimum, description = '', placeholder }: Key,
): void {
  const usage = (name: string) => `${flag} <${placeholder ?? name}>`;
  if (type === 'integer') command.option(usage('n'), description, wholeFrom(minimum ?? 0));
  else if (type === 'number') command.option(usage('number'), description, numberFrom(minimum ?? 0));
  else if (type === 'string') command.option(usage('text'), description);
  else command.option(usage('text'), description, collect);
}

const flagOf = (key: string) => `--${key.replaceAll('_', '-')}`;

/** The name under which commander gives a key. */
const attributeOf = (key: string) => key.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
