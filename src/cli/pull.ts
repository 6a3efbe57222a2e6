/** `ealign pull`: its flags. */
import type { Command } from 'commander';
import { type Work, work } from './terminal/work.js';

/** What the command line says about a download. */
export type PullOptions = Work;

/** Adds the command; `run` downloads and returns the folder or file to use as `model`. */
export function addPullCommand(
  program: Command,
  run: (model: string, options: PullOptions) => Promise<string>,
): void {
  program
    .command('pull')
    .summary('download a model from the Hugging Face Hub')
    .description(
      'Downloads a model into the usual cache of the Hugging Face Hub and prints where it lies. An interrupted download is taken up again; a checksum decides whether a file is whole.',
    )
    .argument('<model>', 'Hugging Face id or alias, e.g. smollm2-135m-instruct')
    .option('--json', 'progress and result as one JSON object a line, on stdout')
    .action(async (model: string, { json = false }: { json?: boolean }) => {
      const stopping = 'Stopping. Rerun the same command to resume.';
      const path = await work({ json, stopping }, (ui) => run(model, ui));
      process.stdout.write(json ? `${JSON.stringify({ event: 'result', path })}\n` : `${path}\n`);
    });
}
