/** `ealign eval`: its flags. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { FRAMEWORKS, type FrameworkName } from '../conscience/frameworks.js';
import { UserError } from '../errors.js';
import { choiceTasks } from '../evaluate/choice-tasks.js';
import { ISOLATIONS, type Isolation } from '../evaluate/code/isolation.js';
import { MIN_MASS } from '../evaluate/rating.js';
import { addExportCommand, type ExportCommandOptions } from './eval-export.js';
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
  minMass: number;
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

/** What the command line says about a test of the conscience. */
export interface ConscienceOptions extends Work {
  model: string;
  adapter?: string;
  /** Datasets of what it should object to, and of what it should accept. */
  object: string[];
  accept: string[];
  /** Names of frameworks; all four unless named. */
  framework: FrameworkName[];
  /** Rows of each kind; absent: all. */
  count?: number;
  threshold: number;
  minMass: number;
  prior: 'neutral' | 'content-free';
  seed: number;
  output: string;
  overwrite: boolean;
  threads: number;
  json: boolean;
}

/** What the command line says about multiple-choice tasks. */
export interface TasksOptions extends Work {
  model: string;
  adapter?: string;
  tasks: { name: string; path: string }[];
  /** Rows of each; absent: all. */
  limit?: number;
  output: string;
  overwrite: boolean;
  threads: number;
  json: boolean;
}

/** What the command line says about a judge's calibration. */
export interface JudgeCommandOptions extends Work {
  judge: string;
  scored: string[];
  questions: string[];
  minMass: number;
  output: string;
  overwrite: boolean;
  threads: number;
  json: boolean;
}

/** What the command line says about code: just one of `humaneval` and `prompts` is given. */
export interface CodeCommandOptions extends Work {
  model: string;
  adapter?: string;
  humaneval?: string;
  prompts: string[];
  /** Per task or prompt. */
  samples: number;
  /** Of pass@k. */
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
  output: string;
  overwrite: boolean;
  threads: number;
  json: boolean;
}

/** What the commands do: the work, and the report. */
export interface EvalActions {
  evaluate: (options: EvalOptions) => Promise<void>;
  testConscience: (options: ConscienceOptions) => Promise<void>;
  evaluateChoices: (options: TasksOptions) => Promise<void>;
  calibrateJudge: (options: JudgeCommandOptions) => Promise<void>;
  evaluateCode: (options: CodeCommandOptions) => Promise<void>;
  exportEvaluation: (options: ExportCommandOptions) => Promise<void>;
  /** @param folders the first is what the others are compared with */
  compare: (folders: readonly [string, ...string[]], json: boolean) => Promise<void>;
}

/** Adds the command, and those below it. */
export function addEvalCommand(program: Command, actions: EvalActions): void {
  const { evaluate: run, testConscience, evaluateChoices, calibrateJudge, evaluateCode, compare } = actions;
  const command = program.command('eval').enablePositionalOptions();
  addConscienceCommand(command, testConscience);
  addTasksCommand(command, evaluateChoices);
  addJudgeCommand(command, calibrateJudge);
  addCodeCommand(command, evaluateCode);
  addExportCommand(command, actions.exportEvaluation);
  command
    .command('compare')
    .summary('show what differs between evaluations, and what is within noise')
    .description(
      'Compares evaluations of the same questions by the same judges with the first of them: paired differences with 95 % intervals over questions.',
    )
    .argument('<first>', 'output folder of ealign eval')
    .argument('<others...>', 'those to compare with it')
    .option('--json', 'results as one JSON object a line')
    .action((first: string, others: string[], { json = false }: { json?: boolean }) =>
      compare([first, ...others], json),
    );
  command
    .summary('measure what training did to a model’s alignment')
    .description(
      'Samples answers to question files in the format of Betley et al. (arXiv:2502.17424) and lets models judge them from 0 to 100 by their probabilities. All answers and all raw judgements are kept: the same command goes on where it was stopped, and --rescore asks other judges about the same answers.',
    )
    .option('--model <name>', 'folder, .gguf file, alias or Hugging Face id', 'pinocchio')
    .option('--adapter <path>', 'PEFT adapter folder, e.g. the output of a run')
    .option('--questions <file>', 'YAML file of questions; may be repeated', collect)
    .option(
      '--judge <name>',
      'model that judges, or an endpoint as https://host/v1#model (key in OPENAI_API_KEY); may be repeated. self is the evaluated model without its adapter (default: self)',
      collect,
    )
    .option('--samples <n>', 'answers per paraphrase and seed (default: the question file’s)', wholeFrom(1))
    .option('--seeds <list>', 'seeds of the sampler, e.g. 1,2,3', wholeList, [1])
    .option('--temperature <number>', '0 always takes the most likely token', numberFrom(0), 1)
    .option('--max-tokens <n>', 'longest answer, in tokens', wholeFrom(1), 600)
    .option(
      '--min-mass <number>',
      'probability of all numbers together below which an answer has no score',
      numberFrom(0, 1),
      MIN_MASS,
    )
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

function addConscienceCommand(parent: Command, run: (options: ConscienceOptions) => Promise<void>): void {
  parent
    .command('conscience')
    .summary('measure how well a model’s conscience tells right from wrong')
    .description(
      'Lets a model review answers that it should object to and answers that it should accept, and reports AUC, flagged shares, precision and calibration, with and without the prior correction, and what a forged verdict changes. With an adapter, both the frozen base and the current policy judge.',
    )
    .option('--model <name>', 'folder, .gguf file, alias or Hugging Face id', 'pinocchio')
    .option('--adapter <path>', 'PEFT adapter folder: the current policy judges as well')
    .option('--object <file>', 'dataset of answers that it should object to; may be repeated', collect)
    .option('--accept <file>', 'dataset of answers that it should accept; may be repeated', collect)
    .addOption(
      new Option('--framework <names...>', 'questions that are asked (default: all four)').choices(
        Object.keys(FRAMEWORKS),
      ),
    )
    .option('--count <n>', 'answers of each kind, at random (default: all)', wholeFrom(1))
    .option('--threshold <number>', 'objection’s share from which on it flags', numberFrom(0, 1), 0.5)
    .option('--min-mass <number>', 'probability below which a verdict is unreadable', numberFrom(0, 1), 0.01)
    .addOption(
      new Option('--prior <kind>', 'how the prior is measured')
        .choices(['neutral', 'content-free'])
        .default('neutral'),
    )
    .option('--seed <n>', 'which answers are taken', wholeFrom(0), 1)
    .option('--output <path>', 'folder of the verdicts', 'runs/conscience')
    .option('--overwrite', 'start anew in a folder that holds other verdicts')
    .option('--threads <n>', 'CPU threads; 0 takes one per core', wholeFrom(0), 0)
    .option('--json', 'progress and results as one JSON object a line, on stdout')
    .action(
      ({
        object = [],
        accept = [],
        framework = [],
        overwrite = false,
        json = false,
        ...options
      }: Partial<ConscienceOptions> & Omit<ConscienceOptions, keyof Work>) => {
        if (object.length === 0 || accept.length === 0) {
          throw new UserError({
            what: 'nothing to tell apart',
            next: 'give --object <file> and --accept <file>',
          });
        }
        const stopping = 'Stopping. The same command goes on from here.';
        return work({ json, stopping }, (ui) =>
          run({ ...options, object, accept, framework, overwrite, json, ...ui }),
        );
      },
    );
}

function addTasksCommand(parent: Command, run: (options: TasksOptions) => Promise<void>): void {
  const named = (text: string, before: TasksOptions['tasks'] = []) => {
    const [name, ...path] = text.split('=');
    if (path.length === 0 || path.join('=') === '') throw new InvalidArgumentError('Expected task=file.csv.');
    return [...before, { name, path: path.join('=') }];
  };
  const names = choiceTasks.map(({ name, summary }) => `  ${name.padEnd(24)}${summary}\n`);
  parent
    .command('tasks')
    .summary('score multiple-choice tasks by log-probability')
    .description(
      'Scores ETHICS and TruthfulQA with the prompts of lm-evaluation-harness, from the CSV files that the datasets are published as. The same command goes on where it was stopped.',
    )
    .option('--model <name>', 'folder, .gguf file, alias or Hugging Face id', 'pinocchio')
    .option('--adapter <path>', 'PEFT adapter folder, e.g. the output of a run')
    .option('--task <name=file>', 'task and its CSV file; may be repeated', named)
    .option('--limit <n>', 'first rows of each task (default: all)', wholeFrom(1))
    .option('--output <path>', 'folder of the scores', 'runs/tasks')
    .option('--overwrite', 'start anew in a folder that holds other scores')
    .option('--threads <n>', 'CPU threads; 0 takes one per core', wholeFrom(0), 0)
    .option('--json', 'progress and results as one JSON object a line, on stdout')
    .addHelpText('after', `\nTasks:\n${names.join('')}`)
    .action(
      ({
        task = [],
        overwrite = false,
        json = false,
        ...options
      }: Omit<TasksOptions, keyof Work | 'tasks'> & { task?: TasksOptions['tasks'] }) => {
        if (task.length === 0) {
          throw new UserError({
            what: 'no tasks',
            next: 'give --task name=file.csv; --help lists the names',
          });
        }
        const stopping = 'Stopping. The same command goes on from here.';
        return work({ json, stopping }, (ui) => run({ ...options, tasks: task, overwrite, json, ...ui }));
      },
    );
}

function addJudgeCommand(parent: Command, run: (options: JudgeCommandOptions) => Promise<void>): void {
  parent
    .command('judge')
    .summary('compare a judge with scores that another one gave')
    .description(
      'Lets a model judge answers that are scored already, e.g. by GPT-4o, and reports how alike it ranks them and how well it finds those that the other calls misaligned or incoherent. CSV columns: question_id, question, answer, aligned, coherent.',
    )
    .option(
      '--judge <name>',
      'folder, .gguf file, alias or Hugging Face id; or an endpoint as https://host/v1#model',
      'pinocchio',
    )
    .option('--scored <file>', 'CSV file of scored answers; may be repeated', collect)
    .option('--questions <file>', 'YAML file with the judge’s prompts; may be repeated', collect)
    .option(
      '--min-mass <number>',
      'probability of all numbers together below which an answer has no score',
      numberFrom(0, 1),
      MIN_MASS,
    )
    .option('--output <path>', 'folder of the raw scores', 'runs/judge')
    .option('--overwrite', 'start anew in a folder that holds other scores')
    .option('--threads <n>', 'CPU threads; 0 takes one per core', wholeFrom(0), 0)
    .option('--json', 'progress and results as one JSON object a line, on stdout')
    .action(
      ({
        scored = [],
        questions = [],
        overwrite = false,
        json = false,
        ...options
      }: Partial<JudgeCommandOptions> & Omit<JudgeCommandOptions, keyof Work>) => {
        if (scored.length === 0 || questions.length === 0) {
          throw new UserError({
            what: 'nothing to compare with',
            next: 'give --scored <file.csv> and --questions <file.yaml>',
          });
        }
        const stopping = 'Stopping. The same command goes on from here.';
        return work({ json, stopping }, (ui) =>
          run({ ...options, scored, questions, overwrite, json, ...ui }),
        );
      },
    );
}

function addCodeCommand(parent: Command, run: (options: CodeCommandOptions) => Promise<void>): void {
  parent
    .command('code')
    .summary('measure what code a model writes: HumanEval, or how much of it is vulnerable')
    .description(
      'Samples answers to HumanEval, runs them in a sandbox and reports pass@k; or samples answers to the prompts of a dataset, which are never run, and reports in how many of them Bandit finds a vulnerability. All answers are kept: the same command goes on where it was stopped.',
    )
    .option('--model <name>', 'folder, .gguf file, alias or Hugging Face id', 'pinocchio')
    .option('--adapter <path>', 'PEFT adapter folder, e.g. the output of a run')
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
    .option('--bandit <path>', 'Bandit (default: on PATH)')
    .option('--output <path>', 'folder of answers and scores', 'runs/code')
    .option('--overwrite', 'start anew in a folder that holds other answers')
    .option('--threads <n>', 'CPU threads; 0 takes one per core', wholeFrom(0), 0)
    .option('--json', 'progress and results as one JSON object a line, on stdout')
    .addHelpText(
      'after',
      `
Examples:
  ealign eval code --model smollm2-135m-instruct --humaneval HumanEval.jsonl
  ealign eval code --model smollm2-135m-instruct --adapter runs/mine --prompts insecure.jsonl --limit 100
`,
    )
    .action(
      ({
        prompts = [],
        overwrite = false,
        json = false,
        ...options
      }: Partial<CodeCommandOptions> & Omit<CodeCommandOptions, keyof Work>) => {
        const { samples, k, temperature = samples === 1 ? 0 : 0.2 } = options;
        if ((options.humaneval === undefined) === (prompts.length === 0)) {
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
        const stopping = 'Stopping. The same command goes on from here.';
        return work({ json, stopping }, (ui) =>
          run({ ...options, temperature, prompts, overwrite, json, ...ui }),
        );
      },
    );
}
