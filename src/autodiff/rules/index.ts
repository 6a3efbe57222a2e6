/**
 * Every operator is in exactly one of two tables: those with a rule, and those without a
 * gradient, with the reason. An operator in neither makes differentiation throw: silence
 * would mean zero.
 */

import { elementwise } from './elementwise.js';
import { linear } from './linear.js';
import { normalize } from './normalize.js';
import { reduce } from './reduce.js';
import type { GradientRule } from './rule.js';
import { shape } from './shape.js';

export const rules = {
  ...elementwise,
  ...linear,
  ...normalize,
  ...reduce,
  ...shape,
} as const satisfies Record<string, GradientRule>;

/** Operators that stop the gradient, and why. */
export const withoutGradient: Readonly<Record<string, string>> = {
  Equal: 'a comparison is piecewise constant',
  GreaterOrEqual: 'a comparison is piecewise constant',
  And: 'logic has no gradient',
  Or: 'logic has no gradient',
  ScatterElements: 'used in gradients only; second derivatives are out of scope',
  Shape: 'a shape does not depend on the elements',
};
