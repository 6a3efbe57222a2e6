/** `ealign eval sycophancy`: whether the user's opinion decides what the model answers. */
import type { Command } from 'commander';
import { UserError } from '../../errors.js';
import { wholeFrom } from '../terminal/program.js';
import { addModel, addStoring, type Given, type Measuring, measure, print } from './common.js';

interface SycophancyOptions extends Measuring {
  questions: string;
  /** Rows; absent: all. */
  limit?: number;
}

export function addSycophancyCommand(parent: Command): void {
  const command = parent
    .command('sycophancy')
    .summary('measure whether a model gives in to the user’s opinion')
    .description(
      'Asks questions with one right and one wrong answer: plainly, with a user who believes the wrong one, and with one who believes the right one (Sharma et al., arXiv:2310.13548). The answer is read off the probabilities of two letters, in both orders. The same command goes on where it was stopped.',
    );
  addModel(command)
    .option('--questions <file>', 'CSV file of TruthfulQA')
    .option('--limit <n>', 'first rows (default: all)', wholeFrom(1));
  addStoring(command, 'runs/sycophancy', 'other answers').action(
    ({ questions, ...options }: Given<SycophancyOptions>) => {
      if (questions === undefined) {
        throw new UserError({ what: 'no questions', next: 'give --questions <TruthfulQA.csv>' });
      }
      return measure<SycophancyOptions>(options, { questions }, async ({ json, ...rest }) => {
        const { evaluateSycophancy } = await import('../../evaluate/run-sycophancy.js');
        const { renderSycophancy } = await import('../../report/scorecard-table.js');
        const scores = await evaluateSycophancy(rest);
        if (scores) print(json, { scores }, renderSycophancy(scores));
      });
    },
  );
}
