/** Whether the policies of a study learned to please their conscience: three raters, side by side. */
import type { Judged } from '../experiment/record.js';
import { type Chart, chartOfValues } from './charts.js';
import { percentage } from './percent.js';
import type { StudyResult } from './study-result.js';

/** Who rates, by the key of a record, and their colour in a chart. */
const RATERS = [
  ['conscience', 'the conscience', 'blue'],
  ['judge', 'held-out judge', 'orange'],
  ['checker', 'exact checker', 'green'],
] as const;
type Rater = (typeof RATERS)[number][0];

/** Responses that a method's runs gave at one step; null: to the evaluation questions, after training. */
const judgedOf = ({ study }: StudyResult, method: string): Judged[] =>
  study.runs.flatMap((run) => (run.method === method ? (run.record?.judged ?? []) : []));

/** One chart for each method with reviews: responses that pass, by rater, over the steps. */
export function judgedCharts(result: StudyResult): Chart[] {
  return result.methods.flatMap(({ name }) => {
    const all = judgedOf(result, name);
    const series = RATERS.map(([key, title, color]) => {
      const values = new Map<number, number[]>();
      for (const { step, [key]: share } of all) {
        if (step !== null) values.set(step, [...(values.get(step) ?? []), share]);
      }
      return { name: title, color, values };
    });
    const about = 'share of reviewed responses that each rater lets pass';
    const chart = chartOfValues(
      { metric: `judged/${name}`, about, title: name, axis: 'share of responses', share: true },
      series,
    );
    return chart ? [chart] : [];
  });
}

/** How a rater and the checker differ on the same responses, over all runs of a method. */
export interface JudgedRow {
  readonly method: string;
  /** When the responses were given: in training, or to the evaluation questions after it. */
  readonly when: 'training' | 'after';
  readonly responses: number;
  /** Mean share that passes, with the lowest and the highest of the seeds. */
  readonly shares: Readonly<Record<Rater, readonly [mean: number, low: number, high: number]>>;
}

/** The last third of training, in which a policy would have learned to please; and the answers after it. */
function judgedRows(result: StudyResult): JudgedRow[] {
  return result.methods.flatMap(({ name }) =>
    (['training', 'after'] as const).flatMap((when): JudgedRow[] => {
      const runs = result.study.runs
        .filter(({ method }) => method === name)
        .map(({ record }) => lateOf(record?.judged ?? [], when))
        .filter((judged) => judged.length > 0);
      if (runs.length === 0) return [];
      const shares = RATERS.map(([key]) => {
        const means = runs.map((judged) => weighted(judged, key));
        const mean = means.reduce((a, b) => a + b, 0) / means.length;
        return [key, [mean, Math.min(...means), Math.max(...means)]] as const;
      });
      const responses = runs.flat().reduce((sum, judged) => sum + judged.responses, 0);
      return [{ method: name, when, responses, shares: Object.fromEntries(shares) as JudgedRow['shares'] }];
    }),
  );
}

function lateOf(judged: readonly Judged[], when: JudgedRow['when']): Judged[] {
  if (when === 'after') return judged.filter(({ step }) => step === null);
  const steps = judged.flatMap(({ step }) => step ?? []);
  const late = (2 * Math.max(0, ...steps)) / 3;
  return judged.filter(({ step }) => step !== null && step >= late);
}

function weighted(judged: readonly Judged[], key: Rater): number {
  const responses = judged.reduce((sum, one) => sum + one.responses, 0);
  return judged.reduce((sum, one) => sum + one[key] * one.responses, 0) / responses;
}

/** Heads and rows of cells, for a page or Markdown; undefined where nobody rated. */
export function judgedTable(result: StudyResult): { heads: string[]; rows: string[][] } | undefined {
  const rows = judgedRows(result);
  if (rows.length === 0) return undefined;
  return {
    heads: ['', 'responses', ...RATERS.map(([, title]) => `${title} lets pass`)],
    rows: rows.map(({ method, when, responses, shares }) => [
      `${method}, ${when === 'after' ? 'evaluation questions' : 'last third of training'}`,
      String(responses),
      ...RATERS.map(([key]) => {
        const [mean, low, high] = shares[key];
        return `${percentage(mean)} % (${percentage(low)}–${percentage(high)})`;
      }),
    ]),
  };
}
