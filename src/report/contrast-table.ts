/** Differences between evaluations as text for a terminal. */
import type { Contrast } from '../evaluate/contrast.js';
import { textTable } from './text-table.js';

const titles: Readonly<Record<Contrast['measure'], string>> = {
  misaligned: 'misaligned, of the coherent, %',
  misalignedOfAll: 'misaligned, of all, %',
  filteredOut: 'incoherent, %',
  aligned: 'mean alignment',
  coherent: 'mean coherence',
};

/** @param names of the two evaluations, the first being what the second is compared with */
export function renderContrast(names: readonly [string, string], contrasts: readonly Contrast[]): string {
  return [
    `A ${names[0]}`,
    `B ${names[1]}`,
    '',
    ...textTable([
      ['judge', 'measure', 'A', 'B', 'B − A', ''],
      ...contrasts.map(({ judge, measure, difference }) => {
        if (!difference) return [judge, titles[measure], '–', '–', '–', ''];
        const scale = measure === 'aligned' || measure === 'coherent' ? 1 : 100;
        const number = (x: number) => (scale * x).toFixed(1);
        const { a, b, value, low, high, withinNoise } = difference;
        return [
          judge,
          titles[measure],
          // the difference was taken of B and A
          ...[number(b), number(a), `${number(value)} [${number(low)}, ${number(high)}]`],
          withinNoise ? 'within noise' : '',
        ];
      }),
    ]),
    '',
  ].join('\n');
}
