/** AdamW and clipping against numbers computed by hand or by PyTorch. */
import { describe, expect, it } from 'vitest';
import { AdamW, clipFactor, gradientNorm } from '../../src/engine/adamw.js';
import type { Tensor } from '../../src/model/model.js';

const matrix = (...values: number[]): Tensor => ({
  shape: [1, values.length],
  data: Float32Array.from(values),
});

describe('AdamW', () => {
  it('follows torch.optim.AdamW over three updates', () => {
    // torch 2.13: p = [1, -2], grads [0.1, -0.2], [0.3, 0.1], [-0.2, 0.4]; lr 0.1, betas (0.9, 0.99), eps 1e-8, decay 0.1
    const weight = matrix(1, -2);
    const optimizer = new AdamW(new Map([['w', weight]]), {
      beta1: 0.9,
      beta2: 0.99,
      eps: 1e-8,
      weightDecay: 0.1,
    });
    for (const grad of [
      [0.1, -0.2],
      [0.3, 0.1],
      [-0.2, 0.4],
    ]) {
      optimizer.update(new Map([['w', Float32Array.from(grad)]]), 0.1);
    }
    expect(weight.data[0]).toBeCloseTo(PYTORCH[0], 6);
    expect(weight.data[1]).toBeCloseTo(PYTORCH[1], 6);
  });

  it('does not decay vectors, and scales gradients', () => {
    const vector: Tensor = { shape: [1], data: Float32Array.of(1) };
    const config = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.5 };
    new AdamW(new Map([['b', vector]]), config).update(new Map([['b', Float32Array.of(0)]]), 0.1);
    expect(vector.data[0]).toBe(1);
    // the first update is lr·sign(g) whatever the scale, but for eps
    const scaled = matrix(0);
    new AdamW(new Map([['w', scaled]]), { ...config, eps: 1 }).update(
      new Map([['w', Float32Array.of(2)]]),
      0.1,
      0.5,
    );
    expect(scaled.data[0]).toBeCloseTo(-0.1 * (1 / (1 + 1)), 6);
  });
});

/** Printed by the script in the comment above. */
const PYTORCH = [0.755827009677887, -1.8617998361587524] as const;

it('the norm is over all gradients', () => {
  expect(
    gradientNorm(
      new Map([
        ['a', Float32Array.of(3)],
        ['b', Float32Array.of(0, 4)],
      ]),
    ),
  ).toBe(5);
});

it('clipping brings a norm down to its limit, and no norm up', () => {
  expect([clipFactor(4, 1), clipFactor(0.5, 1), clipFactor(4, 0)]).toEqual([0.25, 1, 1]);
});
