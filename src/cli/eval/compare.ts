/** `ealign eval compare`: what differs between evaluations, and what is within noise. */
import type { Command } from 'commander';

export function addCompareCommand(parent: Command): void {
  parent
    .command('compare')
    .summary('show what differs between evaluations, and what is within noise')
    .description(
      'Compares results of one kind with the first of them: paired differences with 95 % intervals, over the questions, rows or tasks that both have; of suites, all that both have measured.',
    )
    .argument('<first>', 'output folder of ealign eval, or of a command below it')
    .argument('<others...>', 'those to compare with it')
    .option('--json', 'results as one JSON object a line')
    .action(async (first: string, others: string[], { json = false }: { json?: boolean }) => {
      const { contrastFolders } = await import('../../evaluate/suite/contrast-folders.js');
      const { renderContrast } = await import('../../report/contrast-table.js');
      for (const other of others) {
        const contrasts = contrastFolders(first, other);
        const event = { event: 'contrast', a: first, b: other, contrasts };
        process.stdout.write(
          json ? `${JSON.stringify(event)}\n` : `\n${renderContrast([first, other], contrasts)}`,
        );
      }
    });
}
