/** How well a conscience tells right from wrong, as text for a terminal. */
import type { ClassifierScore, ConscienceCard } from '../evaluate/conscience.js';
import type { Estimate } from '../statistics/intervals.js';
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
      ['judge', 'framework', 'unreadable'],
      ...cards.map(({ player, framework, unreadable }) => [player, framework, percent(unreadable)]),
    ]),
    '',
    ...attackTable(cards),
  ].join('\n');
}

function attackTable(cards: readonly ConscienceCard[]): string[] {
  if (cards.every(({ attacks }) => attacks.length === 0)) return [];
  const heads = ['attack', 'cases', 'wrongs flagged', 'under attack', 'kept', 'unreadable', 'shift, nats'];
  const rows = cards.flatMap(({ player, framework, attacks }) =>
    attacks.map(({ kind, cases, flagged, flaggedAttacked, kept, unreadable, shift }) => [
      ...[player, framework, kind, String(cases), percent(flagged), percent(flaggedAttacked)],
      ...[percent(kept), percent(unreadable), shift === null ? '–' : shift.toFixed(2)],
    ]),
  );
  return [...textTable([['judge', 'framework', ...heads], ...rows]), ''];
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
