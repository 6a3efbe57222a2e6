/** The cost of a method's training, over that of another. */

import type { Study } from '../experiment/read.js';
import type { MetricRecord } from '../metrics/names.js';
import { median } from '../statistics/median.js';

/** Costs of one method: medians over the seeds; null where they are not known. */
export interface Overhead {
  readonly method: string;
  /** Seconds of training, reviews included. */
  readonly seconds: number | null;
  /** Tokens that are trained on, padding excluded, and that the conscience reads or writes. */
  readonly tokens: number | null;
  /** The method whose cost is 1; null where there is none. */
  readonly over: string | null;
  /** The same over the medians of that method. */
  readonly secondsRatio: number | null;
  readonly tokensRatio: number | null;
}

/** Costs of every method that is trained, in the study's order. */
export function overhead({ experiment, runs }: Study): Overhead[] {
  const trained = experiment.methods.filter(({ train }) => train !== null);
  const costs = trained.map(({ name: method, overheadOver: over = experiment.overheadOver }) => {
    const own = runs.filter((run) => run.method === method && run.record !== null);
    return {
      ...{ method, over },
      seconds: middle(own.map(({ record }) => record!.seconds)),
      tokens: middle(own.flatMap(({ metrics }) => (metrics.length === 0 ? [] : [tokensOf(metrics)]))),
    };
  });
  return costs.map((cost) => {
    const reference = costs.find(({ method }) => method === cost.over);
    return {
      ...cost,
      secondsRatio: ratio(cost.seconds, reference?.seconds),
      tokensRatio: ratio(cost.tokens, reference?.tokens),
    };
  });
}

/** The denominator of the ratios, for a heading; null where there are none. */
export function overTitle({ overheadOver, methods }: Study['experiment']): string | null {
  return overheadOver ?? (methods.some((method) => method.overheadOver) ? 'another' : null);
}

/** A ratio in words, with the name of the method whose cost is 1 where it is another than `usual`. */
export function timesOver(ratio: number | null, { over }: Overhead, usual: string | null): string {
  if (ratio === null) return '–';
  return `${ratio.toFixed(2)} ×${over === usual ? '' : ` ${over}`}`;
}

function tokensOf(metrics: readonly MetricRecord[]): number {
  const trained = metrics.at(-1)?.num_tokens ?? 0;
  return metrics.reduce((sum, record) => sum + (record['conscience/tokens'] ?? 0), trained);
}

const ratio = (a: number | null, b: number | null | undefined) => (a === null || !b ? null : a / b);

const middle = (values: readonly number[]) => (values.length === 0 ? null : median(values));
