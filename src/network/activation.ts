/** Activations of the gated feed-forward part, f(gate)∘up. Shazeer 2020, arXiv:2002.05202. */
import type { Value } from '../graph/graph.js';
import { add, fastGelu, mul, quickGelu, scalar, sigmoid, tanh } from '../graph/ops.js';
import type { Architecture } from '../model/architectures/architecture.js';

/** Elementwise functions by the names that rows call them. */
export const activations: Readonly<Record<Architecture['activation'], (x: Value) => Value>> = {
  /** x·σ(x) */
  silu: (x) => (x.graph.fused ? quickGelu(x) : mul(x, sigmoid(x))),
  /** x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2 */
  gelu_tanh: (x) => (x.graph.fused ? fastGelu(x) : plainGelu(x)),
};

function plainGelu(x: Value): Value {
  const square = mul(x, x);
  const inner = mul(x, add(scalar(x, 1), mul(square, scalar(x, 0.044715))));
  const t = tanh(mul(inner, scalar(x, Math.sqrt(2 / Math.PI))));
  return mul(mul(x, scalar(x, 0.5)), add(t, scalar(x, 1)));
}

/** c·tanh(x/c): keeps x within ±c. */
export function softCap(x: Value, cap: number): Value {
  return mul(tanh(mul(x, scalar(x, 1 / cap))), scalar(x, cap));
}

/** The derivative of `softCap` at a value that it returned: 1 − (y/c)². */
export function softCapSlope(y: Value, cap: number): Value {
  const part = mul(y, scalar(y, 1 / cap));
  return add(scalar(y, 1), mul(mul(part, part), scalar(y, -1)));
}
