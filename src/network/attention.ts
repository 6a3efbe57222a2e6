/**
 * Grouped-query attention as graph nodes.
 *
 * Query heads that share a key/value head are laid side by side, [B, KV, G·T, H], so that
 * keys and values are never repeated. Ainslie et al. 2023, arXiv:2305.13245.
 */
import type { Value } from '../graph/graph.js';
import {
  add,
  concat,
  matMul,
  matMulRowsFirst,
  mul,
  part,
  reduceSum,
  reshape,
  softmax,
  sub,
  transpose,
} from '../graph/ops.js';
import { type Dim, product } from '../graph/shape.js';
import { softCap, softCapSlope } from './activation.js';

export interface Heads {
  readonly B: Dim;
  readonly T: Dim;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  /** Factor on the products of queries and keys. */
  readonly scale: number;
  /** c in c·tanh(x/c), taken of scores. */
  readonly cap?: number | undefined;
}

/** Added to a score that must not count: e^−1e9 is 0 in float32 and float64. */
export const masked = -1e9;

/**
 * softmax(cap(α·q·kᵀ) + bias)·v for whole sequences.
 * @param q    [B, T, heads·H]
 * @param k    [B, T, kvHeads·H], as is `v`
 * @param bias [B, 1, T, T]: 0 where a token may look, `masked` elsewhere
 * @returns    [B·T, heads·H]
 */
export function attend(q: Value, k: Value, v: Value, bias: Value, shape: Heads): Value {
  const { B, T, heads, kvHeads, headSize } = shape;
  const groups = heads / kvHeads;
  const queries = reshape(transpose(reshape(q, [B, T, kvHeads, groups, headSize]), [0, 2, 3, 1, 4]), [
    B,
    kvHeads,
    product([groups, T]),
    headSize,
  ]);
  const [keys, values] = [k, v].map((x) => transpose(reshape(x, [B, T, kvHeads, headSize]), [0, 2, 1, 3]));
  const mixed = softmaxProduct(queries, keys, values, bias, shape);
  const back = transpose(reshape(mixed, [B, kvHeads, groups, T, headSize]), [0, 3, 1, 2, 4]);
  return reshape(back, [product([B, T]), heads * headSize]);
}

/**
 * One entry on the tape: S = cap(α·Q·Kᵀ), P = softmax(S + bias), O = P·V. With D = rowsum(dO∘O),
 * dS = P∘(dP − D): the rowsum runs over H instead of T elements.
 * Dao et al. 2022, arXiv:2205.14135, Appendix B.
 */
function softmaxProduct(q: Value, k: Value, v: Value, bias: Value, shape: Heads): Value {
  const { B, T, heads, scale: alpha, cap } = shape;
  const [o] = q.graph.composite('attention', [q, k, v, bias], () => {
    const products = matMul(q, k, { transB: true, alpha });
    const scores = cap === undefined ? products : softCap(products, cap);
    const p = reshape(softmax(add(reshape(scores, [B, heads, T, T]), bias)), scores.shape);
    const output = matMul(p, v);
    return {
      outputs: [output],
      backward: ([g]) => {
        const rows = reduceSum(mul(g!, output), [-1], true);
        const capped = mul(p, sub(matMul(g!, v, { transB: true }), rows));
        const ds = cap === undefined ? capped : mul(capped, softCapSlope(scores, cap));
        return [
          matMul(ds, k, { alpha }),
          matMul(ds, q, { transA: true, alpha }),
          matMul(p, g!, { transA: true }),
          null,
        ];
      },
    };
  });
  return o;
}

/** The cache of one layer: what was computed for the tokens so far. */
export interface LayerCache {
  /** [P, B, kvHeads, H]: time first, so that a new token is appended in place. */
  readonly keys: Value;
  readonly values: Value;
}

/**
 * Attention of one new token per row to the cache and to itself.
 * @param q    [B, 1, heads·H]
 * @param k    [B, 1, kvHeads·H], as is `v`: of the new token
 * @param bias [B, 1, 1, P]: over the cached tokens
 * @returns    [B, heads·H]
 */
export function attendCached(
  q: Value,
  k: Value,
  v: Value,
  bias: Value,
  cache: LayerCache,
  shape: Heads,
): Value {
  const { B, heads, kvHeads, headSize, scale: alpha, cap } = shape;
  const groups = heads / kvHeads;
  const capped = (scores: Value) => (cap === undefined ? scores : softCap(scores, cap));
  const queries = reshape(q, [B, kvHeads, groups, headSize]);
  const [key, value] = [k, v].map((x) => reshape(x, [B, kvHeads, 1, headSize]));
  const past = cache.keys.shape[0];
  const seen = capped(matMulRowsFirst(queries, cache.keys, { transB: true, alpha }));
  const own = capped(matMul(queries, key, { transB: true, alpha }));
  // own score first: the cached part then starts at a known place
  const p = softmax(concat([own, add(seen, bias)], 3));
  const mixed = matMulRowsFirst(part(p, 3, 1, Number.MAX_SAFE_INTEGER, past), cache.values);
  return reshape(add(mixed, mul(part(p, 3, 0, 1, 1), value)), [B, heads * headSize]);
}
