/** The inputs of the training step's graph that say what the batch's rows and pairs count. */
import type { HybridBatch, PairInBatch } from '../engine.js';
import { referenceInput } from './graphs.js';
import { type NdArray, scalarArray } from './runtime.js';
import type { ChunkedTargets } from './targets.js';

/** Residual stream after a layer, or the states that predict, [B·T, width]. */
export type HiddenStates = (layer: number | 'final') => NdArray;

/** Targets, weights of both losses, and which targets belong to which pair. */
export function stepFeeds(
  { batch, sftWeights, pairs, lambda, beta }: HybridBatch,
  targets: ChunkedTargets,
): Record<string, NdArray> {
  const P = Math.max(1, pairs.length);
  const R = targets.size;
  const membership = (rowOf: (pair: PairInBatch) => number): NdArray => {
    const data = new Float32Array(P * R);
    for (const [p, pair] of pairs.entries()) {
      for (let r = 0; r < batch.row.length; r++) if (batch.row[r] === rowOf(pair)) data[p * R + r] = 1;
    }
    return { data, dims: [P, R] };
  };
  const perPair = (value: (pair: PairInBatch) => number): NdArray => ({
    data: Float32Array.from({ length: P }, (_, p) => (p < pairs.length ? value(pairs[p]) : 0)),
    dims: [P],
  });
  const weights = new Float32Array(R);
  weights.set(sftWeights);
  return {
    ...targets.feeds,
    inverse: targets.inverse(batch),
    sft_weights: { data: weights, dims: targets.dims },
    chosen_of: membership(({ chosen }) => chosen),
    rejected_of: membership(({ rejected }) => rejected),
    reference_chosen: perPair(({ reference }) => reference.chosen),
    reference_rejected: perPair(({ reference }) => reference.rejected),
    pair_weights: perPair(({ weight }) => weight),
    lambda: scalarArray(lambda),
    beta: scalarArray(beta),
  };
}

/** What a frozen copy makes of the batch, and how much being apart from it counts. */
export function anchorFeeds(
  { batch, anchor, pairLoss }: HybridBatch,
  { size, dims }: ChunkedTargets,
  states: HiddenStates,
  layers: number,
): Record<string, NdArray> {
  const feeds: Record<string, NdArray> = {};
  if (anchor?.klWeights || pairLoss === 'kl') feeds[referenceInput('final')] = states('final');
  if (anchor?.klWeights) {
    const weights = new Float32Array(size);
    weights.set(anchor.klWeights);
    feeds.kl_weights = { data: weights, dims };
  }
  if (anchor?.features !== undefined) {
    const counted = batch.segments.reduce((sum, segment) => sum + Number(segment > 0), 0);
    const weight = anchor.features / counted;
    feeds.feature_weights = {
      data: Float32Array.from(batch.segments, (segment) => (segment > 0 ? weight : 0)),
      dims: [batch.B * batch.T, 1],
    };
    for (let layer = 0; layer < layers; layer++) feeds[referenceInput(layer)] = states(layer);
  }
  return feeds;
}
