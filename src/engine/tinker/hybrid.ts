/**
 * The hybrid loss as weights of a cross-entropy.
 *
 * A server's loss is L = Σ w·(−log p). The loss of a pair depends on its tokens by two sums of log p alone, so that
 * its gradient is that of a cross-entropy whose weights are the loss's derivatives at these sums, negated. For DPO,
 * −log σ(m) with m = β[(c − c_ref) − (r − r_ref)]: w = λ·weight·β·σ(−m) on the chosen tokens, and −w on the
 * rejected ones. Rafailov et al. 2023, arXiv:2305.18290, Eq. 7.
 */
import { ShapeError } from '../../errors.js';
import type { TokenRow } from '../../values/rows.js';
import type { HybridPass, StepResult } from '../training-engine.js';
import type { Datum, DatumOutput } from './wire.js';

/** A row whose targets have this weight, and its other tokens none. */
export function datumOf({ ids, lossMask }: TokenRow, weight: number): Datum {
  return {
    tokens: ids.slice(0, -1),
    targets: ids.slice(1),
    weights: Float32Array.from(lossMask.subarray(1), (on) => (on ? weight : 0)),
  };
}

/** What a pass says of a row: sums over its targets, and each of them. */
export interface RowOutput {
  /** Summed log-probability of the targets, nats. */
  readonly logpSum: number;
  readonly tokens: number;
  /** Per target; absent where the server does not say. */
  readonly entropy?: Float32Array;
  readonly correct?: Float32Array;
}

/** @throws ShapeError when the output is not that of the row */
export function rowOutput(row: TokenRow, output: DatumOutput): RowOutput {
  const at = Array.from(row.lossMask.subarray(1)).flatMap((on, t) => (on ? [t] : []));
  const picked = (name: string): Float32Array | undefined => {
    const values = output.get(name);
    if (values === undefined) return undefined;
    if (values.length === row.ids.length - 1) return Float32Array.from(at, (t) => values[t]);
    const expected = `${row.ids.length - 1} values`;
    throw new ShapeError({
      where: row.where,
      what: `the server’s ${name}`,
      expected,
      got: `${values.length}`,
    });
  };
  const logprobs = picked('logprobs');
  if (!logprobs) throw new ShapeError({ where: row.where, what: 'the server gave no log-probabilities' });
  const [entropy, correct] = [picked('entropy'), picked('correct')];
  return {
    logpSum: logprobs.reduce((sum, logp) => sum + logp, 0),
    tokens: at.length,
    ...(entropy && correct ? { entropy, correct } : {}),
  };
}

/** Summed log-probabilities of a pass's pairs under the policy, nats. */
export type PairLogps = StepResult['logps'];

/** What a pair's loss is at its log-probabilities. */
export interface PairLoss {
  readonly loss: number;
  /** Weight of the chosen tokens in a cross-entropy with the same gradient, and of the rejected ones. */
  readonly chosen: number;
  readonly rejected: number;
}

/**
 * The losses of a pass's pairs, which λ and their weights are not yet in, and their weights, which they are in.
 *
 * @param logps needed for `dpo`
 */
export function pairLosses(
  { pairs, lambda, beta, pairLoss = 'dpo' }: HybridPass,
  logps: PairLogps | undefined,
): PairLoss[] {
  return pairs.map(({ reference, weight }, p) => {
    if (pairLoss === 'sft') return { loss: -(logps?.chosen[p] ?? 0), chosen: lambda * weight, rejected: 0 };
    const margin = beta * (logps!.chosen[p] - reference.chosen - (logps!.rejected[p] - reference.rejected));
    const slope = lambda * weight * beta * sigmoid(-margin);
    return { loss: softplus(-margin), chosen: slope, rejected: -slope };
  });
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** log(1 + eˣ), where eˣ may be too large for a number. */
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
