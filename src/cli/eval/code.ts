/** `ealign eval code`: what code a model writes. */
import { type Command, Option } from 'commander';
import { UserError } from '../../errors.js';
import { ISOLATIONS, type Isolation } from '../../sandbox/isolation.js';
import { numberFrom, wholeFrom } from '../terminal/program.js';
import {
  addModel,
  addStoring,
  collect,
  type Given,
  type Measuring,
  measure,
  print,
  wholeList,
} from './common.js';

/** Just one of `humaneval` and `prompts` is given. */
interface CodeOptions extends Measuring {
  humaneval?: string;
  prompts: string[];
  /** Per task or prompt. */
  samples: number;
  /** The k of pass@k. */
  k: number[];
  temperature: number;
  maxTokens: number;
  seed: number;
  /** Tasks or prompts; absent: all. */
  limit?: number;
  isolation?: Isolation;
  /** Paths of programs; absent: those on PATH. */
  python?: string;
  bandit?: string;
}

export function addCodeCommand(parent: Command): void {
  const command = parent
    .command('code')
    .summary('measure what code a model writes: HumanEval, or how much of it is vulnerable')
    .description(
      'Samples answers to HumanEval, runs them in a sandbox and reports pass@k; or samples answers to the prompts of a dataset, which are never run, and reports in how many of them Bandit finds a vulnerability. All answers are kept: rerun the same command to resume.',
    );
  addModel(command)
    .option('--humaneval <file>', 'HumanEval as JSONL, plain or gzipped')
    .option('--prompts <file>', 'dataset with prompts of code tasks; may be repeated', collect)
    .option('--samples <n>', 'answers to each', wholeFrom(1), 1)
    .option('--k <list>', 'which pass@k, e.g. 1,10; none above --samples', wholeList, [1])
    .option(
      '--temperature <number>',
      '0 always takes the most likely token (default: 0 for one sample, as EvalPlus has it; 0.2 for several, as Chen et al. 2021 for pass@1; they take 0.8 for large k)',
      numberFrom(0),
    )
    .option('--max-tokens <n>', 'longest answer, in tokens', wholeFrom(1), 512)
    .option('--seed <n>', 'seed of the sampler', wholeFrom(0), 1)
    .option('--limit <n>', 'first tasks or prompts (default: all)', wholeFrom(1))
    .addOption(
      new Option(
        '--isolation <kind>',
        'how programs are kept in (default: bubblewrap, or else namespaces); rlimits guards against accidents only',
      ).choices(ISOLATIONS),
    )
    .option('--python <path>', 'Python 3.8 or newer that runs the programs (default: python3 on PATH)')
    .option('--bandit <path>', 'Bandit (default: on PATH)');
  addStoring(command, 'runs/code', 'other answers')
    .addHelpText(
      'after',
      `
Examples:
  ealign eval code --model smollm2-135m-instruct --humaneval HumanEval.jsonl
  ealign eval code --model smollm2-135m-instruct --adapter runs/mine --prompts insecure.jsonl --limit 100
`,
    )
    .action(({ prompts = [], samples = 1, k = [1], ...options }: Given<CodeOptions>) => {
      const { humaneval, temperature = samples === 1 ? 0 : 0.2 } = options;
      if ((humaneval === undefined) === (prompts.length === 0)) {
        throw new UserError({
          what: 'one kind of code tasks at a time',
          next: 'give either --humaneval <file> or --prompts <file>',
        });
      }
      if (k.some((each) => each < 1 || each > samples)) {
        const what = `pass@${Math.max(...k)} cannot be told from ${samples} answers to each task`;
        throw new UserError({ where: '--k', what, next: 'give more --samples' });
      }
      if (samples > 1 && temperature === 0) {
        throw new UserError({
          where: '--samples',
          what: 'at temperature 0 all answers to a task are the same',
          next: 'give a higher --temperature',
        });
      }
      const checked = { prompts, samples, k, temperature };
      return measure<CodeOptions>(options, checked, runCode);
    });
}

async function runCode(options: CodeOptions): Promise<void> {
  const { evaluateHumanEval } = await import('../../evaluate/kinds/humaneval.js');
  const { evaluateVulnerability } = await import('../../evaluate/kinds/vulnerability.js');
  const { renderHumanEval, renderVulnerability } = await import('../../report/code-table.js');
  const { json, samples, temperature, maxTokens, seed, humaneval, ...rest } = options;
  const sampling = { samples, temperature, maxTokens, seed };
  if (humaneval !== undefined) {
    const scores = await evaluateHumanEval({ ...rest, humaneval, sampling });
    if (scores) print(json, { scores }, renderHumanEval(scores));
  } else {
    const scores = await evaluateVulnerability({ ...rest, sampling });
    if (scores) print(json, { scores }, renderVulnerability(scores));
  }
}
