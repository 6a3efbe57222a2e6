/** What a method's training costs, over that of another. */
import type { Study } from '../experiment/read.js';
import type { MetricRecord } from '../metrics/names.js';

/** Medians over the seeds; null where it is not known. */
export interface Overhead {
  readonly method: string;
  /** Of training, reviews included. */
  readonly seconds: number | null;
  /** Trained on, padding excluded, and read or written by the conscience. */
  readonly tokens: number | null;
  /** Over the medians of the reference. */
  readonly secondsRatio: number | null;
  readonly tokensRatio: number | null;
}

/** Of every method that is trained, in the study's order. */
export function overhead({ experiment, runs }: Study): Overhead[] {
  const trained = experiment.methods.filter(({ train }) => train !== null).map(({ name }) => name);
  const costs = trained.map((method) => {
    const own = runs.filter((run) => run.method === method && run.record !== null);
    return {
      method,
      seconds: median(own.map(({ record }) => record!.seconds)),
      tokens: median(own.flatMap(({ metrics }) => (metrics.length === 0 ? [] : [tokensOf(metrics)]))),
    };
  });
  const reference = costs.find(({ method }) => method === experiment.overheadOver);
  return costs.map((cost) => ({
    ...cost,
    secondsRatio: ratio(cost.seconds, reference?.seconds),
    tokensRatio: ratio(cost.tokens, reference?.tokens),
  }));
}

function tokensOf(metrics: readonly MetricRecord[]): number {
  const trained = metrics.at(-1)?.num_tokens ?? 0;
  return metrics.reduce((sum, record) => sum + (record['conscience/tokens'] ?? 0), trained);
}

const ratio = (a: number | null, b: number | null | undefined) => (a === null || !b ? null : a / b);

function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
