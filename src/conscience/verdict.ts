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

/**
 * The verdict that two log-probabilities amount to.
 *
 * @param prior log-odds of the objection where there is nothing to judge, nats; 0 for no correction
 */
export function verdictOf(
  logps: LabelLogps,
  prior: number,
  { threshold, minMass }: VerdictRule,
  { framework, judge }: VerdictContext,
): Verdict {
  const mass = Math.min(1, Math.exp(logps.accept) + Math.exp(logps.object));
  const pObjectionRaw = sigmoid(logOdds(logps));
  const pObjection = sigmoid(logOdds(logps) - prior);
  // NaN log-probabilities, −∞ for both labels, or infinite odds against an infinite prior.
  if (!Number.isFinite(mass) || Number.isNaN(pObjection)) {
    return { kind: 'unreadable', raw: describe(logps, prior), framework, judge };
  }
  const evidence = { pObjection, pObjectionRaw, mass, framework, judge };
  if (mass < minMass) return { kind: 'unreadable', raw: describe(logps, prior), ...evidence };
  return { kind: pObjection >= threshold ? 'objected' : 'accepted', ...evidence };
}

function describe({ accept, object }: LabelLogps, prior: number): string {
  return `log P(accept) = ${accept}, log P(object) = ${object}, prior log-odds = ${prior}`;
}

function sigmoid(x: number): number {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}
