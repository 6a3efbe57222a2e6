/** What turns hidden states into logits: a matrix E with a row for each token, and for some models a soft cap. */
import type { Value } from '../graph/graph.js';
import { gather, matMul, swapLastAxes } from '../graph/ops.js';
import { softCap } from './activation.js';

export interface OutputHead {
  /** h·Eᵀ: [R, width] → [R, vocab]. */
  products(hidden: Value): Value;
  /** Σ w·E over the vocabulary: [R, vocab] → [R, width]. */
  mixed(weights: Value): Value;
  /** Rows of E: int64 [C] → [C, width]. */
  rows(tokens: Value): Value;
  /** c in c·tanh(x/c), taken of logits. */
  readonly cap?: number | undefined;
  /** The matrix, where it is one value that may be trained. */
  readonly float?: FloatMatrix;
}

export interface FloatMatrix {
  /** [vocab, width] when tied to the embedding, else [width, vocab]. */
  readonly matrix: Value;
  readonly tied: boolean;
}

export function floatHead(float: FloatMatrix, cap: number | undefined): OutputHead {
  const { matrix, tied } = float;
  return {
    ...{ float, cap },
    products: (hidden) => matMul(hidden, matrix, { transB: tied }),
    mixed: (weights) => matMul(weights, matrix, { transB: !tied }),
    rows: (tokens) => gather(tied ? matrix : swapLastAxes(matrix), tokens),
  };
}

/**
 * Logits of hidden states.
 *
 * @param hidden [R, width]
 * @returns      [R, vocab]
 */
export function logitsOf(hidden: Value, head: OutputHead): Value {
  const products = head.products(hidden);
  return head.cap === undefined ? products : softCap(products, head.cap);
}
