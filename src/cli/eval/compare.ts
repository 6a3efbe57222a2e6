/** `ealign eval compare`: what differs between evaluations, and what is within noise. */
import type { Command } from 'commander';

export function addCompareCommand(parent: Command): void {
  parent
    .command('compare')
    .summary('show what differs between evaluations, and what is within noise')
    .description(
      'Compares evaluations of the same questions by the same judges with the first of them: paired differences with 95 % intervals over questions.',
    )
    .argument('<first>', 'output folder of ealign eval')
    .argument('<others...>', 'those to compare with it')
    .option('--json', 'results as one JSON object a line')
    .action(async (first: string, others: string[], { json = false }: { json?: boolean }) => {
      const { contrast } = await import('../../evaluate/contrast.js');
      const { Evaluation } = await import('../../evaluate/evaluation.js');
      const { renderContrast } = await import('../../report/contrast-table.js');
      const a = Evaluation.open(first);
      for (const other of others) {
        const contrasts = contrast(a, Evaluation.open(other));
        const event = { event: 'contrast', a: first, b: other, contrasts };
        process.stdout.write(
          json ? `${JSON.stringify(event)}\n` : `\n${renderContrast([first, other], contrasts)}`,
        );
      }
    });
}
