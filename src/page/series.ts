/** A run's curves in the browser: columns that grow, one value a step. */
import type { MetricColumns } from './wire.js';

/** Steps ascending, each once; every column is as long as the steps. */
export interface Series {
  readonly generation: number;
  /** Records that were taken in; several may be of one step. */
  readonly records: number;
  readonly steps: readonly number[];
  readonly columns: ReadonlyMap<string, readonly (number | null)[]>;
}

export const NO_SERIES: Series = { generation: -1, records: 0, steps: [], columns: new Map() };

/** The series with what was added; what is of another generation replaces it. */
export function extended(before: Series, added: MetricColumns): Series {
  const kept = before.generation === added.generation && before.records === added.from ? before : NO_SERIES;
  const steps = [...kept.steps];
  const columns = new Map([...kept.columns].map(([name, values]) => [name, [...values]]));
  for (const name of Object.keys(added.columns)) {
    if (!columns.has(name)) columns.set(name, Array(steps.length).fill(null));
  }
  added.steps.forEach((step, i) => {
    if (steps.at(-1) !== step) {
      steps.push(step);
      for (const values of columns.values()) values.push(null);
    }
    for (const [name, values] of Object.entries(added.columns)) {
      if (values[i] !== null) columns.get(name)![steps.length - 1] = values[i];
    }
  });
  return {
    generation: added.generation,
    records: added.from + added.steps.length,
    ...{ steps, columns },
  };
}

/** Exponential moving average, corrected for its start; gaps stay gaps. @param weight of what came before, in [0, 1) */
export function smoothed(values: readonly (number | null)[], weight: number): (number | null)[] {
  if (weight === 0) return [...values];
  let [mean, mass] = [0, 0];
  return values.map((value) => {
    if (value === null) return null;
    mean = weight * mean + (1 - weight) * value;
    mass = weight * mass + (1 - weight);
    return mean / mass;
  });
}
