/** How a run ended, in words: what it took, what was flagged, and whether the conscience changed anything. */
import { readAudit } from '../conscience/audit.js';
import type { Calibration } from '../conscience/calibration.js';
import { flagsByKind, flagsInWords } from '../conscience/flags.js';
import { withoutPairs } from '../conscience/no-pairs.js';
import { ALIGNMENT_STAGES, type Costs, overSupervised } from '../metrics/costs.js';
import { costsOf } from '../metrics/names.js';
import { readMetrics } from '../metrics/writer.js';
import { calibratable, rulesOf } from './calibration.js';
import type { TrainConfig } from './config/schema.js';

export interface Outcome {
  /** A line each. */
  readonly notes: readonly string[];
  /** Why the conscience taught the run nothing, and what to do; absent where it did, or was off. */
  readonly warning?: string;
}

/**
 * Reads what a finished run has written.
 *
 * @param pairs made by the conscience in the whole run
 */
export function outcomeOf(config: TrainConfig, pairs: number, calibration?: Calibration): Outcome {
  const { output, conscience } = config;
  if (!conscience.enabled) return { notes: [] };
  const costs = costsOf(readMetrics(output));
  const records = readAudit(output);
  const flagged = flagsInWords(flagsByKind(records));
  const notes = [...(costs ? [inWords(costs)] : []), ...(flagged === undefined ? [] : [flagged])];
  if (pairs > 0) return { notes };
  const { threshold } = rulesOf(config, calibration);
  return { notes, warning: withoutPairs(records, { ...calibratable(config), calibration, threshold }) };
}

/** Where the time of a run with the conscience went. */
function inWords(costs: Costs): string {
  const seconds = Object.values(costs).reduce((sum, cost) => sum + cost.seconds, 0);
  const over = overSupervised(costs);
  const stages = ALIGNMENT_STAGES.flatMap((stage) => {
    const cost = costs[stage];
    return cost ? [`${stage.replace('_', ' ')} ${cost.seconds.toFixed(1)} s`] : [];
  });
  const times = over === null ? '' : `, ${over.toFixed(2)} × that of supervised training alone`;
  return `Time of the training steps: ${seconds.toFixed(1)} s${times}: ${stages.join(', ')}.`;
}
