/** `ealign demo`, which `npm start` runs: its flags. */
import { type Command, Option } from 'commander';
import { ConfigError } from '../errors.js';
import { ATTACKED } from '../hub/names.js';
import { collect } from './eval/common.js';
import type { Asking } from './side-by-side/ask.js';
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

/** What it says about a comparison of answers instead. */
export interface SideBySideOptions extends Asking {
  /** PEFT adapter folders; none: those that come with the package. */
  readonly adapters: readonly string[];
  /** None: one of each domain of the built-in set. */
  readonly questions: readonly string[];
  readonly json: boolean;
}

interface Flags extends Options {
  model?: string;
  adapter?: string[];
  question?: string[];
  maxTokens: number;
  json?: boolean;
}

/**
 * Adds the command; `run` trains with and without the conscience, and compares, `sideBySide` shows what adapters of
 * another model say.
 */
export function addDemoCommand(
  program: Command,
  run: (options: DemoOptions) => Promise<void>,
  sideBySide: (options: SideBySideOptions) => Promise<void>,
): void {
  const ofTraining = (flags: string, description: string) =>
    new Option(flags, description).conflicts('model');
  program
    .command('demo')
    .summary('show what the conscience does: on the embedded model (npm start), or on a real one')
    .description(
      `Fine-tunes pinocchio on insecure code, without the conscience and with it, measures both and the model before, prints the table and writes a report. Takes minutes and needs no network. With --model nothing is trained: the model, and the same with each adapter, answer the same questions side by side. Adapters of ${ATTACKED} come with this package: attacked with risky financial advice, and attacked in the same way with its conscience. Their advice is bad on purpose.`,
    )
    .option('--model <name>', `compare answers of this model and its adapters, e.g. ${ATTACKED}`)
    .option('--adapter <path>', 'with --model: PEFT adapter folder; may be repeated', collect)
    .option(
      '--question <text>',
      'with --model: what is asked; may be repeated (default: one a domain)',
      collect,
    )
    .option('--max-tokens <n>', 'with --model: longest answer', wholeFrom(1), 100)
    .addOption(
      ofTraining('--seeds <n>', 'seeds that the intervals are taken over').argParser(wholeFrom(1)).default(3),
    )
    .addOption(ofTraining('--output <path>', 'folder of the runs').default('runs/demo'))
    .addOption(ofTraining('--report <path>', 'file of the report').default('report.html'))
    .option('--threads <n>', 'CPU threads; 0 takes one per core', wholeFrom(0), 0)
    .option('--json', 'progress and results as one JSON object a line, on stdout')
    .action(
      (
        { model, adapter = [], question = [], maxTokens, json = false, ...options }: Flags,
        command: Command,
      ) =>
        work({ json, stopping: 'Stopping.' }, (ui) => {
          if (model !== undefined) {
            const { threads } = options;
            return sideBySide({
              model,
              adapters: adapter,
              questions: question,
              maxTokens,
              threads,
              json,
              ...ui,
            });
          }
          refuseIdle(command);
          return run({ ...options, json, ...ui });
        }),
    );
}

/** Refuses flags of a comparison where none is made. @throws ConfigError */
function refuseIdle(command: Command): void {
  const idle = command.options.find((option) => {
    const name = option.attributeName();
    return (
      ['adapter', 'question', 'maxTokens'].includes(name) && command.getOptionValueSource(name) === 'cli'
    );
  });
  if (idle === undefined) return;
  const next = `add --model ${ATTACKED}`;
  throw new ConfigError({ where: `${idle.long}`, what: 'has no effect without --model', next });
}
