/** `ealign report`: its flags. */
import type { Command } from 'commander';
import { MIN_MASS } from '../evaluate/rating.js';
import { numberFrom } from './terminal/program.js';

/** What the command line says about a report. */
export interface ReportOptions {
  /** Markdown of all studies together. */
  readonly output?: string;
  /** Of evaluations: probability of all numbers together below which an answer has no score. */
  readonly minMass: number;
  readonly json: boolean;
}

/** Adds the command; `run` writes the reports of the studies and evaluations at the paths. */
export function addReportCommand(
  program: Command,
  run: (paths: readonly string[], options: ReportOptions) => Promise<void>,
): void {
  program
    .command('report')
    .summary('report on experiments and evaluations that were run, without training or sampling')
    .description(
      'Writes report.html, tables and CSV into the output folder of each experiment, from the runs that it has, and with --output all experiments as one Markdown file with drawings beside it. Of ealign eval it writes scorecard.json and report.html again. What people rated blindly is among it. Nothing is trained, sampled or judged.',
    )
    .argument(
      '<results...>',
      'output folders of experiments or of ealign eval, or files of experiments; a file’s title and text count',
    )
    .option('--output <path>', 'Markdown file of the experiments; its drawings go into a folder of its name')
    .option(
      '--min-mass <number>',
      'of ealign eval: probability of all numbers together below which an answer has no score',
      numberFrom(0, 1),
      MIN_MASS,
    )
    .option('--json', 'the results as one JSON object, on stdout', false)
    .action(run);
}
