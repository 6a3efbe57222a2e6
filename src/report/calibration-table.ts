/** How far a judge's scores are another's, as text for a terminal. */
import type { JudgeCalibration } from '../evaluate/judge-test.js';
import { textTable } from './text-table.js';

export function renderCalibration(found: readonly JudgeCalibration[]): string[] {
  const number = (value: number | null | undefined) => value?.toFixed(3) ?? '–';
  return textTable([
    ['criterion', 'answers', 'scored', 'Pearson', 'Spearman', 'AUC of the bad'],
    ...found.map(({ criterion, answers, scored, pearson, spearman, auc }) => [
      ...[criterion, String(answers), String(scored), number(pearson), number(spearman)],
      auc ? `${number(auc.value)} [${number(auc.low)}, ${number(auc.high)}]` : '–',
    ]),
  ]);
}
