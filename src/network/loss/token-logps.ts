/**
 * Log-probabilities of target tokens, without ever keeping logits.
 *
 * The vocabulary product is the largest of a step. Only hidden states that predict a
 * target enter it, in chunks; each chunk forms d(logp)/d(hidden) = E[target] − softmax·E (each
 * times the slope of the cap, where logits have one) at once, so that its logits can be dropped. Entropy and accuracy fall out of the same
 * numbers.
 */
import type { Value } from '../../graph/graph.js';
import {
  add,
  cast,
  concat,
  filled,
  gather,
  greaterOrEqual,
  log,
  matMul,
  mul,
  reduceMax,
  reduceSum,
  reshape,
  scalar,
  scatterAdd,
  softmax,
  sub,
  swapLastAxes,
} from '../../graph/ops.js';
import type { Dim } from '../../graph/shape.js';
import { softCap, softCapSlope } from '../activation.js';
import { type FloatMatrix, logitsOf, type OutputHead } from '../output-head.js';

/** Which hidden state predicts which token: two int64 arrays [K, C], K chunks of C targets. */
export interface Targets {
  readonly predictAt: Value;
  readonly target: Value;
  /**
   * int64 [N]: for each hidden state the place in the flattened [K·C] targets that it predicts,
   * K·C where it predicts none. Needed for gradients only; then a state predicts at most once.
   */
  readonly inverse?: Value;
}

/** Per target, each [K, C]: log-probability (nats, differentiable), entropy (nats), 1 where it is the likeliest. */
export interface TokenLogps {
  readonly logps: Value;
  readonly entropy: Value;
  readonly correct: Value;
}

/**
 * @param hidden [N, D]
 * @param output what turns them into logits
 */
export function tokenLogps(hidden: Value, output: OutputHead, targets: Targets): TokenLogps {
  const { graph } = hidden;
  const { float, cap } = output;
  const { predictAt, target, inverse } = targets;
  const [K, C] = predictAt.shape as [number, Dim];
  const D = hidden.shape[1] as number;
  const chunkOf = (values: Value, k: number) => gather(values, graph.constant(k, 'int64'));

  const [logps, entropy, correct] = graph.composite(
    'token_logps',
    [hidden, ...(float ? [float.matrix] : [])],
    () => {
      const chunks = Array.from({ length: K }, (_, k) => {
        const h = gather(hidden, chunkOf(predictAt, k));
        const logits = logitsOf(h, output);
        const p = softmax(logits);
        // log Σ exp = max − log(max p); max p ≥ 1/V, so nothing underflows
        const largest = reduceMax(logits, [-1], true);
        const logSumExp = sub(largest, log(reduceMax(p, [-1], true)));
        const embedded = output.rows(chunkOf(target, k));
        const targetProduct = reduceSum(mul(h, embedded), [-1], true);
        const { targetLogit, slope, targetSlope } = capped(targetProduct, logits, cap);
        const mean = output.mixed(slope ? mul(p, slope) : p);
        const line = (x: Value) => reshape(x, [1, C]);
        return {
          h,
          targetSlope,
          logps: line(sub(targetLogit, logSumExp)),
          // H = log Σ exp − Σ p·logit, and without a cap Σ p·logit = h·(softmax·E)
          entropy: line(sub(logSumExp, reduceSum(slope ? mul(p, logits) : mul(h, mean), [-1], true))),
          // the two sums of the same products may differ in the last bits
          correct: line(cast(greaterOrEqual(add(targetLogit, tolerance(largest)), largest), h.dtype)),
          direction: sub(targetSlope ? mul(embedded, targetSlope) : embedded, mean),
        };
      });
      const stack = (values: Value[]) => (values.length === 1 ? values[0] : concat(values, 0));
      const backward = ([grad]: readonly (Value | null)[]): (Value | null)[] => {
        const perChunk = chunks.map((_, k) => reshape(chunkOf(grad!, k), [C, 1]));
        const toHidden = hiddenGradient(
          chunks.map(({ direction }, k) => mul(direction, perChunk[k])),
          inverse!,
          D,
        );
        if (!float) return [toHidden];
        const toHead = headGradient(
          chunks.map(({ h, targetSlope }, k) => ({
            h,
            weighted: mul(h, perChunk[k]),
            targetSlope,
            target: chunkOf(target, k),
          })),
          output,
          float,
        );
        return [toHidden, toHead];
      };
      return {
        outputs: [
          stack(chunks.map((c) => c.logps)),
          stack(chunks.map((c) => c.entropy)),
          stack(chunks.map((c) => c.correct)),
        ],
        backward,
      };
    },
  );
  return { logps, entropy, correct };
}

/** 1e-5 of the size of x, in x's dtype. */
const tolerance = (x: Value): Value => mul(add(mul(x, x), scalar(x, 1)), scalar(x, 1e-7));

/** Rows of the chunks put where their hidden state stands; a row of zeros for those that predict nothing. */
export function hiddenGradient(rows: readonly Value[], inverse: Value, D: number): Value {
  return gather(concat([...rows, filled(rows[0], [1, D], 0)], 0), inverse);
}

/**
 * The logits of the targets from the products of their rows, and the slopes of the cap at all logits
 * and at the targets'; no slopes where there is no cap.
 */
function capped(
  targetProduct: Value,
  logits: Value,
  cap: number | undefined,
): { targetLogit: Value; slope?: Value; targetSlope?: Value } {
  if (cap === undefined) return { targetLogit: targetProduct };
  const targetLogit = softCap(targetProduct, cap);
  return {
    targetLogit,
    slope: softCapSlope(logits, cap),
    targetSlope: softCapSlope(targetLogit, cap),
  };
}

/** dE = Σ g·((onehot − p)∘slope)ᵀ·h, with the probabilities computed a second time. */
function headGradient(
  chunks: readonly { h: Value; weighted: Value; targetSlope?: Value | undefined; target: Value }[],
  output: OutputHead,
  { matrix: head, tied }: FloatMatrix,
): Value {
  const { cap } = output;
  let rows = filled(head, tied ? head.shape : [...head.shape].reverse(), 0);
  for (const { weighted, target, targetSlope } of chunks) {
    rows = scatterAdd(rows, target, targetSlope ? mul(weighted, targetSlope) : weighted);
  }
  let sum = tied ? rows : swapLastAxes(rows);
  for (const { h, weighted } of chunks) {
    const logits = logitsOf(h, output);
    const p = cap === undefined ? softmax(logits) : mul(softmax(logits), softCapSlope(logits, cap));
    const part = tied ? matMul(p, weighted, { transA: true }) : matMul(weighted, p, { transA: true });
    sum = sub(sum, part);
  }
  return sum;
}
