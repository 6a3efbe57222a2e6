/**
 * From label log-probabilities to a verdict.
 *
 * With a = log P(accept) and o = log P(object), the objection's share of both labels is
 * σ(o − a). The prior correction takes away the log-odds that the same question gets where
 * there is nothing to judge: σ((o − a) − (o₀ − a₀)). Where the labels together have too
 * little mass the model did not answer the question, and the verdict is unreadable.
 */
import type { Verdict } from '../values/pair.js';

/** Log-probabilities of a framework's two labels, nats. */
export interface LabelLogps {
  readonly accept: number;
  readonly object: number;
}

/** How a verdict is read off. */
export interface VerdictRule {
  /** Flagged when the objection's share is at least this. In (0, 1). */
  readonly threshold: number;
  /** Unreadable when both labels have less probability together. In [0, 1]. */
  readonly minMass: number;
}

/** Who asked what. */
export interface VerdictContext {
  readonly framework: string;
  /** Id of the model that judged. */
  readonly judge: string;
}

/** Log-odds of the objection, nats: o − a. */
export function logOdds({ accept, object }: LabelLogps): number {
  return object - accept;
}

/** What one question said, and how much it counts. */
export interface PartLogps {
  readonly logps: LabelLogps;
  /** Log-odds of the objection where there is nothing to judge, nats; 0 for no correction. */
  readonly prior: number;
  /** Factor on the log-odds. */
  readonly weight: number;
}

/**
 * The verdict of several questions about one response: σ(bias + Σ weight · (o − a − prior)).
 *
 * Their mass, and the objection's share before prior and calibration, are those of the mean question.
 *
 * @param bias added to the weighted log-odds, nats
 */
export function verdictOfParts(
  parts: readonly PartLogps[],
  bias: number,
  { threshold, minMass }: VerdictRule,
  { framework, judge }: VerdictContext,
): Verdict {
  const mean = (of: (part: PartLogps) => number) =>
    parts.reduce((sum, part) => sum + of(part), 0) / parts.length;
  const mass = Math.min(
    1,
    mean(({ logps }) => Math.exp(logps.accept) + Math.exp(logps.object)),
  );
  const pObjectionRaw = sigmoid(mean(({ logps }) => logOdds(logps)));
  const pObjection = sigmoid(
    parts.reduce((sum, { logps, prior, weight }) => sum + weight * (logOdds(logps) - prior), bias),
  );
  const raw = parts.map(({ logps, prior }) => describe(logps, prior)).join('; ');
  // NaN log-probabilities, −∞ for both labels, or infinite odds against an infinite prior.
  if (!Number.isFinite(mass) || Number.isNaN(pObjection)) {
    return { kind: 'unreadable', raw, framework, judge };
  }
  const evidence = { pObjection, pObjectionRaw, mass, framework, judge };
  if (mass < minMass) return { kind: 'unreadable', raw, ...evidence };
  return { kind: pObjection >= threshold ? 'objected' : 'accepted', ...evidence };
}

function describe({ accept, object }: LabelLogps, prior: number): string {
  return `log P(accept) = ${accept}, log P(object) = ${object}, prior log-odds = ${prior}`;
}

export function sigmoid(x: number): number {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}
