/** Scorecards of a study that a suite measured: of its runs, and of its methods over their seeds. */
import type { FourCriteria, Measure } from '../evaluate/four-criteria.js';
import type { Study } from '../experiment/read.js';
import type { Estimate } from '../statistics/intervals.js';
import { studentT95 } from '../statistics/student.js';
import { sideBySide } from './scorecard-table.js';

/** The scorecards of all finished runs. */
export const runCards = ({ runs }: Pick<Study, 'runs'>): FourCriteria[] =>
  runs.flatMap(({ record }) => record?.scorecard ?? []);

/** The scorecard of each method with a finished run: the run's own where there is one, otherwise means over the seeds. */
export function methodCards({ experiment, runs }: Study): FourCriteria[] {
  return experiment.methods.flatMap(({ name }) => {
    const cards = runCards({ runs: runs.filter(({ method }) => method === name) });
    return cards.length < 2 ? cards : overSeeds(`${name}, ${cards.length} seeds`, cards);
  });
}

function overSeeds(subject: string, cards: readonly FourCriteria[]): FourCriteria {
  const measures = sideBySide(cards).map(({ measures: all }): Measure => {
    const found = all.flatMap((measure) => measure ?? []);
    const estimates = found.flatMap(({ estimate }) => estimate ?? []);
    return {
      ...found[0],
      estimate: meanOf(estimates, RANGES[found[0].unit]),
      of: found.reduce((sum, { of }) => sum + of, 0),
    };
  });
  return { subject, measures };
}

const RANGES: Readonly<Record<Measure['unit'], readonly [low: number, high: number]>> = {
  share: [0, 1],
  score: [0, 100],
  nats: [0, Number.POSITIVE_INFINITY],
  words: [0, Number.POSITIVE_INFINITY],
  difference: [-1, 1],
};

/**
 * The mean of one measure's estimates. Seeds answer the same questions, so that what the questions
 * leave open does not shrink with the seeds: the ends lie as far as those of the estimates do on
 * the average, with Student's t of the spread over seeds added in quadrature.
 */
function meanOf(
  estimates: readonly Estimate[],
  [least, most]: readonly [low: number, high: number],
): Estimate | null {
  const { length } = estimates;
  if (length < 2) return estimates[0] ?? null;
  const mean = (of: (estimate: Estimate) => number) =>
    estimates.reduce((sum, one) => sum + of(one), 0) / length;
  const value = mean((one) => one.value);
  const variance = (length / (length - 1)) * mean((one) => (one.value - value) ** 2);
  const spread = studentT95(length - 1) * Math.sqrt(variance / length);
  const below = mean((one) => one.value - one.low);
  const above = mean((one) => one.high - one.value);
  return {
    value,
    low: Math.max(least, value - Math.hypot(spread, below)),
    high: Math.min(most, value + Math.hypot(spread, above)),
  };
}
