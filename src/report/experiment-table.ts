/** An experiment's runs as a table for a terminal, and as CSV. */
import { stringify } from 'csv-stringify/sync';
import { compare, type Difference } from '../evaluate/compare.js';
import type { RunRecord } from '../experiment/record.js';
import type { Share } from '../experiment/world.js';
import { byQuestion } from '../statistics/by-question.js';
import { percent, points } from './percent.js';
import { type Summary, sharesIn, summarize } from './summary.js';
import { textTable } from './text-table.js';

/** What one method showed, and how far its share of bad answers is from the baseline's. */
export interface MethodSummary extends Summary {
  readonly seeds: number;
  /** Paired by question; null for the baseline itself. */
  readonly badOverBaseline: Difference | null;
  /** Seconds of training, over all runs of the method. */
  readonly seconds: number;
}

/**
 * Takes every share of each method.
 *
 * @param names in which order; of one without a run nothing is known. Default: those of the runs
 */
export function summarizeMethods(
  runs: readonly RunRecord[],
  baseline: string,
  shares: readonly Share[],
  names: readonly string[] = [...new Set(runs.map(({ method }) => method))],
): MethodSummary[] {
  const of = (name: string) => runs.filter(({ method }) => method === name);
  const bad = (name: string) =>
    byQuestion(
      of(name).flatMap(({ answers }) => answers),
      ({ question }) => question,
      ({ seed }) => seed,
      ({ grade }) => Number(grade === 'bad'),
    );
  return names.map((name) => ({
    ...summarize(name, of(name), shares),
    seeds: of(name).length,
    badOverBaseline: name === baseline ? null : compare(bad(name), bad(baseline), { range: [0, 1] }),
    seconds: of(name).reduce((total, { seconds }) => total + seconds, 0),
  }));
}

/** The table, one line a method. */
export function renderExperiment(
  methods: readonly MethodSummary[],
  baseline: string,
  shares: readonly Share[],
): string {
  const shown = sharesIn(shares, methods);
  const heads = ['', ...shown.map(({ title }) => title), `bad, less ${baseline}’s`];
  const rows = methods.map((method) => [
    method.name,
    ...shown.map(({ key }) => percent(method.shares[key])),
    points(method.badOverBaseline),
  ]);
  const seeds = Math.max(...methods.map((method) => method.seeds));
  return [
    `Answers to the evaluation questions, and code; 95 % intervals over ${seeds} ${seeds === 1 ? 'seed' : 'seeds'} and the questions.`,
    '',
    ...textTable([heads, ...rows]),
    '',
  ].join('\n');
}

/** The same as CSV, one row a method and measure: value and interval as shares in [0, 1], empty where there is none. */
export function experimentCsv(methods: readonly MethodSummary[], shares: readonly Share[]): string {
  const rows = methods.flatMap((method) =>
    [
      ...sharesIn(shares, methods).map(({ title, key }) => [title, method.shares[key]] as const),
      ['bad over baseline', method.badOverBaseline] as const,
    ].map(([measure, found]) => ({
      ...{ method: method.name, seeds: method.seeds, measure },
      ...{ value: found?.value, low: found?.low, high: found?.high },
    })),
  );
  return stringify(rows, { header: true, columns: ['method', 'seeds', 'measure', 'value', 'low', 'high'] });
}
