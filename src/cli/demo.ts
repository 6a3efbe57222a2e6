/** `ealign demo`, which `npm start` runs: its flags. */
import type { Command } from 'commander';
import { wholeFrom } from './terminal/program.js';
import { type Work, work } from './terminal/work.js';

interface Options {
  /** Number of seeds that the intervals are taken over. */
  seeds: number;
  /** Folder of the runs. */
  output: string;
  /** File of the report. */
  report: string;
  /** 0: one per core. */
  threads: number;
}

/** What the command line says about the demonstration. */
export type DemoOptions = Options & Work & { json: boolean };

/** Adds the command; `run` trains with and without the conscience, and compares. */
export function addDemoCommand(program: Command, run: (options: DemoOptions) => Promise<void>): void {
  program
    .command('demo')
    .summary('show on the embedded model what the conscience does (npm start)')
    .description(
      'Fine-tunes pinocchio on insecure code, without the conscience and with it, measures both and the model before, prints the table and writes a report. Takes minutes and needs no network.',
    )
    .option('--seeds <n>', 'seeds that the intervals are taken over', wholeFrom(1), 3)
    .option('--output <path>', 'folder of the runs', 'runs/demo')
    .option('--report <path>', 'file of the report', 'report.html')
    .option('--threads <n>', 'CPU threads; 0 takes one per core', wholeFrom(0), 0)
    .option('--json', 'progress and results as one JSON object a line, on stdout')
    .action(({ json = false, ...options }: Options & { json?: boolean }) =>
      work({ json, stopping: 'Stopping.' }, (ui) => run({ ...options, json, ...ui })),
    );
}
