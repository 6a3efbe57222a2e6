/** Differences between evaluations, in cells. */
import type { Contrast } from '../evaluate/contrast.js';
import { textTable } from './text-table.js';

const scales = { share: 100, score: 1, nats: 1 } as const;
const suffixes = { share: ', %', score: '', nats: ', nats' } as const;

/** @param names of the two evaluations, the first being what the second is compared with */
export function renderContrast(names: readonly [string, string], contrasts: readonly Contrast[]): string {
  return [
    `A ${names[0]}`,
    `B ${names[1]}`,
    '',
    ...textTable([['of', 'measure', 'A', 'B', 'B − A', ''], ...contrasts.map(contrastCells)]),
    '',
  ].join('\n');
}

/** Of what, measure, A, B, B − A with its interval, and whether that is within noise. */
export function contrastCells({ of, measure, unit, difference }: Contrast): string[] {
  const title = measure + suffixes[unit];
  if (!difference) return [of, title, '–', '–', '–', ''];
  const number = (x: number) => (scales[unit] * x).toFixed(unit === 'nats' ? 3 : 1);
  const { a, b, value, low, high, withinNoise } = difference;
  return [
    of,
    title,
    // the difference was taken of B and A
    ...[number(b), number(a), `${number(value)} [${number(low)}, ${number(high)}]`],
    withinNoise ? 'within noise' : '',
  ];
}
