/** `ealign bench`, which `npm run bench` runs: its flags. */
import { type Command, Option } from 'commander';
import { numberFrom, wholeFrom } from './terminal/program.js';
import { type Work, work } from './terminal/work.js';

/** What the command line says about a measurement. */
export interface BenchOptions extends Work {
  /** 0: one per core. */
  threads: number;
  only?: string[];
  models?: string[];
  minutes: number;
  python?: string;
  answers?: string;
  device?: 'cpu' | 'cuda';
  shape?: string;
  json: boolean;
}

type Flags = Omit<BenchOptions, 'json' | keyof Work> & { json?: boolean };

/** Adds the command; `run` measures and prints. */
export function addBenchCommand(program: Command, run: (options: BenchOptions) => Promise<void>): void {
  program
    .command('bench')
    .summary('measure speed and memory, beside llama.cpp and PyTorch where they are installed')
    .description(
      'Measures generation, reviews and training, each against its peer in turns, and says which bars are reached. ' +
        'The peers are Python packages: xllamacpp (llama.cpp), and torch, transformers and peft.',
    )
    .option('--only <names...>', 'benchmarks to run; default: all')
    .option('--models <names...>', 'models to run on, .gguf files for llama.cpp; default: random weights')
    .option('--minutes <n>', 'time to take; what there is no time for is named', numberFrom(0), 10)
    .option('--python <path>', 'interpreter that has the peers; default: python3')
    .option('--answers <path>', 'preference rows (JSONL) to judge, in place of the built-in ones')
    .addOption(
      new Option('--device <name>', 'where PyTorch computes').choices(['cpu', 'cuda']).default('cpu'),
    )
    .option('--shape <name>', 'shape of the random weights on PyTorch; default: qwen2.5-0.5b')
    .option('--threads <n>', 'CPU threads; 0 takes one per core', wholeFrom(0), 0)
    .option('--json', 'progress and results as one JSON object a line, on stdout')
    .action(({ json = false, ...flags }: Flags) =>
      work({ json, stopping: 'Stopping.' }, (ui) => run({ ...flags, json, ...ui })),
    );
}
