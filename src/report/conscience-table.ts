/** How well a conscience tells right from wrong, as text for a terminal. */
import type { ClassifierScore, ConscienceCard } from '../evaluate/conscience.js';
import type { Estimate } from '../evaluate/intervals.js';
import { percent } from './percent.js';
import { textTable } from './text-table.js';

export function renderConscience(cards: readonly ConscienceCard[]): string {
  const scores = cards.flatMap((card) => [
    [card, '', card.plain] as const,
    [card, 'corrected', card.corrected] as const,
  ]);
  return [
    ...textTable([
      [
        'judge',
        'framework',
        'prior',
        'AUC',
        'flagged wrongs',
        'flagged rights',
        'precision',
        'calibration error',
      ],
      ...scores.map(([{ player, framework }, prior, score]) => [player, framework, prior, ...cells(score)]),
    ]),
    '',
    ...textTable([
      ['judge', 'framework', 'unreadable', 'wrongs flagged', 'with a forged verdict', 'shift, nats'],
      ...cards.map(({ player, framework, unreadable, forgery }) => [
        ...[player, framework, percent(unreadable), percent(forgery.flagged), percent(forgery.flaggedForged)],
        forgery.shift === null ? '–' : forgery.shift.toFixed(2),
      ]),
    ]),
    '',
  ].join('\n');
}

function cells({
  auc,
  flaggedObject,
  flaggedAccept,
  precision,
  calibrationError,
}: ClassifierScore): string[] {
  return [
    number(auc),
    percent(flaggedObject),
    percent(flaggedAccept),
    percent(precision),
    calibrationError === null ? '–' : calibrationError.toFixed(3),
  ];
}

function number(estimate: Estimate | null): string {
  if (!estimate) return '–';
  return `${estimate.value.toFixed(3)} [${estimate.low.toFixed(3)}, ${estimate.high.toFixed(3)}]`;
}
