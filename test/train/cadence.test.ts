/** When reviews and pairs are due. */
import { describe, expect, it } from 'vitest';
import { isDue, passedBy, stepsUntilDue } from '../../src/train/cadence.js';
import type { ScheduleConfig } from '../../src/train/schedule.js';

const cosine: ScheduleConfig = { schedule: 'cosine', learningRate: 2e-3, warmupSteps: 4, totalSteps: 100 };
const due = (every: number, passed: (step: number) => number, first?: number) =>
  Array.from({ length: 100 }, (_, step) => step).filter((step) => isDue(step, every, passed, first));

describe('cadence: steps', () => {
  const passed = passedBy('steps', cosine);

  it('is every so many steps from the first', () => {
    expect(due(25, passed)).toEqual([0, 25, 50, 75]);
    expect(due(25, passed, 10)).toEqual([10, 35, 60, 85]);
    expect(due(1, passed)).toHaveLength(100);
  });
});

describe('cadence: learning-rate', () => {
  it('counts each step by its learning rate over the highest', () => {
    const passed = passedBy('learning-rate', cosine);
    // warm-up: 0, 1/4, 2/4, 3/4
    expect([0, 1, 2, 3, 4].map(passed)).toEqual([0, 0, 0.25, 0.75, 1.5]);
    // 1.5, and the mean of half a cosine is 1/2
    expect(passed(100)).toBeCloseTo(1.5 + 96 / 2 + 0.5, 9);
    // asked out of order it says the same
    expect(passedBy('learning-rate', cosine)(50)).toBe(passed(50));
  });

  it('is the same as steps where the learning rate stays the same', () => {
    const level = passedBy('learning-rate', { ...cosine, schedule: 'constant', warmupSteps: 0 });
    for (const every of [1, 3, 7]) expect(due(every, level)).toEqual(due(every, passedBy('steps', cosine)));
  });

  it('comes after equal sums of learning rates, so ever more seldom', () => {
    const passed = passedBy('learning-rate', cosine);
    const steps = due(10, passed);
    expect(steps).toHaveLength(5); // 50 have passed in the end, the last of them never reached
    for (const [i, step] of steps.entries()) {
      expect(passed(step)).toBeGreaterThanOrEqual(10 * i - 1e-6);
      expect(passed(step)).toBeLessThan(10 * i + 1);
    }
    const gaps = steps.slice(1).map((step, i) => step - steps[i]);
    expect(gaps.slice(1)).toEqual(gaps.slice(1).toSorted((a, b) => a - b));
  });
});

it.each(['steps', 'learning-rate'] as const)(
  'the steps that terms stand for are all steps, by %s',
  (unit) => {
    const passed = passedBy(unit, cosine);
    for (const every of [1, 7, 30]) {
      const spans = due(every, passed).map((step) => stepsUntilDue(step, every, passed, 100));
      expect(spans.reduce((sum, span) => sum + span, 0)).toBe(100);
    }
  },
);
