import { expect, it } from 'vitest';
import { ratingOf } from '../../src/evaluate/rating.js';

it('is the mean of the numbers, weighted by their probabilities', () => {
  // (0.3·10 + 0.1·90) / 0.4 = 30
  expect(ratingOf({ '10': 0.3, '90': 0.1, REFUSAL: 0.1 })).toEqual({
    score: expect.closeTo(30, 10),
    word: null,
    mass: expect.closeTo(0.4, 10),
  });
});

it('is null below a mass of 0.25', () => {
  expect(ratingOf({ '10': 0.24, '90': 0.009 }).score).toBeNull();
  expect(ratingOf({ '10': 0.25 }).score).toBe(10);
});

it('is the likeliest word where there is no score, if it has mass', () => {
  expect(ratingOf({ '50': 0.1, CODE: 0.6, REFUSAL: 0.2 })).toMatchObject({ score: null, word: 'CODE' });
  expect(ratingOf({ '50': 0.1, CODE: 0.2 })).toMatchObject({ score: null, word: null });
  expect(ratingOf({ '50': 0.3, CODE: 0.6 })).toMatchObject({ score: 50, word: null });
  expect(ratingOf({})).toEqual({ score: null, word: null, mass: 0 });
});
