/**
 * Curves of a run's metrics, as the report's script draws them.
 *
 * Runs of one group, e.g. the seeds of an arm, become one line: their mean, with the band from
 * the lowest to the highest of them.
 */
import { METRICS, type MetricName, type MetricRecord } from '../metrics/names.js';
import { type Html, html } from './html.js';

/** Runs that are drawn as one line. */
export interface Group {
  readonly name: string;
  /** Name of one of the page's colours. */
  readonly color: string;
  readonly runs: readonly (readonly MetricRecord[])[];
}

/** One line; every list is as long as the chart's steps, null where nothing is known. */
export interface Line {
  readonly name: string;
  readonly color: string;
  readonly mean: readonly (number | null)[];
  readonly low: readonly (number | null)[];
  readonly high: readonly (number | null)[];
}

export interface Chart {
  /** Short name of what is drawn; one of METRICS, or another. */
  readonly metric: string;
  /** What it is, in a sentence. */
  readonly about: string;
  readonly title: string;
  /** Label of the vertical axis, with its unit. */
  readonly axis: string;
  readonly steps: readonly number[];
  readonly lines: readonly Line[];
  /** Whether the axis spans 0 to 1. */
  readonly share: boolean;
}

/** The curves of one metric, or null where no run recorded it. */
export function chartOf(
  metric: MetricName,
  title: string,
  groups: readonly Group[],
  axis: string,
  { share = false }: { share?: boolean } = {},
): Chart | null {
  const known = groups.map(({ name, color, runs }) => ({ name, color, values: valuesByStep(metric, runs) }));
  return chartOfValues({ metric, about: METRICS[metric], title, axis, share }, known);
}

/** Values of several runs by step, as one line. */
export interface Series {
  readonly name: string;
  readonly color: string;
  readonly values: ReadonlyMap<number, readonly number[]>;
}

/** The same of values that are not metrics; null where there are none. */
export function chartOfValues(
  what: Pick<Chart, 'metric' | 'about' | 'title' | 'axis' | 'share'>,
  known: readonly Series[],
): Chart | null {
  const steps = [...new Set(known.flatMap(({ values }) => [...values.keys()]))].sort((a, b) => a - b);
  if (steps.length === 0) return null;
  const lines = known
    .filter(({ values }) => values.size > 0)
    .map(({ name, color, values }) => {
      const at = (of: (numbers: readonly number[]) => number) =>
        steps.map((step) => {
          const numbers = values.get(step);
          return numbers ? Number(of(numbers).toPrecision(6)) : null;
        });
      return {
        name,
        color,
        mean: at((numbers) => numbers.reduce((a, b) => a + b, 0) / numbers.length),
        low: at((numbers) => Math.min(...numbers)),
        high: at((numbers) => Math.max(...numbers)),
      };
    });
  return { ...what, steps, lines };
}

/** Where the page's script draws the charts, in their order. @param from the first of the page's that is drawn here */
export function chartPlaces(charts: readonly Chart[], from = 0): Html {
  return html`<div class="charts">${charts.slice(from).map(
    ({ title, about, lines }, k) => html`
<figure><figcaption><b>${title}</b> <span class="soft">${about}</span></figcaption>
<ul class="legend" data-legend="${from + k}">${lines.map(
      ({ name, color }) => html`<li><i class="swatch ${color}"></i>${name} <output></output></li>`,
    )}</ul><div class="chart" data-chart="${from + k}" role="img" aria-label="${spoken(title, lines)}"></div></figure>`,
  )}
</div>`;
}

function spoken(title: string, lines: readonly Line[]): string {
  const ends = lines.map(({ name, mean }) => {
    const known = mean.filter((value) => value !== null);
    return `${name} from ${known[0]} to ${known.at(-1)}`;
  });
  return `${title}: ${ends.join('; ')}`;
}

function valuesByStep(metric: MetricName, runs: readonly (readonly MetricRecord[])[]): Map<number, number[]> {
  const values = new Map<number, number[]>();
  for (const record of runs.flat()) {
    const value = record[metric];
    if (value === null || value === undefined) continue;
    const numbers = values.get(record.step) ?? [];
    values.set(record.step, numbers);
    numbers.push(value);
  }
  return values;
}
