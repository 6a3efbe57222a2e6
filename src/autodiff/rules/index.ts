/**
 * Every operator is in exactly one of three tables: those with a rule, those through which no
 * gradient flows, and those that are not differentiated, with the reason. The tables' types make
 * a missing operator a compile error: silence would mean zero.
 */
import type { ConstantOperator, DifferentiableOperator, ForwardOperator } from '../../graph/ops.js';
import { elementwise } from './elementwise.js';
import { linear } from './linear.js';
import { normalize } from './normalize.js';
import { reduce } from './reduce.js';
import type { GradientRule } from './rule.js';
import { shape } from './shape.js';

export const rules: Readonly<Record<DifferentiableOperator, GradientRule>> = {
  ...elementwise,
  ...linear,
  ...normalize,
  ...reduce,
  ...shape,
};

/** Operators that stop the gradient, and why. */
export const withoutGradient: Readonly<Record<ConstantOperator, string>> = {
  Equal: 'a comparison is piecewise constant',
  GreaterOrEqual: 'a comparison is piecewise constant',
  And: 'logic has no gradient',
  Or: 'logic has no gradient',
  ScatterElements: 'used in gradients only; second derivatives are out of scope',
  Shape: 'a shape does not depend on the elements',
};

/** Operators that cannot be differentiated, and why. */
export const notDifferentiated: Readonly<Record<ForwardOperator, string>> = {
  ReduceMax: 'used for statistics and inside composites, which have gradients of their own',
  Abs: 'used to find the scale of numbers that are rounded',
  DequantizeLinear: 'blocks of integers are constants; products with them are composites',
  QuantizeLinear: 'rounding is piecewise constant; products of rounded rows are composites',
  MatMulIntegerToFloat: 'inside composites, which have gradients of their own',
  ArgMax: 'an index is piecewise constant',
  SkipSimplifiedLayerNormalization:
    'used where nothing is trained: training norms a sum that is a value of its own',
  MatMulNBits: 'used where nothing is trained: training multiplies with unpacked matrices',
};
