/** `ealign report`: its flags. */
import type { Command } from 'commander';

/** What the command line says about a report. */
export interface ReportOptions {
  /** Markdown of all studies together. */
  readonly output?: string;
  readonly json: boolean;
}

/** Adds the command; `run` writes the reports of the studies at the paths. */
export function addReportCommand(
  program: Command,
  run: (paths: readonly string[], options: ReportOptions) => Promise<void>,
): void {
  program
    .command('report')
    .summary('report on experiments that were run, without training')
    .description(
      'Writes report.html, tables and CSV into the output folder of each experiment, from the runs that it has, and with --output all experiments as one Markdown file with drawings beside it. Nothing is trained.',
    )
    .argument('<experiment...>', 'output folders, or files of experiments; a file’s title and text count')
    .option('--output <path>', 'Markdown file; its drawings go into a folder of its name')
    .option('--json', 'the results as one JSON object, on stdout', false)
    .action(run);
}
