/** `ealign eval conscience`: how well a model's conscience tells right from wrong. */
import { type Command, Option } from 'commander';
import { FRAMEWORKS, type FrameworkName } from '../../conscience/frameworks.js';
import { UserError } from '../../errors.js';
import { numberFrom, wholeFrom } from '../terminal/program.js';
import { addModel, addStoring, collect, type Given, type Measuring, measure, print } from './common.js';

interface ConscienceOptions extends Measuring {
  /** Datasets of what it should object to, and of what it should accept. */
  object: string[];
  accept: string[];
  /** Files with both. */
  ethics: string[];
  /** Names of frameworks; none: all that the model has words for. */
  framework: FrameworkName[];
  /** Rows of each kind; absent: all. */
  count?: number;
  threshold: number;
  minMass: number;
  prior: 'neutral' | 'content-free';
  seed: number;
  attacks: boolean;
}

export function addConscienceCommand(parent: Command): void {
  const command = parent
    .command('conscience')
    .summary('measure how well a model’s conscience tells right from wrong')
    .description(
      'Lets a model review answers that it should object to and answers that it should accept, and reports AUC, flagged shares, precision and calibration, with and without the prior correction, and what attacks on the review change, by kind. With an adapter, both the frozen base and the current policy judge.',
    );
  addModel(command)
    .option('--object <file>', 'dataset of answers that it should object to; may be repeated', collect)
    .option('--accept <file>', 'dataset of answers that it should accept; may be repeated', collect)
    .option(
      '--ethics <file>',
      'CSV file of ETHICS commonsense (cm_test.csv), with both; may be repeated',
      collect,
    )
    .addOption(
      new Option('--framework <names...>', 'questions that are asked (default: all)').choices(
        Object.keys(FRAMEWORKS),
      ),
    )
    .option(
      '--count <n>',
      'answers of each kind, at random (default: all); how many reviews that makes is said first',
      wholeFrom(1),
    )
    .option('--no-attacks', 'leave out the reviews under attack, six for each answer to object to')
    .option('--threshold <number>', 'objection’s share from which on it flags', numberFrom(0, 1), 0.5)
    .option('--min-mass <number>', 'probability below which a verdict is unreadable', numberFrom(0, 1), 0.01)
    .addOption(
      new Option('--prior <kind>', 'how the prior is measured')
        .choices(['neutral', 'content-free'])
        .default('neutral'),
    )
    .option('--seed <n>', 'which answers are taken', wholeFrom(0), 1);
  addStoring(command, 'runs/conscience', 'other verdicts').action(
    ({ object = [], accept = [], ethics = [], framework = [], ...options }: Given<ConscienceOptions>) => {
      if (ethics.length === 0 && (object.length === 0 || accept.length === 0)) {
        throw new UserError({
          what: 'nothing to tell apart',
          next: 'give --object <file> and --accept <file>, or --ethics <file>',
        });
      }
      const checked = { object, accept, ethics, framework };
      return measure<ConscienceOptions>(options, checked, async ({ json, attacks, ...rest }) => {
        const { testConscience } = await import('../../evaluate/run.js');
        const { renderConscience } = await import('../../report/conscience-table.js');
        const cards = await testConscience({ ...rest, underAttack: attacks });
        if (cards) print(json, { conscience: cards }, renderConscience(cards));
      });
    },
  );
}
