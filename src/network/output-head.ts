/** What turns hidden states into logits: a matrix, and for some models a soft cap. */
import type { Value } from '../graph/graph.js';
import { matMul } from '../graph/ops.js';
import { softCap } from './activation.js';

export interface OutputHead {
  /** [vocab, width] when tied to the embedding, else [width, vocab]. */
  readonly matrix: Value;
  readonly tied: boolean;
  /** c in c·tanh(x/c), taken of logits. */
  readonly cap?: number | undefined;
}

/**
 * Logits of hidden states.
 *
 * @param hidden [R, width]
 * @returns      [R, vocab]
 */
export function logitsOf(hidden: Value, { matrix, tied, cap }: OutputHead): Value {
  const products = matMul(hidden, matrix, { transB: tied });
  return cap === undefined ? products : softCap(products, cap);
}
