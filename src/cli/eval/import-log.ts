/** `ealign eval import-log`: answers and judgements out of logs of Inspect. */
import type { Command } from 'commander';
import { MIN_MASS } from '../../evaluate/rating.js';
import { numberFrom } from '../terminal/program.js';
import { print } from './common.js';

interface ImportOptions {
  output: string;
  overwrite?: boolean;
  minMass: number;
  json?: boolean;
}

export function addImportLogCommand(parent: Command): void {
  parent
    .command('import-log')
    .summary('bring answers and judgements back from logs of Inspect')
    .description(
      'Reads logs (.eval or .json) of ealign_inspect/emergent_misalignment, or such as ealign eval export wrote and a judge in Inspect scored since. They become an output folder of ealign eval; into the folder that holds the same answers come the judgements of further judges. Nothing is sampled or judged.',
    )
    .argument('<log...>', 'logs of one model')
    .option('--output <path>', 'folder of the results', 'runs/eval')
    .option('--overwrite', 'start again in a folder that holds another evaluation')
    .option(
      '--min-mass <number>',
      'probability of all numbers together below which an answer has no score',
      numberFrom(0, 1),
      MIN_MASS,
    )
    .option('--json', 'result as one JSON object, on stdout')
    .action(async (logs: string[], { output, overwrite = false, minMass, json = false }: ImportOptions) => {
      const { importLogs } = await import('../../evaluate/import-log.js');
      const { writeScorecard } = await import('../../report/write-scorecard.js');
      const { renderScorecard } = await import('../../report/eval-table.js');
      const note = (line: string) => process.stderr.write(`${line}\n`);
      const evaluation = await importLogs({ logs, output, overwrite, note });
      const { card, report } = writeScorecard(evaluation, minMass);
      note(`Report: ${report}`);
      print(json, { scorecard: card }, renderScorecard(card));
    });
}
