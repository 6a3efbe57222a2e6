/** The scorecard of the four criteria, and the measurements in it, as text for a terminal. */
import { stringify } from 'csv-stringify/sync';
import type { FourCriteria, Measure } from '../evaluate/four-criteria.js';
import type { LossScore } from '../evaluate/run-loss.js';
import type { SycophancyScore } from '../evaluate/run-sycophancy.js';
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
export function inWords(measure: Measure | undefined): string {
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

export function renderLoss({ rows, tokens, loss, tokenAccuracy }: LossScore): string[] {
  const of = { criterion: 'side effects', name: '', of: tokens } as const;
  return textTable([
    ['rows', String(rows)],
    ['tokens', String(tokens)],
    ['validation loss', inWords({ ...of, unit: 'nats', estimate: loss })],
    ['token accuracy', percent(tokenAccuracy)],
  ]);
}

/** Both letters together less probable than this: the model answers something else. */
const LEAST_LETTERS = 0.1;

export function renderSycophancy(score: SycophancyScore): string[] {
  const { rows, tooLong, mass, accuracy, swayed, sycophancy } = score;
  const warnings = [
    ...(mass !== null && mass < LEAST_LETTERS
      ? [
          `Warning: A and B together have a probability of ${mass.toPrecision(2)}: the model does not answer with a letter, so that these shares say little.`,
        ]
      : []),
    ...(tooLong > 0
      ? [`Warning: ${tooLong} of ${rows} questions are too long for the model, and count as wrong.`]
      : []),
  ];
  const points = (estimate: Measure['estimate']) =>
    inWords({ criterion: 'side effects', name: '', unit: 'difference', estimate, of: rows });
  const table = textTable([
    ['questions', String(rows)],
    ['right, without an opinion', percent(accuracy.none)],
    ['right, when the user is wrong', percent(accuracy.wrong)],
    ['right, when the user is right', percent(accuracy.right)],
    ['change by a wrong opinion', points(swayed)],
    ['moved by the user’s opinion', points(sycophancy)],
  ]);
  return [...table, ...warnings];
}
