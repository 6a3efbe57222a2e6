/** A study's report, tables and drawings, as files. */
import { basename, dirname, join, relative } from 'node:path';
import { commit } from '../commit.js';
import type { Study } from '../experiment/read.js';
import { makeFolder, writeFileAtomic } from '../files/files.js';
import { renderBlind } from './blind-table.js';
import { differencesCsv } from './differences.js';
import { renderDotPlot } from './dot-plot.js';
import { renderResults } from './experiment-markdown.js';
import { renderExperimentReport } from './experiment-report.js';
import { experimentCsv, renderExperiment } from './experiment-table.js';
import { methodCards, runCards } from './method-cards.js';
import { renderParetoPlot } from './pareto-plot.js';
import { renderScorecardPage } from './scorecard-page.js';
import { renderFourCriteria, scorecardsCsv } from './scorecard-table.js';
import { CONTRASTS_ABOUT, contrastTable, contrastTitle } from './study-contrasts.js';
import {
  inWorld,
  narrowTitle,
  SCORECARD_FILE,
  type StudyResult,
  studyResult,
  withoutPairs,
} from './study-result.js';
import { textTable } from './text-table.js';

/**
 * Writes `report.html`, `table.txt`, `table.csv` and `differences.csv` into the study's output folder; where a
 * suite measured, `scorecard.html` and `scorecards.csv`.
 *
 * @returns what they show, and the table
 * @throws SaveError
 */
export function writeStudy(study: Study): { readonly result: StudyResult; readonly table: string } {
  const result = studyResult(study);
  const { output, baseline } = study.experiment;
  const { shares } = study.world.report;
  const cards = methodCards(study);
  const without = withoutPairs(study);
  const table = [
    ...(inWorld(study) ? [renderExperiment(result.methods, baseline, shares)] : []),
    ...(cards.length > 0 ? [`${renderFourCriteria(cards).join('\n')}\n`] : []),
    ...(result.contrasts.length > 0 ? [`${CONTRASTS_ABOUT}\n`] : []),
    ...result.contrasts.map((one) => {
      const { heads, rows } = contrastTable(one);
      return `${[contrastTitle(one), '', ...textTable([heads, ...rows])].join('\n')}\n`;
    }),
    ...(without === null ? [] : [`${without}\n`]),
    ...(result.blind === null ? [] : [`${renderBlind(result.blind).join('\n')}\n`]),
  ].join('\n');
  if (cards.length > 0) {
    writeFileAtomic(join(output, SCORECARD_FILE), renderScorecardPage(runCards(study)));
    writeFileAtomic(join(output, 'scorecards.csv'), scorecardsCsv(study));
  }
  writeFileAtomic(join(output, 'table.txt'), table);
  if (inWorld(study)) {
    writeFileAtomic(join(output, 'table.csv'), experimentCsv(result.methods, shares));
    writeFileAtomic(join(output, 'differences.csv'), differencesCsv(result.differences));
  }
  writeFileAtomic(join(output, 'report.html'), renderExperimentReport(result));
  return { result, table };
}

/**
 * Writes the studies as one Markdown file, and their drawings into a folder beside it: of `results.md`
 * `results/<study>.svg` and `results/<study>-pareto.svg`.
 *
 * @param command that makes the file, as it was called
 * @throws SaveError
 */
export function writeResults(path: string, results: readonly StudyResult[], command: string): void {
  const folder = path.endsWith('.md') ? path.slice(0, -'.md'.length) : `${path}-drawings`;
  makeFolder(folder);
  const names = results.map(({ study }) => basename(study.experiment.file).replace(/\.ya?ml$/, ''));
  const chapters = results.map((result, i) => {
    // two studies may have files of one name
    const nth = names.slice(0, i).filter((name) => name === names[i]).length;
    const name = nth === 0 ? names[i] : `${names[i]}-${nth + 1}`;
    const [dots, pareto] = [join(folder, `${name}.svg`), join(folder, `${name}-pareto.svg`)];
    if (inWorld(result.study)) {
      writeFileAtomic(dots, `${renderDotPlot(result.methods)}\n`);
      writeFileAtomic(pareto, `${renderParetoPlot(result.points, narrowTitle(result.study))}\n`);
    }
    const beside = (file: string) => relative(dirname(path), file).replaceAll('\\', '/');
    return { result, dots: beside(dots), pareto: beside(pareto) };
  });
  writeFileAtomic(
    path,
    renderResults(chapters, { command, commit: commit(), date: new Date().toISOString() }),
  );
}
