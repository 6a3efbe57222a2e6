/** Gradients of elementwise operators, broadcasting undone by `sumTo`. */
import type { Value } from '../../graph/graph.js';
import { add, cast, div, mul, neg, scalar, sigmoid, sub, tanh, where } from '../../graph/ops.js';
import { type GradientRule, sumTo } from './rule.js';

type Unary = (x: Value, y: Value, grad: Value) => Value;
type Binary = (a: Value, b: Value, y: Value, grad: Value) => [Value, Value];

const unary =
  (rule: Unary): GradientRule =>
  ({ inputs: [x], outputs: [y] }, [grad]) => [rule(x!, y, grad!)];

const binary =
  (rule: Binary): GradientRule =>
  ({ inputs: [a, b], outputs: [y] }, [grad]) => {
    const [da, db] = rule(a!, b!, y, grad!);
    return [sumTo(da, a!.shape), sumTo(db, b!.shape)];
  };

const one = (like: Value): Value => scalar(like, 1);

export const elementwise = {
  Add: binary((_a, _b, _y, g) => [g, g]),
  Sub: binary((_a, _b, _y, g) => [g, neg(g)]),
  Mul: binary((a, b, _y, g) => [mul(g, b), mul(g, a)]),
  // y = a/b: da = g/b, db = −g·y/b
  Div: binary((_a, b, y, g) => [div(g, b), neg(div(mul(g, y), b))]),
  Neg: unary((_x, _y, g) => neg(g)),
  Exp: unary((_x, y, g) => mul(g, y)),
  Log: unary((x, _y, g) => div(g, x)),
  // y = √x: dx = g/(2y)
  Sqrt: unary((_x, y, g) => div(g, add(y, y))),
  // σ' = σ(1−σ)
  Sigmoid: unary((_x, y, g) => mul(g, mul(y, sub(one(y), y)))),
  // d softplus = σ
  Softplus: unary((x, _y, g) => mul(g, sigmoid(x))),
  // tanh' = 1 − tanh²
  Tanh: unary((_x, y, g) => mul(g, sub(one(y), mul(y, y)))),
  Identity: unary((_x, _y, g) => g),
  // y = x·s, s = σ(αx): dx = g·(s + α·y·(1−s))
  QuickGelu: (({ inputs: [x], outputs: [y], attributes }, [grad]) => {
    const { float: alpha } = attributes.alpha as { float: number };
    const s = sigmoid(alpha === 1 ? x! : mul(x!, scalar(x!, alpha)));
    const curve = mul(y, sub(one(s), s));
    return [mul(grad!, add(s, alpha === 1 ? curve : mul(curve, scalar(curve, alpha))))];
  }) satisfies GradientRule,
  // y = x·(1 + t)/2, t = tanh(u), u = k·(x + c·x³): y' = (1 + t)/2 + x·(1 − t²)·k·(1 + 3c·x²)/2
  FastGelu: unary((x, _y, g) => {
    const [k, c] = [Math.sqrt(2 / Math.PI), 0.044715];
    const square = mul(x, x);
    const t = tanh(mul(mul(x, scalar(x, k)), add(mul(square, scalar(x, c)), one(x))));
    const inner = add(mul(square, scalar(x, 1.5 * c * k)), scalar(x, 0.5 * k));
    const bend = mul(mul(x, inner), sub(one(x), mul(t, t)));
    return mul(g, add(bend, mul(add(t, one(x)), scalar(x, 0.5))));
  }),
  Where: (({ inputs: [condition, a, b], outputs: [y] }, [grad]) => {
    const zero = scalar(y, 0);
    return [
      null,
      sumTo(where(condition!, grad!, zero), a!.shape),
      sumTo(where(condition!, zero, grad!), b!.shape),
    ];
  }) satisfies GradientRule,
  Cast: (({ inputs: [x] }, [grad]) =>
    x!.dtype.startsWith('float') ? [cast(grad!, x!.dtype)] : [null]) satisfies GradientRule,
};
