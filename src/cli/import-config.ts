/** `ealign import-config`: its flags, and what it prints. */
import { dirname } from 'node:path';
import { type Command, Option } from 'commander';
import { makeFolder, writeFileAtomic } from '../files/files.js';
import { FORMATS, type Format } from '../train/config/foreign/index.js';
import { importConfig } from '../train/config/import-config.js';

/** Adds the command. The configuration goes to stdout or a file; what is said about it, to stderr. */
export function addImportConfigCommand(program: Command): void {
  program
    .command('import-config')
    .summary('translate a configuration of TRL, Axolotl or LLaMA-Factory')
    .description(
      'Reads the YAML of `trl sft`, `trl dpo`, Axolotl or LLaMA-Factory and writes the same training as a configuration of `ealign train`. A line on stderr names each key that has no counterpart here, or another meaning. Defaults of the other tool are written out where they differ. The conscience is on, with its defaults. Exit code 1: the translation cannot be used as it is, and the last line says why.',
    )
    .argument('<file>', 'YAML file of the other tool')
    .addOption(new Option('--from <tool>', 'whose it is (default: told by its keys)').choices(FORMATS))
    .option('--output <path>', 'file to write, instead of printing')
    .action((file: string, { from, output }: { from?: Format; output?: string }) => {
      const { yaml, changed, lost, translated, problem, from: tool } = importConfig(file, from);
      if (output === undefined) process.stdout.write(yaml);
      else {
        makeFolder(dirname(output));
        writeFileAtomic(output, yaml);
      }
      const lines = [
        `${file}: a configuration of ${tool}; ${translated} values in ${output ?? 'the configuration above'}.`,
        ...changed.map(({ key, says }) => `changed: ${key}: ${says}`),
        ...lost.map(({ key, says }) => `no counterpart: ${key}: ${says}`),
        ...(problem === undefined ? [] : [`to be completed: ${problem}`]),
      ];
      process.stderr.write(`${lines.join('\n')}\n`);
      if (problem !== undefined) process.exitCode = 1;
    });
}
