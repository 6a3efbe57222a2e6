/**
 * `ealign init`: its flags.
 */
import { type Command, Option } from 'commander';
import { DEFAULT_MODEL } from '../hub/names.js';
import { ENGINES, SETTINGS } from './init/answers.js';
import type { InitFlags } from './init/run.js';

/** Adds the command. The configuration goes to a file; what to do next, to standard output. */
export function addInitCommand(program: Command): void {
  program
    .command('init')
    .summary('write a configuration, by five questions')
    .description(
      'Asks five questions and writes a configuration for `ealign train`. A flag answers its question; --yes answers the others by default. The first row of the data is read, so that preferences and columns of other names are written as they have to be. `ealign import-config` translates the configuration of another tool instead.',
    )
    .argument('[config.yaml]', 'file to write', 'run.yaml')
    .addOption(
      new Option(
        '--setting <name>',
        'lora trains an adapter, full all weights, scratch all weights from random ones (default: lora)',
      ).choices(SETTINGS),
    )
    .option('--model <name>', `folder, .gguf file, alias or Hugging Face id (default: ${DEFAULT_MODEL})`)
    .option('--data <path>', 'rows to train on; may be repeated', (path, earlier: string[] = []) => [
      ...earlier,
      path,
    ])
    .addOption(
      new Option(
        '--engine <name>',
        'what trains: this process, PyTorch here, or a server (default: onnx)',
      ).choices(ENGINES),
    )
    .option('--url <http://host:port>', 'address of the server, with --engine tinker')
    .option('--output <path>', 'folder of the run (default: runs/<name of the data>)')
    .option('--yes', 'ask nothing')
    .option('--overwrite', 'replace the file where it is there')
    .action(async (file: string, flags: InitFlags) => {
      const { init } = await import('./init/run.js');
      await init(file, flags);
    });
}
