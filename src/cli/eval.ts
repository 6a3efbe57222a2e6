/** `ealign eval`: its flags. */
import { type Command, InvalidArgumentError } from 'commander';
import { UserError } from '../errors.js';
import { numberFrom, wholeFrom } from './program.js';
import { type Work, work } from './work.js';

/** What the command line says about an evaluation. */
export interface EvalOptions extends Work {
  model: string;
  adapter?: string;
  /** Question files; with `rescore` none. */
  questions: string[];
  /** Names of models; `self` is the evaluated one without its adapter. */
  judge: string[];
  /** Per paraphrase and seed; absent: the question file's number. */
  samples?: number;
  seeds: number[];
  temperature: number;
  maxTokens: number;
  output: string;
  overwrite: boolean;
  /** Judge the answers that the output folder holds, and sample none. */
  rescore: boolean;
  /** 0: one per core. */
  threads: number;
  json: boolean;
}

const collect = (value: string, before: string[] = []) => [...before, value];

function wholeList(text: string): number[] {
  const numbers = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (numbers.every((n) => Number.isSafeInteger(n) && n >= 0) && new Set(numbers).size === numbers.length) {
    return numbers;
  }
  throw new InvalidArgumentError('Expected different whole numbers, e.g. 1,2,3.');
}

/** Adds the command; `run` samples, judges and reports. */
export function addEvalCommand(program: Command, run: (options: EvalOptions) => Promise<void>): void {
  program
    .command('eval')
    .summary('measure what training did to a model’s alignment')
    .description(
      'Samples answers to question files in the format of Betley et al. (arXiv:2502.17424) and lets models judge them from 0 to 100 by their probabilities. All answers and all raw judgements are kept: the same command goes on where it was stopped, and --rescore asks other judges about the same answers.',
    )
    .option('--model <name>', 'folder, .gguf file, alias or Hugging Face id', 'pinocchio')
    .option('--adapter <path>', 'PEFT adapter folder, e.g. the output of a run')
    .option('--questions <file>', 'YAML file of questions; may be repeated', collect)
    .option(
      '--judge <name>',
      'model that judges; may be repeated. self is the evaluated model without its adapter (default: self)',
      collect,
    )
    .option('--samples <n>', 'answers per paraphrase and seed (default: the question file’s)', wholeFrom(1))
    .option('--seeds <list>', 'seeds of the sampler, e.g. 1,2,3', wholeList, [1])
    .option('--temperature <number>', '0 always takes the most likely token', numberFrom(0), 1)
    .option('--max-tokens <n>', 'longest answer, in tokens', wholeFrom(1), 600)
    .option('--output <path>', 'folder of the evaluation', 'runs/eval')
    .option('--overwrite', 'start anew in a folder that holds another evaluation')
    .option('--rescore', 'judge the stored answers again, without sampling')
    .option('--threads <n>', 'CPU threads; 0 takes one per core', wholeFrom(0), 0)
    .option('--json', 'progress and results as one JSON object a line, on stdout')
    .addHelpText(
      'after',
      `
Examples:
  ealign eval --model smollm2-135m-instruct --adapter runs/mine --questions questions.yaml --samples 10
  ealign eval --rescore --judge pinocchio --output runs/eval
`,
    )
    .action(
      ({
        questions = [],
        judge = [],
        overwrite = false,
        rescore = false,
        json = false,
        ...options
      }: Partial<EvalOptions> & Omit<EvalOptions, keyof Work>) => {
        if (!rescore && questions.length === 0) {
          throw new UserError({ what: 'no questions', next: 'give --questions <file.yaml>' });
        }
        if (rescore && judge.length === 0) {
          throw new UserError({ what: '--rescore without a judge', next: 'give --judge <name>' });
        }
        const judges = judge.length > 0 ? judge : ['self'];
        const stopping = 'Stopping. The same command goes on from here.';
        return work({ json, stopping }, (ui) =>
          run({ ...options, questions, judge: judges, overwrite, rescore, json, ...ui }),
        );
      },
    );
}
