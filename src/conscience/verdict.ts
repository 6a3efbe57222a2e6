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

/** What one question's labels said, and how much it counts. */
export interface PartLogps {
  readonly logps: LabelLogps;
  /** Log-odds of the objection where there is nothing to judge, nats; 0 for no correction. */
  readonly prior: number;
  /** Factor on the log-odds. */
  readonly weight: number;
}

/** What a probe read after one question, and how much it counts. */
export interface PartProjection {
  /** In place of o − a − prior, nats; NaN where there was nothing to read. */
  readonly projection: number;
  readonly weight: number;
}

/**
 * The verdict of several questions about one response: σ(bias + Σ weight · (o − a − prior)).
 *
 * Their mass, and the objection's share before prior and calibration, are those of the mean question that was answered
 * by labels. Where all were read by probes the mass is 1 and the share the calibrated one.
 *
 * @param bias added to the weighted log-odds, nats
 */
export function verdictOfParts(
  parts: readonly (PartLogps | PartProjection)[],
  bias: number,
  { threshold, minMass }: VerdictRule,
  { framework, judge }: VerdictContext,
): Verdict {
  const labelled = parts.flatMap((part) => ('logps' in part ? [part.logps] : []));
  const mean = (of: (logps: LabelLogps) => number) =>
    labelled.reduce((sum, logps) => sum + of(logps), 0) / labelled.length;
  const read = labelled.length > 0;
  const mass = read
    ? Math.min(
        1,
        mean(({ accept, object }) => Math.exp(accept) + Math.exp(object)),
      )
    : 1;
  const pObjection = sigmoid(parts.reduce((sum, part) => sum + part.weight * oddsOf(part), bias));
  const pObjectionRaw = read ? sigmoid(mean(logOdds)) : pObjection;
  const raw = parts.map(describe).join('; ');
  // NaN log-probabilities, −∞ for both labels, or infinite odds against an infinite prior.
  if (!Number.isFinite(mass) || Number.isNaN(pObjection)) {
    return { kind: 'unreadable', raw, framework, judge };
  }
  const evidence = { pObjection, pObjectionRaw, mass, framework, judge };
  if (mass < minMass) return { kind: 'unreadable', raw, ...evidence };
  return { kind: pObjection >= threshold ? 'objected' : 'accepted', ...evidence };
}

const oddsOf = (part: PartLogps | PartProjection): number =>
  'logps' in part ? logOdds(part.logps) - part.prior : part.projection;

function describe(part: PartLogps | PartProjection): string {
  if (!('logps' in part)) return `probe = ${part.projection}`;
  const { logps, prior } = part;
  return `log P(accept) = ${logps.accept}, log P(object) = ${logps.object}, prior log-odds = ${prior}`;
}

export function sigmoid(x: number): number {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}
