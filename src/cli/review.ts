/** `ealign review`: the verdicts of a conscience on conversations that were had. */
import type { Command } from 'commander';
import {
  addModel,
  addStoring,
  ENDPOINT,
  type Given,
  type Measuring,
  MODEL,
  measure,
  print,
} from './eval/common.js';
import {
  addConscienceOptions,
  type ConscienceFlags,
  conscienceSettings,
} from './terminal/conscience-options.js';

interface ReviewOptions extends Measuring, ConscienceFlags {
  transcripts: readonly string[];
  /** Only the last answer of each conversation. */
  last?: boolean;
  /** Exit with 1 where not all answers are accepted. */
  fail?: boolean;
}

export function addReviewCommand(program: Command): void {
  const command = program
    .command('review')
    .summary('review whole transcripts: a verdict on every answer, with what its tools came to')
    .description(
      'Lets a model’s conscience review each assistant turn of conversations that were had, with the conversation before it. A turn that calls tools is reviewed together with what they answered. Prints a line a turn, and what they amount to. The number of reviews is said first; Ctrl-C loses nothing.',
    )
    .argument(
      '<transcripts...>',
      'conversations (messages, or prompt and completion): files of any format that training reads, folders, or ids of hub data sets',
    );
  addModel(command, `who reviews: ${MODEL}${ENDPOINT}`)
    .option('--last', 'only the last answer of each conversation')
    .option('--fail', 'exit with 1 if an answer is objected to, or its verdict cannot be read');
  addStoring(addConscienceOptions(command), 'runs/review', 'other verdicts').action(
    (transcripts: string[], options: Given<ReviewOptions>) =>
      measure<ReviewOptions>(options, { transcripts }, async ({ json, fail, ...rest }) => {
        const { reviewTranscripts } = await import('../review/run.js');
        const table = await import('../report/transcript-table.js');
        const reviews = await reviewTranscripts({ ...rest, conscience: conscienceSettings(rest) });
        if (!reviews) return;
        if (json) {
          const lines = reviews.turns.map(
            (turn) => `${JSON.stringify({ event: 'turn', ...table.turnOnWire(turn) })}\n`,
          );
          process.stdout.write(lines.join(''));
        }
        print(json, table.reviewsOnWire(reviews), table.renderTranscripts(reviews, rest.model));
        if (fail && reviews.turns.some(({ verdict }) => verdict !== 'accepted')) process.exitCode = 1;
      }),
  );
}
