/** `ealign bench`, which `npm run bench` runs: its flags. */
import type { Command } from 'commander';
import { wholeFrom } from './terminal/program.js';
import { type Work, work } from './terminal/work.js';

/** What the command line says about a measurement. */
export interface BenchOptions extends Work {
  /** 0: one per core. */
  threads: number;
  json: boolean;
}

/** Adds the command; `run` measures and prints. */
export function addBenchCommand(program: Command, run: (options: BenchOptions) => Promise<void>): void {
  program
    .command('bench')
    .summary('measure the speed and memory of training and generation')
    .option('--threads <n>', 'CPU threads; 0 takes one per core', wholeFrom(0), 0)
    .option('--json', 'progress and results as one JSON object a line, on stdout')
    .action(({ json = false, threads }: { json?: boolean; threads: number }) =>
      work({ json, stopping: 'Stopping.' }, (ui) => run({ threads, json, ...ui })),
    );
}
