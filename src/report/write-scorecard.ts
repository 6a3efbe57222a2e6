/** What an evaluation leaves beside its raw material: scorecard, tables, report. */
import { join } from 'node:path';
import { type BlindResult, blindOfEvaluation } from '../blind/result.js';
import { judgedCsv } from '../evaluate/csv.js';
import type { Evaluation } from '../evaluate/evaluation.js';
import { type Scorecard, scorecard } from '../evaluate/scorecard.js';
import { writeFileAtomic } from '../files/files.js';
import { renderEvaluation } from './eval-report.js';

/**
 * Writes `scorecard.json`, `judged-<n>.csv` and `report.html` into the evaluation's folder.
 *
 * @returns the scorecard, what people said of the answers, and the path of the report
 */
export function writeScorecard(
  evaluation: Evaluation,
  minMass?: number,
): { card: Scorecard; blind: BlindResult | null; report: string } {
  const { folder } = evaluation;
  const card = scorecard(evaluation, minMass);
  writeFileAtomic(join(folder, 'scorecard.json'), `${JSON.stringify(card, null, 2)}\n`);
  for (const [i, { judge }] of card.judges.entries()) {
    writeFileAtomic(join(folder, `judged-${i + 1}.csv`), judgedCsv(evaluation, judge));
  }
  const report = join(folder, 'report.html');
  const blind = blindOfEvaluation(folder);
  writeFileAtomic(report, renderEvaluation(evaluation, card, blind));
  return { card, blind, report };
}
