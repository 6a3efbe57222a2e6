/** When reviews come, where their distance follows what they flag. */
import { describe, expect, it } from 'vitest';
import { isDue, passedBy } from '../../src/train/cadence.js';
import { countReviews, nextFactor, ReviewTimes } from '../../src/train/review-times.js';

const flags = (flagged: number, readable = 8) => ({ reviewed: readable + 1, unreadable: 1, flagged });
const schedule = { schedule: 'cosine', learningRate: 1e-3, warmupSteps: 4, totalSteps: 60 } as const;

/** Steps of the reviews of a run, each flagging what `flagged` says; from a state on, where one is given. */
function stepsOf(flagged: (step: number) => number, from = 0, state?: ReviewTimes['state'], adaptive = true) {
  const times = new ReviewTimes({ every: 4, first: 2, adaptive });
  if (state) times.restore(JSON.parse(JSON.stringify(state)));
  const steps: number[] = [];
  const states: ReviewTimes['state'][] = [];
  for (let step = from; step < 60; step++) {
    states[step] = times.state;
    if (!times.isDue(step)) continue;
    times.begun(step);
    times.heard(flags(flagged(step)));
    steps.push(step);
  }
  return { steps, states };
}

describe('the distance to the next review', () => {
  it('is half of every after many flags, every after few, and doubles after none', () => {
    expect([0.5, 1, 2, 4].map((factor) => nextFactor(factor, flags(2)))).toEqual([0.5, 0.5, 0.5, 0.5]);
    expect([0.5, 1, 2, 4].map((factor) => nextFactor(factor, flags(1)))).toEqual([1, 1, 1, 1]);
    expect([0.5, 1, 2, 4].map((factor) => nextFactor(factor, flags(0)))).toEqual([1, 2, 4, 4]);
    expect(nextFactor(2, flags(0, 0))).toBe(2);
  });

  it('grows while nothing is flagged, and shrinks at once when something is', () => {
    // 8 and 16 steps after none, 4 after few, 2 after many, then 4, 8, 16 again
    const { steps } = stepsOf((step) => (step === 26 ? 1 : step === 30 ? 8 : 0));
    expect(steps).toEqual([2, 10, 26, 30, 32, 36, 44]);
  });

  it('goes on from a state as if it had never stopped', () => {
    const flagged = (step: number) => (step % 7 === 0 ? 3 : step % 2);
    const whole = stepsOf(flagged);
    for (const from of [1, 2, 3, 11, 30, 44]) {
      const { steps } = stepsOf(flagged, from, whole.states[from]);
      expect(steps, `from step ${from}`).toEqual(whole.steps.filter((step) => step >= from));
    }
  });

  it('stays as it is by default, whatever is flagged, and has no state', () => {
    const { steps, states } = stepsOf(() => 8, 0, undefined, false);
    expect(steps).toEqual([...Array(60).keys()].filter((step) => isDue(step, 4, (at) => at, 2)));
    expect(states[30]).toBeUndefined();
  });
});

it('reviews are counted before the run, at their fewest and most', () => {
  const run = (adaptive: boolean, flagged: number, lag = 0) =>
    countReviews({ every: 4, adaptive }, { totalSteps: 60, lag, flags: flags(flagged) });
  expect([0, 1, 8].map((flagged) => run(false, flagged))).toEqual([15, 15, 15]);
  // 0, 8, 24, 40, 56; every 4; every 2
  expect([0, 1, 8].map((flagged) => run(true, flagged))).toEqual([5, 15, 30]);
  // taken up after three steps: 0, 4, 8, then as above; none that would come after the last step
  expect(run(true, 8, 3)).toBeLessThan(30);
  const passed = passedBy('learning-rate', schedule);
  const slowing = (flagged: number) =>
    countReviews({ every: 4, adaptive: true, passed }, { totalSteps: 60, lag: 0, flags: flags(flagged) });
  expect(slowing(8)).toBeGreaterThan(slowing(1));
  expect(slowing(1)).toBeGreaterThan(slowing(0));
});
