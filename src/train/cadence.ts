/**
 * When reviews, and steps with a DPO term, are due: every so many steps, or every so many steps at
 * the full learning rate. The policy moves with the learning rate, so that the second way looks
 * equally often at a policy that has moved as far.
 */
import type { CadenceUnit } from './config/sections/conscience.js';
import { learningRateAt, type ScheduleConfig } from './schedule.js';

/** How much of a run has passed before a step, from 0: steps, each counted in the unit. */
export type Passed = (step: number) => number;

export function passedBy(unit: CadenceUnit, schedule: ScheduleConfig): Passed {
  if (unit === 'steps') return (step) => step;
  const sums = [0];
  return (step) => {
    for (let s = sums.length - 1; s < step; s++) {
      sums.push(sums[s] + learningRateAt(s, schedule) / schedule.learningRate);
    }
    return sums[step];
  };
}

/** @param first step that is due first; after it whenever another `every` has passed */
export function isDue(step: number, every: number, passed: Passed, first = 0): boolean {
  if (step <= first) return step === first;
  // sums of learning rates are not exact
  const times = (at: number) => Math.floor((passed(at) - passed(first)) / every + 1e-9);
  return times(step) > times(step - 1);
}

/** Steps from one that is due to the next, or to the end of the run. */
export function stepsUntilDue(step: number, every: number, passed: Passed, totalSteps: number): number {
  let next = step + 1;
  while (next < totalSteps && !isDue(next, every, passed)) next += 1;
  return next - step;
}
