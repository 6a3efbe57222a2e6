/**
 * Activation checkpointing: forget what a block computed, and compute it again when its
 * gradient is needed. Chen et al. 2016, arXiv:1604.06174.
 */
import type { Graph, TapeEntry, Value } from '../graph/graph.js';
import { add, gather, mul } from '../graph/ops.js';
import { backpropagate } from './backward.js';

/**
 * Runs `block` so that only what it reads is kept for the backward pass.
 *
 * The recomputation must not be merged with the first computation (they are equal), nor
 * start before the gradient arrives. So it is made to depend on it: x + 0·g. The zero is an
 * input of the graph, since a constant one would be folded away.
 *
 * @param x     what flows through the block, [..., D]
 * @param zero  a scalar graph input that is fed 0
 * @param block one value in, one out; what else it reads (weights) gets its gradient too
 */
export function checkpoint(x: Value, zero: Value, block: (x: Value) => Value): Value {
  const { graph } = x;
  let read: readonly Value[] = [];
  const [y] = graph.composite(
    'checkpoint',
    (tape) => {
      read = freeValues(graph, tape).filter((value) => value !== x);
      return [x, ...read];
    },
    () => ({
      outputs: [block(x)],
      backward: ([grad]) => {
        const again = add(x, mul(firstElement(grad!), zero));
        const { result, tape } = graph.record(() => block(again));
        return backpropagate(graph, tape, [[result, grad!]], [again, ...read]);
      },
    }),
  );
  return y;
}

/** What the entries read and do not make, without constants and integers. */
function freeValues({ constants }: Graph, tape: readonly TapeEntry[]): Value[] {
  const made = new Set([...tape.flatMap(({ outputs }) => outputs), ...constants.map(({ value }) => value)]);
  const read = new Set(tape.flatMap(({ inputs }) => inputs.filter((input) => input !== null)));
  return [...read].filter((value) => !made.has(value) && value.dtype.startsWith('float'));
}

/** The first of all elements, a scalar. */
export function firstElement(x: Value): Value {
  const index = x.graph.constant(0, 'int64');
  return x.shape.reduce<Value>((part) => gather(part, index), x);
}
