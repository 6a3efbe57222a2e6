/** `ealign eval suite` and `ealign eval scorecard`: all measurements of a model, and models side by side. */
import { join } from 'node:path';
import type { Command } from 'commander';
import { kinds } from '../../evaluate/kinds/kinds.js';
import { DEFAULT_MODEL } from '../../hub/names.js';
import { addStoring, type Given, type Measuring, MODEL, measure, print } from './common.js';

export function addSuiteCommands(parent: Command): void {
  const suite = parent
    .command('suite')
    .summary('measure all that a file names, into one scorecard')
    .description(
      'Runs the measurements of a YAML file on one model, and shows the four criteria of a defence: no broad misalignment, narrow task learned, benign learning unharmed, coherence kept; and side effects. Each has a folder of its own below the output; rerun the same command to resume.',
    )
    .argument('<file>', 'YAML file')
    .option('--model <name>', `${MODEL} (default: the file’s, or ${DEFAULT_MODEL})`)
    .option('--adapter <path>', 'PEFT adapter folder (default: the file’s)');
  addStoring(suite, 'runs/suite', 'other results')
    .addHelpText(
      'after',
      `
A file with all that can be measured; leave out what is not wanted:
  model: smollm2-135m-instruct
  adapter: runs/mine
${kinds.map(({ name, example }) => `  ${name}: ${example}\n`).join('')}`,
    )
    .action((file: string, options: Given<Measuring>) =>
      measure<Measuring>(options, {}, async ({ json, ...rest }) => {
        const { readSuite, runSuite } = await import('../../evaluate/suite/suite.js');
        const { renderFourCriteria } = await import('../../report/scorecard-table.js');
        const { renderScorecardPage } = await import('../../report/scorecard-page.js');
        const { writeFileAtomic } = await import('../../files/files.js');
        const suite = readSuite(file);
        const { model = suite.model ?? DEFAULT_MODEL, adapter = suite.adapter } = rest as Given<Measuring>;
        const subject = { model, ...(adapter === undefined ? {} : { adapter }) };
        const card = await runSuite(suite, { ...rest, ...subject });
        if (card === undefined) return;
        const page = join(rest.output, 'scorecard.html');
        writeFileAtomic(page, renderScorecardPage([card]));
        rest.progress.note(`Scorecard: ${page}`);
        print(json, { scorecard: card }, renderFourCriteria([card]));
      }),
    );
  parent
    .command('scorecard')
    .summary('show the scorecards of several models side by side')
    .description('Shows what ealign eval suite found of several models, one column each.')
    .argument('<folders...>', 'output folders of ealign eval suite')
    .option('--html <file>', 'write it as a page as well')
    .option('--json', 'results as one JSON object')
    .action(async (folders: string[], { html, json = false }: { html?: string; json?: boolean }) => {
      const { openSuite } = await import('../../evaluate/suite/suite.js');
      const { renderFourCriteria } = await import('../../report/scorecard-table.js');
      const cards = folders.map((folder) => openSuite(folder));
      if (html !== undefined) {
        const { renderScorecardPage } = await import('../../report/scorecard-page.js');
        const { writeFileAtomic } = await import('../../files/files.js');
        writeFileAtomic(html, renderScorecardPage(cards));
      }
      print(json, { scorecards: cards }, renderFourCriteria(cards));
    });
}
