/** `ealign eval loss`: validation loss and token accuracy of a dataset. */
import type { Command } from 'commander';
import { UserError } from '../../errors.js';
import { wholeFrom } from '../terminal/program.js';
import { addModel, addStoring, collect, type Given, type Measuring, measure, print } from './common.js';

interface LossOptions extends Measuring {
  data: string[];
  /** Rows at random; absent: all. */
  count?: number;
  maxLength?: number;
}

export function addLossCommand(parent: Command): void {
  const command = parent
    .command('loss')
    .summary('measure how well a model predicts the answers of a dataset')
    .description(
      'Validation loss and token accuracy over the answers of rows that training has not seen: whether the narrow task was learned, and whether a benign one was harmed. The same command goes on where it was stopped.',
    );
  addModel(command)
    .option('--data <file>', 'dataset as for training; may be repeated', collect)
    .option('--count <n>', 'rows at random, the same for every model (default: all)', wholeFrom(1))
    .option('--max-length <n>', 'longer rows lose their end, in tokens (default: the model’s)', wholeFrom(1));
  addStoring(command, 'runs/loss', 'other scores').action(({ data = [], ...options }: Given<LossOptions>) => {
    if (data.length === 0) throw new UserError({ what: 'no dataset', next: 'give --data <file.jsonl>' });
    return measure<LossOptions>(options, { data }, async ({ json, ...rest }) => {
      const { evaluateLoss } = await import('../../evaluate/run-loss.js');
      const { renderLoss } = await import('../../report/scorecard-table.js');
      const scores = await evaluateLoss(rest);
      if (scores) print(json, { scores }, renderLoss(scores));
    });
  });
}
