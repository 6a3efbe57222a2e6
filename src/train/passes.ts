/** One optimiser step's rows as passes of the engine: supervised rows and pairs in one batch. */
import type { TokenRow } from '../data/rows.js';
import type { HybridBatch } from '../engine/engine.js';
import { type Batch, firstFitDecreasing, layOut } from './batches.js';
import type { TrainingPair } from './pairs.js';

/** Weights of the losses. */
export interface LossConfig {
  readonly lambda: number;
  readonly beta: number;
}

/**
 * @param passes supervised batches of one step, as the stream gave them
 * @param rows   the rows that `batch.source` counts
 * @returns      as many passes; their losses add up to the means over all targets and all pairs
 */
export function hybridPasses(
  passes: readonly Batch[],
  rows: readonly TokenRow[],
  pairs: readonly TrainingPair[],
  { lambda, beta }: LossConfig,
): HybridBatch[] {
  const targets = passes.reduce((sum, { target }) => sum + target.length, 0);
  return passes.map((pass, p) => {
    const own = pairs.filter((_, i) => i % passes.length === p);
    const batch = own.length === 0 ? pass : withPairs(pass, rows, own);
    const supervised = pass.source.length;
    return {
      batch,
      sftWeights: Float32Array.from(batch.row, (row) => (row < supervised ? 1 / targets : 0)),
      pairs: own.map(({ reference }, i) => ({
        chosen: supervised + 2 * i,
        rejected: supervised + 2 * i + 1,
        reference,
        weight: 1 / pairs.length,
      })),
      lambda,
      beta,
    };
  });
}

/** The batch with the responses of pairs behind its rows, several to a line where they fit. */
function withPairs(pass: Batch, rows: readonly TokenRow[], pairs: readonly TrainingPair[]): Batch {
  const supervised = Array.from(pass.source, (i) => rows[i]);
  const responses = pairs.flatMap(({ chosen, rejected }) => [chosen, rejected]);
  const T = Math.max(pass.T, ...responses.map(({ ids }) => ids.length));
  const lines = [
    ...linesOf(pass),
    ...firstFitDecreasing(
      responses.map(({ ids }) => ids.length),
      T,
    ).map((line) => line.map((i) => supervised.length + i)),
  ];
  return layOut([...supervised, ...responses], lines, lines.length, T);
}

/** Which rows stand on which line, read off the places of their targets. */
function linesOf({ row, predictAt, T }: Batch): number[][] {
  const lines: number[][] = [];
  const seen = new Set<number>();
  for (const [k, r] of row.entries()) {
    if (seen.has(r)) continue;
    seen.add(r);
    const line = Math.floor(predictAt[k] / T);
    (lines[line] ??= []).push(r);
  }
  return lines.filter((line) => line !== undefined);
}
