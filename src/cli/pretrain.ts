/** `ealign pretrain`: its flags. */
import { type Command, Option } from 'commander';
import { wholeFrom } from './terminal/program.js';
import { type Work, work } from './terminal/work.js';

interface Options {
  /** Folder for the model. */
  output: string;
  size: 'standard' | 'large';
  seed: number;
  /** 0: one per core. */
  threads: number;
}

/** What the command line says about pretraining. */
export type PretrainOptions = Options & Work;

/** Adds the command; `run` pretrains and aligns. */
export function addPretrainCommand(program: Command, run: (options: PretrainOptions) => Promise<void>): void {
  program
    .command('pretrain')
    .summary('make the embedded model pinocchio from its synthetic world')
    .description('Pretrains and aligns pinocchio. The same seed gives the same files on the same machine.')
    .option('--output <path>', 'folder for the model', 'runs/pinocchio')
    .addOption(
      new Option('--size <size>', 'large: twice the width; an hour on two cores, standard 40 minutes')
        .choices(['standard', 'large'])
        .default('standard'),
    )
    .option('--seed <n>', 'seed of the world, the weights and the order', wholeFrom(0), 42)
    .option('--threads <n>', 'CPU threads; 0 takes one per core', wholeFrom(0), 0)
    .option('--json', 'progress as one JSON object a line, on stdout')
    .action(({ json = false, ...options }: Options & { json?: boolean }) =>
      work({ json, stopping: 'Stopping.' }, (ui) => run({ ...options, ...ui })),
    );
}
