/** The scorecard of the four criteria, and the measurements in it, as text for a terminal. */
import { stringify } from 'csv-stringify/sync';
import type { FourCriteria, Measure } from '../evaluate/four-criteria.js';
import type { Cell, Shown } from '../evaluate/kinds/kind.js';
import type { Study } from '../experiment/read.js';
import { percent } from './percent.js';
import { textTable } from './text-table.js';

/** One row a measure, one column a model. */
export function renderFourCriteria(cards: readonly FourCriteria[]): string[] {
  const rows = sideBySide(cards);
  const lines = textTable([
    ['', ...cards.map(({ subject }) => subject)],
    ...rows.map(({ name, measures }) => [name, ...measures.map((measure) => inWords(measure))]),
  ]);
  const [head, ...body] = lines;
  return [
    head,
    ...body.flatMap((line, i) =>
      i > 0 && rows[i].criterion === rows[i - 1].criterion ? [line] : ['', `${rows[i].criterion}:`, line],
    ),
  ];
}

/** One row a run and measure: value and interval in the measure's unit, empty where there is none. */
export function scorecardsCsv({ runs }: Study): string {
  const rows = runs.flatMap(({ method, seed, record }) =>
    (record?.scorecard?.measures ?? []).map(({ criterion, name, unit, estimate, of }) => ({
      ...{ method, seed, criterion, measure: name, unit },
      ...{ value: estimate?.value, low: estimate?.low, high: estimate?.high, of },
    })),
  );
  const columns = ['method', 'seed', 'criterion', 'measure', 'unit', 'value', 'low', 'high', 'of'];
  return stringify(rows, { header: true, columns });
}

/** The measures of several models, row by row; undefined where a model lacks one. */
export function sideBySide(cards: readonly FourCriteria[]) {
  const keys = new Map(
    cards.flatMap(({ measures }) =>
      measures.map(({ criterion, name }) => [`${criterion} ${name}`, { criterion, name }] as const),
    ),
  );
  return [...keys.values()].map(({ criterion, name }) => ({
    ...{ criterion, name },
    measures: cards.map(({ measures }) =>
      measures.find((measure) => measure.criterion === criterion && measure.name === name),
    ),
  }));
}

/** A measure with its interval in its unit; `–` where there is none. */
export function inWords(measure: Pick<Measure, 'unit' | 'estimate'> | undefined): string {
  const { estimate, unit } = measure ?? {};
  if (!estimate) return '–';
  if (unit === 'share') return percent(estimate);
  const digits = unit === 'nats' ? 3 : 1;
  const scale = unit === 'difference' ? 100 : 1;
  const [value, low, high] = [estimate.value, estimate.low, estimate.high].map((x) =>
    Number.isFinite(x) ? (scale * x).toFixed(digits) : '∞',
  );
  const suffix = { score: '', nats: ' nats', words: ' words', difference: ' points' }[unit!];
  return `${value}${suffix} [${low}, ${high}]`;
}

/** What a command prints of one kind of measurement. */
export function renderShown({ table, notes }: Shown): string[] {
  const cell = (shown: Cell) => (typeof shown === 'number' ? String(shown) : inWords(shown));
  return [...textTable(table.map(([title, shown]) => [title, cell(shown)])), ...notes];
}
