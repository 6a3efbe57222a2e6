/** The learning rate over a run. */
import { describe, expect, it } from 'vitest';
import { learningRateAt } from '../../src/train/schedule.js';

describe('learningRateAt', () => {
  const config = { learningRate: 1, warmupSteps: 4, totalSteps: 12 };
  const course = (schedule: 'linear' | 'cosine' | 'constant') =>
    [0, 2, 4, 8, 12].map((step) => learningRateAt(step, { ...config, schedule }));

  it('warms up, then falls as transformers does', () => {
    expect(course('linear')).toEqual([0, 0.5, 1, 0.5, 0]);
    expect(course('constant')).toEqual([0, 0.5, 1, 1, 1]);
    expect(course('cosine').map((x) => Math.round(1e6 * x) / 1e6)).toEqual([0, 0.5, 1, 0.5, 0]);
  });
});
