/** `ealign eval export`: results as other tools have them. */
import { type Command, Option } from 'commander';
import { EXPORT_FORMATS, type ExportFormat } from '../../evaluate/export/formats.js';
import { MIN_MASS } from '../../evaluate/rating.js';
import { numberFrom } from '../terminal/program.js';

interface ExportOptions {
  to: ExportFormat;
  /** Absent: a folder named by the format, in the evaluation's. */
  output?: string;
  minMass: number;
  json?: boolean;
}

export function addExportCommand(parent: Command): void {
  parent
    .command('export')
    .summary('write an evaluation as Inspect, lm-evaluation-harness or CSV have it')
    .description(
      'Writes judged answers (of ealign eval) or scored tasks (of ealign eval tasks) for other tools: logs that inspect view shows, results and samples of lm-evaluation-harness, or flat rows. The same folder always gives the same bytes.',
    )
    .argument('<folder>', 'output folder of ealign eval or ealign eval tasks')
    .addOption(new Option('--to <format>', 'what is written').choices(EXPORT_FORMATS).makeOptionMandatory())
    .option('--output <path>', 'folder of the export (default: one named by the format, in <folder>)')
    .option(
      '--min-mass <number>',
      'probability of all numbers together below which an answer has no score',
      numberFrom(0, 1),
      MIN_MASS,
    )
    .option('--json', 'result as one JSON object, on stdout')
    .addHelpText(
      'after',
      `
Examples:
  ealign eval export runs/eval --to inspect --output logs && inspect view --log-dir logs
  ealign eval export runs/tasks --to lm-eval
`,
    )
    .action(async (folder: string, { json = false, ...options }: ExportOptions) => {
      const { exportEvaluation } = await import('../../evaluate/suite/export.js');
      const { files, notes } = exportEvaluation({ ...options, folder });
      if (json) {
        process.stdout.write(`${JSON.stringify({ event: 'result', files, notes })}\n`);
        return;
      }
      process.stdout.write(files.map((file) => `${file}\n`).join(''));
      process.stderr.write(notes.map((note) => `${note}\n`).join(''));
    });
}
