/**
 * Reverse-mode differentiation of ONNX graphs.
 *
 * Walks the tape backwards, asks each operator's rule for its gradient nodes, and sums
 * where paths meet. Second derivatives are out of scope.
 */
import { ShapeError } from '../errors.js';
import type { Graph, TapeEntry, Value } from '../graph/graph.js';
import { add, type DifferentiableOperator, type Operator, scalar } from '../graph/ops.js';
import { sameShape } from '../graph/shape.js';
import { notDifferentiated, rules, withoutGradient } from './rules/index.js';

/**
 * d(loss)/d(x) for each x.
 * @param loss a scalar of the graph
 * @returns    one value per x, of x's shape; null where the loss does not depend on x
 */
export function gradients(loss: Value, xs: readonly Value[]): (Value | null)[] {
  if (loss.shape.length !== 0) {
    throw new ShapeError({ where: loss.name, what: `a loss is a scalar, not [${loss.shape}]` });
  }
  return backpropagate(loss.graph, loss.graph.tape, [[loss, scalar(loss, 1)]], xs);
}

/**
 * Sends gradients that arrived at some values back through `tape` to `xs`.
 * @param seeds pairs of a value and its gradient
 */
export function backpropagate(
  graph: Graph,
  tape: readonly TapeEntry[],
  seeds: readonly (readonly [Value, Value])[],
  xs: readonly Value[],
): (Value | null)[] {
  const grads = new Map<Value, Value>();
  const accumulate = (value: Value, grad: Value) => {
    if (!sameShape(value.shape, grad.shape)) {
      throw new ShapeError({
        where: `gradient of ${value.name}`,
        what: `shapes differ`,
        expected: `[${value.shape}]`,
        got: `[${grad.shape}]`,
      });
    }
    const sum = grads.get(value);
    grads.set(value, sum ? add(sum, grad) : grad);
  };
  for (const [value, grad] of seeds) accumulate(value, grad);

  const wanted = dependents(tape, xs);
  const entries = [...tape];
  // What the rules append must not be walked again.
  graph.record(() => {
    for (const entry of entries.reverse()) {
      if (!entry.inputs.some((input) => input && wanted.has(input))) continue;
      const outputGrads = entry.outputs.map((output) => grads.get(output) ?? null);
      if (outputGrads.every((grad) => grad === null)) continue;
      const inputGrads = differentiate(graph, entry, outputGrads);
      for (const [i, input] of entry.inputs.entries()) {
        const grad = inputGrads[i];
        if (input && grad && wanted.has(input)) accumulate(input, grad);
      }
    }
  });
  return xs.map((x) => grads.get(x) ?? null);
}

/** All values that depend on one of `xs`, and `xs` themselves. */
function dependents(tape: readonly TapeEntry[], xs: readonly Value[]): Set<Value> {
  const found = new Set(xs);
  for (const entry of tape) {
    if (entry.kind === 'node' && entry.op in withoutGradient) continue;
    if (!entry.inputs.some((input) => input && found.has(input))) continue;
    for (const output of entry.outputs) found.add(output);
  }
  return found;
}

function differentiate(
  graph: Graph,
  entry: TapeEntry,
  grads: readonly (Value | null)[],
): readonly (Value | null)[] {
  if (entry.kind === 'composite') return entry.backward(grads);
  const { op } = entry;
  if (!isDifferentiable(op)) {
    const why = Object.entries({ ...notDifferentiated, ...withoutGradient }).find(([name]) => name === op);
    throw new ShapeError({ where: entry.name, what: `operator ${op} has no gradient rule (${why?.[1]})` });
  }
  return graph.scope(`${entry.name}_grad`, () => rules[op](entry, grads));
}

const isDifferentiable = (op: Operator): op is DifferentiableOperator => Object.hasOwn(rules, op);
