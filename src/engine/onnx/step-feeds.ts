/** The inputs of the training step's graph that say how much the batch's rows and pairs count. */
import type { HybridPass, WeightedPair } from '../training-engine.js';
import type { Batch } from './batch.js';
import { referenceInput } from './graphs.js';
import { type NdArray, scalarArray } from './runtime.js';
import type { ChunkedTargets } from './targets.js';

/** Residual stream after a layer, or the states that predict, [B·T, width]. */
export type HiddenStates = (layer: number | 'final') => NdArray;

/** Targets, weights of both losses, and which targets belong to which pair. */
export function stepFeeds(
  { rows, sftWeight, pairs, lambda, beta }: HybridPass,
  batch: Batch,
  targets: ChunkedTargets,
): Record<string, NdArray> {
  const P = Math.max(1, pairs.length);
  const R = targets.size;
  const membership = (response: 0 | 1): NdArray => {
    const data = new Float32Array(P * R);
    for (let p = 0; p < pairs.length; p++) {
      const own = rows.length + 2 * p + response;
      for (let r = 0; r < batch.row.length; r++) if (batch.row[r] === own) data[p * R + r] = 1;
    }
    return { data, dims: [P, R] };
  };
  const perPair = (value: (pair: WeightedPair) => number): NdArray => ({
    data: Float32Array.from({ length: P }, (_, p) => (p < pairs.length ? value(pairs[p]) : 0)),
    dims: [P],
  });
  return {
    ...targets.feeds,
    inverse: targets.inverse(batch),
    sft_weights: supervisedWeights(sftWeight, rows.length, batch, targets),
    chosen_of: membership(0),
    rejected_of: membership(1),
    reference_chosen: perPair(({ reference }) => reference.chosen),
    reference_rejected: perPair(({ reference }) => reference.rejected),
    pair_weights: perPair(({ weight }) => weight),
    lambda: scalarArray(lambda),
    beta: scalarArray(beta),
  };
}

/** A frozen copy's hidden states on the batch, and how much the distance from them counts. */
export function anchorFeeds(
  { rows, anchor, pairLoss }: HybridPass,
  batch: Batch,
  targets: ChunkedTargets,
  states: HiddenStates,
  layers: number,
): Record<string, NdArray> {
  const feeds: Record<string, NdArray> = {};
  if (anchor?.kl !== undefined || pairLoss === 'kl') feeds[referenceInput('final')] = states('final');
  if (anchor?.kl !== undefined) {
    feeds.kl_weights = supervisedWeights(anchor.kl, rows.length, batch, targets);
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

/** One weight at every target of the first rows, 0 at those of pairs, [chunks, targets per chunk]. */
function supervisedWeights(
  weight: number,
  rows: number,
  batch: Batch,
  { size, dims }: ChunkedTargets,
): NdArray {
  const data = new Float32Array(size);
  for (const [r, row] of batch.row.entries()) if (row < rows) data[r] = weight;
  return { data, dims };
}
