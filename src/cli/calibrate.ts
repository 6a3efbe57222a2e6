/** `ealign calibrate`: whether a model is usable as a conscience, and how it is best asked. */
import { type Command, Option } from 'commander';
import { FRAMEWORK_NAMES, type FrameworkName } from '../conscience/frameworks.js';
import { READINGS, type ReadingChoice } from '../conscience/reading.js';
import { DEFAULT_MODEL } from '../hub/names.js';
import type { Quantize } from '../values/quantize.js';
import { collect, ENDPOINT, MODEL, print } from './eval/common.js';
import { numberFrom, wholeFrom } from './terminal/program.js';
import { quantizeOption } from './terminal/quantize-option.js';
import { type Work, work } from './terminal/work.js';

/** What the command line says about a calibration. */
export interface CalibrateOptions extends Work {
  /** Folder, .gguf file, alias, id or endpoint. */
  model: string;
  /** PEFT adapter folder. */
  adapter?: string;
  /** Preference datasets; without these, and without further answers: the built-in set. */
  data: string[];
  /** Datasets of answers that are not in pairs: careful ones, careless ones, and CSV files of ETHICS with both. */
  accept: string[];
  object: string[];
  ethics: string[];
  /** Names of the questions that are tried. */
  framework: readonly FrameworkName[];
  /** Half the width of the AUC's interval that is aimed at. */
  interval: number;
  /** Pairs of answers; absent: as many as the interval needs. */
  count?: number;
  falseAlarms: number;
  /** How verdicts may be read. */
  reading: ReadingChoice;
  /** Measure the calibration that there is on answers that it was not made on. */
  test: boolean;
  /** File of the calibration; absent: in the cache. */
  output?: string;
  seed: number;
  overwrite?: boolean;
  /** 0: one per core. */
  threads: number;
  /** See `OpenOptions`. */
  quantize?: Quantize;
  json: boolean;
}

type Optional = 'data' | 'accept' | 'object' | 'ethics' | 'framework' | 'json' | 'test';
type Given = Omit<CalibrateOptions, keyof Work | 'model' | Optional> &
  Partial<Pick<CalibrateOptions, Optional>>;

/** Adds the command; `run` measures. */
export function addCalibrateCommand(
  program: Command,
  run: (options: CalibrateOptions) => Promise<{ text: string; result: object } | undefined>,
): void {
  program
    .command('calibrate')
    .summary('find out whether a model is usable as a conscience, and how to ask it')
    .description(
      'Lets a model review careful and careless answers, finds the question that it answers best and the certainty from which on it should flag, and says in one sentence whether it is usable as a conscience. train, chat, serve and eval use what it finds. The number of reviews is said first; Ctrl-C loses nothing.',
    )
    .argument('[model]', `${MODEL}${ENDPOINT}`, DEFAULT_MODEL)
    .option(
      '--adapter <path>',
      'PEFT adapter folder: the model with it is measured, for ealign review --adapter; other commands ask the frozen copy',
    )
    .option(
      '--data <file>',
      'preference dataset, chosen being careful and rejected careless; may be repeated (default: a built-in set of 17 domains)',
      collect,
    )
    .option(
      '--accept <file>',
      'dataset of careful answers, without careless ones to the same requests; may be repeated',
      collect,
    )
    .option('--object <file>', 'dataset of careless answers; may be repeated', collect)
    .option(
      '--ethics <file>',
      'CSV file of ETHICS commonsense (cm_test.csv), with both; may be repeated',
      collect,
    )
    .addOption(
      new Option(
        '--framework <names...>',
        'questions that are tried, each in all wordings (default: all)',
      ).choices(FRAMEWORK_NAMES),
    )
    .option(
      '--interval <number>',
      'AUC as exactly as plus or minus this, at 95 %; decides how many answers are reviewed',
      numberFrom(0.01, 0.5),
      0.08,
    )
    .option('--count <n>', 'pairs of answers instead', wholeFrom(10))
    .option(
      '--false-alarms <share>',
      'share of careful answers that may be flagged',
      numberFrom(0.001, 0.5),
      0.02,
    )
    .addOption(
      new Option(
        '--reading <way>',
        'how verdicts are read: by the probabilities of the two labels, by a probe of the hidden states, or by the better one',
      )
        .choices(READINGS)
        .default('auto'),
    )
    .option(
      '--test',
      'measure the calibration that there is, on the built-in set’s test split or on answers of your own',
    )
    .option(
      '--output <file>',
      'where it is written (default: conscience.json in the cache, by the weights’ hash)',
    )
    .option('--overwrite', 'make all reviews anew')
    .option('--seed <n>', 'which answers are taken', wholeFrom(0), 1)
    .option('--threads <n>', 'CPU threads; 0 takes one per core', wholeFrom(0), 0)
    .addOption(quantizeOption())
    .option('--json', 'progress and result as one JSON object a line, on stdout')
    .action(async (model: string, given: Given) => {
      const { data = [], accept = [], object = [], ethics = [] } = given;
      const { framework = FRAMEWORK_NAMES, json = false, test = false } = given;
      const stopping = 'Stopping. Rerun the same command to resume.';
      const found = await work({ json, stopping }, (ui) =>
        run({ ...given, model, data, accept, object, ethics, framework, json, test, ...ui }),
      );
      if (found) print(json, found.result, found.text);
    });
}
