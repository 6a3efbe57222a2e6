/** `ealign schema`: the JSON Schema of the configuration, for editors. */
import type { Command } from 'commander';
import { jsonSchema } from '../train/config/keys.js';

export function addSchemaCommand(program: Command): void {
  program
    .command('schema')
    .summary('print the JSON Schema of the configuration')
    .description(
      'Prints the JSON Schema of the configuration. Editors complete and check a YAML file that begins with\n' +
        '  # yaml-language-server: $schema=ealign.schema.json',
    )
    .action(() => {
      process.stdout.write(`${JSON.stringify(jsonSchema(), null, 2)}\n`);
    });
}
