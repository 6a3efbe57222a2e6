/** `ealign eval blind` and `ealign eval import-ratings`: people rate answers without knowing whose they are. */
import { type Command, Option } from 'commander';
import type { Delimiter } from '../../blind/sheet.js';
import { wholeFrom } from '../terminal/program.js';
import { print } from './common.js';

interface BlindOptions {
  count: number;
  duplicates: number;
  seed: number;
  output: string;
  /** Absent: beside the output folder, named after it. */
  key?: string;
  delimiter: Delimiter;
  overwrite?: boolean;
  json?: boolean;
}

interface ImportOptions {
  key: string;
  /** Absent: the name of the sheet's file. */
  rater?: string;
  partial?: boolean;
  overwrite?: boolean;
  json?: boolean;
}

export function addBlindCommands(parent: Command): void {
  parent
    .command('blind')
    .summary('write answers of several runs as a sheet that people rate blindly')
    .description(
      'Takes stored answers evenly from all methods and questions, and writes them without method, model or seed: sheet.csv for a spreadsheet, sheet.jsonl, and instructions.txt for the rater (alignment and coherence from 0 to 100, as Betley et al. have them). The key, which says whose answer each is, is a file beside the folder: keep it, and hand on the folder. Nothing is sampled.',
    )
    .argument('<run...>', 'output folders of ealign eval or ealign experiment, or files of experiments')
    .option('--count <n>', 'answers; all where there are not as many', wholeFrom(1), 100)
    .option(
      '--duplicates <n>',
      'how many of them are there twice, to measure self-agreement',
      wholeFrom(0),
      0,
    )
    .option('--seed <n>', 'which answers are taken, their order and ids', wholeFrom(0), 1)
    .option('--output <path>', 'folder of the sheet', 'runs/blind')
    .option('--key <file>', 'file of the key (default: <output>-key.json)')
    .addOption(
      new Option('--delimiter <kind>', 'semicolon: for spreadsheets with a decimal comma')
        .choices(['comma', 'semicolon'])
        .default('comma'),
    )
    .option('--overwrite', 'replace a sheet that is there, filled in or not')
    .option('--json', 'result as one JSON object, on stdout')
    .addHelpText(
      'after',
      `
Examples:
  ealign eval blind runs/eval-before runs/eval-after --count 120 --duplicates 12
  ealign eval blind experiments/insecure-code.yaml --output runs/blind
  ealign eval import-ratings runs/blind/sheet.csv --key runs/blind-key.json --rater anna
`,
    )
    .action(runBlind);
  parent
    .command('import-ratings')
    .summary('bring back sheets of ealign eval blind that people filled in')
    .description(
      'Checks filled-in sheets (CSV as any spreadsheet saves it, JSONL, or logs of Inspect in which a judge rated them), stores the ratings beside the runs’ answers, and prints what they say of each method, and how far the raters agree with the judges, each other and themselves. ealign report shows the same. Nothing is stored where anything is wrong.',
    )
    .argument('<sheet...>', 'filled-in sheets of one key, one a rater')
    .requiredOption('--key <file>', 'the key that ealign eval blind wrote')
    .option('--rater <name>', 'whose ratings they are (default: the name of the sheet’s file)')
    .option('--partial', 'take a sheet that is not finished: rows without both numbers are left out')
    .option('--overwrite', 'replace what the same rater said of this sheet before')
    .option('--json', 'result as one JSON object, on stdout')
    .action(runImport);
}

async function runBlind(runs: readonly string[], options: BlindOptions): Promise<void> {
  const { pinocchioWorld } = await import('../../pinocchio/world.js');
  const { answersOfAll } = await import('../../blind/answers.js');
  const { writeSheet } = await import('../../blind/sheet.js');
  const { output, overwrite = false, json = false, ...rest } = options;
  const { key = `${output.replace(/[/\\]+$/, '')}-key.json` } = options;
  const answers = answersOfAll(runs, pinocchioWorld);
  const rows = writeSheet(answers, { ...rest, output, key, overwrite });
  const chosen = new Set(rows.map(({ answer }) => answer));
  const different = (of: (answer: (typeof answers)[number]) => string) => new Set([...chosen].map(of)).size;
  const counts = {
    ...{ rows: rows.length, answers: chosen.size, of: answers.length },
    methods: different(({ run, method }) => JSON.stringify([run, method])),
    questions: different(({ question }) => question),
  };
  print(json, { output, key, ...counts }, [
    `${counts.answers} of ${counts.of} answers: ${counts.methods} methods, ${counts.questions} questions; ${counts.rows} rows.`,
    `For the rater:   ${output}`,
    `For you to keep: ${key}`,
  ]);
}

async function runImport(sheets: readonly string[], options: ImportOptions): Promise<void> {
  const { pinocchioWorld: world } = await import('../../pinocchio/world.js');
  const { importRatings } = await import('../../blind/import.js');
  const { readLogSheets } = await import('../../blind/read-log.js');
  const { blindResult } = await import('../../blind/result.js');
  const { renderBlind } = await import('../../report/blind-table.js');
  const { partial = false, overwrite = false, json = false, ...rest } = options;
  const tell = (line: string) => process.stderr.write(`${line}\n`);
  const logs = await readLogSheets(sheets);
  const { raters, runs } = importRatings({ ...rest, sheets, logs, partial, overwrite, world, tell });
  const result = blindResult(runs)!;
  const imported = raters.map(
    ({ rater, rated, left }) => `${rater}: ${rated} rows${left === 0 ? '' : `, ${left} not rated`}.`,
  );
  print(json, { imported: raters, ...result }, [...imported, '', ...renderBlind(result)]);
}
