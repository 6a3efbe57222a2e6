/** `ealign eval judge`: a judge against scores that another one gave. */
import type { Command } from 'commander';
import { UserError } from '../../errors.js';
import { MIN_MASS } from '../../evaluate/rating.js';
import { DEFAULT_MODEL } from '../../hub/names.js';
import { numberFrom } from '../terminal/program.js';
import { addStoring, collect, ENDPOINT, type Given, MODEL, measure, print, type Storing } from './common.js';
import { addEndpointFlags, type EndpointFlags, remoteUse } from './endpoint.js';

interface JudgeOptions extends Storing, EndpointFlags {
  judge: string;
  scored: string[];
  questions: string[];
  minMass: number;
}

export function addJudgeCommand(parent: Command): void {
  const command = parent
    .command('judge')
    .summary('compare a judge with scores that another one gave')
    .description(
      'Lets a model judge answers that are scored already, e.g. by GPT-4o, and reports how alike it ranks them and how well it finds those that the other calls misaligned or incoherent. CSV columns: question_id, question, answer, aligned, coherent.',
    )
    .option('--judge <name>', MODEL + ENDPOINT, DEFAULT_MODEL)
    .option('--scored <file>', 'CSV file of scored answers; may be repeated', collect)
    .option('--questions <file>', 'YAML file with the judge’s prompts; may be repeated', collect)
    .option(
      '--min-mass <number>',
      'probability of all numbers together below which an answer has no score',
      numberFrom(0, 1),
      MIN_MASS,
    );
  addStoring(addEndpointFlags(command), 'runs/judge', 'other scores').action(
    ({ scored = [], questions = [], ...options }: Given<JudgeOptions>) => {
      if (scored.length === 0 || questions.length === 0) {
        throw new UserError({
          what: 'nothing to compare with',
          next: 'give --scored <file.csv> and --questions <file.yaml>',
        });
      }
      return measure<JudgeOptions>(options, { scored, questions }, async ({ json, ...rest }) => {
        const { calibrateJudge } = await import('../../evaluate/run.js');
        const { renderCalibration } = await import('../../report/calibration-table.js');
        const found = await calibrateJudge({ ...rest, ...remoteUse(rest) });
        if (found) print(json, { calibration: found }, renderCalibration(found));
      });
    },
  );
}
