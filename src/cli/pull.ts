/** `ealign pull`: its flags. */
import type { Command } from 'commander';
import { ConfigError } from '../errors.js';
import { type Work, work } from './terminal/work.js';

/** What the command line says about a download. */
export interface PullOptions extends Work {
  /** A model's configuration and tokenizer, without its weights. */
  readonly tokenizer: boolean;
  /** A data set, not a model. */
  readonly dataset: boolean;
  readonly subset?: string;
  readonly split?: string;
}

type Given = Partial<Omit<PullOptions, keyof Work>> & { readonly json?: boolean };

/** Adds the command; `run` downloads and returns the folder or file to use as `model`, or as `data`. */
export function addPullCommand(
  program: Command,
  run: (name: string, options: PullOptions) => Promise<string>,
): void {
  program
    .command('pull')
    .summary('download a model or a data set from the Hugging Face Hub')
    .description(
      'Downloads a model, or with --dataset a data set, into the usual cache of the Hugging Face Hub and prints where it lies. An interrupted download is taken up again; a checksum decides whether a file is whole.',
    )
    .argument('<name>', 'Hugging Face id, or alias of a model, e.g. smollm2-135m-instruct')
    .option(
      '--tokenizer',
      'configuration and tokenizer alone, for engine: tinker, whose server has the weights',
    )
    .option('--dataset', 'the id is that of a data set')
    .option('--subset <name>', 'of a data set: this subset only')
    .option('--split <name>', 'of a data set: this split only')
    .option('--json', 'progress and result as one JSON object a line, on stdout')
    .action(
      async (name: string, { json = false, tokenizer = false, dataset = false, subset, split }: Given) => {
        if (tokenizer && dataset) {
          throw new ConfigError({ where: '--tokenizer', what: 'a data set has none', next: 'leave it out' });
        }
        if (!dataset && (subset ?? split) !== undefined) {
          const where = subset === undefined ? '--split' : '--subset';
          throw new ConfigError({ where, what: 'a model has none', next: 'add --dataset for a data set' });
        }
        const stopping = 'Stopping. Rerun the same command to resume.';
        const path = await work({ json, stopping }, (ui) =>
          run(name, { ...ui, tokenizer, dataset, subset, split }),
        );
        process.stdout.write(json ? `${JSON.stringify({ event: 'result', path })}\n` : `${path}\n`);
      },
    );
}
