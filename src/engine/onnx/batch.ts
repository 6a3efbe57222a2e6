/**
 * Token rows to batches of a fixed shape [B, T].
 *
 * Two layouts: one row per line, padded; or several rows laid end to end in a line (packing), told
 * apart by segment numbers, each with positions from 0. Attention is to stay inside a segment.
 */

import { firstFitDecreasing } from '../../data/line-lengths.js';
import { ShapeError } from '../../errors.js';
import type { TokenRow } from '../../values/rows.js';
import type { HybridPass } from '../training-engine.js';

/**
 * What one forward pass reads. `b·T + t` addresses token t of line b.
 *
 * The last three arrays list the predictions that carry loss, in the order of the rows.
 */
export interface Batch {
  readonly B: number;
  readonly T: number;
  /** i32 [B·T]; 0 in padding. */
  readonly ids: Int32Array;
  /** i32 [B·T]; from 0 in every segment; 0 in padding. */
  readonly positions: Int32Array;
  /** i32 [B·T]; 1, 2, … within a line; 0 in padding. */
  readonly segments: Int32Array;
  /** Flat index of the hidden state that predicts, one before the target token. */
  readonly predictAt: Int32Array;
  /** Token that is to be predicted there. */
  readonly target: Int32Array;
  /** Row that the prediction belongs to, 0 … rows − 1. */
  readonly row: Int32Array;
}

/**
 * Lays a pass out: its rows, then its pairs' responses, chosen and rejected in turn. Row i of the batch
 * is row i of these. With pairs all rows are packed again: a long response would otherwise lengthen the
 * line of every short row.
 *
 * @throws ShapeError when the layout's lines do not hold the rows
 */
export function batchOf({ rows, pairs, layout }: HybridPass): Batch {
  if (layout && pairs.length === 0) {
    return layOut(rows, layout.lines, layout.lines.length, layout.length);
  }
  const all = [...rows, ...pairs.flatMap(({ chosen, rejected }) => [chosen, rejected])];
  const T = all.reduce((longest, { ids }) => Math.max(longest, ids.length), layout?.length ?? 1);
  return packRows(all, { T });
}

/**
 * One row per line. Lines beyond the rows are padding.
 *
 * @param T at least the longest row; default: that, rounded up to `multiple`
 * @param B at least the number of rows; default: that
 * @throws ShapeError when they do not fit
 */
export function padRows(
  rows: readonly TokenRow[],
  { B, T, multiple = 1 }: { B?: number; T?: number; multiple?: number } = {},
): Batch {
  const longest = rows.reduce((max, row) => Math.max(max, row.ids.length), 1);
  const lines = rows.map((_, i) => [i]);
  return layOut(rows, lines, B ?? rows.length, T ?? Math.ceil(longest / multiple) * multiple);
}

/**
 * Several rows per line. Row i of the batch is still row i of `rows`.
 *
 * @param T length of a line, at least the longest row
 * @param B default: as many lines as are needed
 * @throws ShapeError when they do not fit
 */
export function packRows(rows: readonly TokenRow[], { B, T }: { B?: number; T: number }): Batch {
  const lines = firstFitDecreasing(
    rows.map((row) => row.ids.length),
    T,
  );
  return layOut(rows, lines, B ?? lines.length, T);
}

/**
 * Lays rows out as the lines say.
 *
 * @param lines per line the indices of its rows, in order
 * @throws ShapeError when a line is longer than T or there are more than B
 */
function layOut(
  rows: readonly TokenRow[],
  lines: readonly (readonly number[])[],
  B: number,
  T: number,
): Batch {
  if (lines.length > B) throw new ShapeError({ what: `${lines.length} lines do not fit a batch of ${B}` });
  const ids = new Int32Array(B * T);
  const positions = new Int32Array(B * T);
  const segments = new Int32Array(B * T);
  const starts = new Int32Array(rows.length);
  for (const [b, line] of lines.entries()) {
    let at = b * T;
    for (const [s, i] of line.entries()) {
      const { length } = rows[i].ids;
      if (at + length > (b + 1) * T) {
        throw new ShapeError({ what: `the rows of line ${b} do not fit ${T} tokens`, where: rows[i].where });
      }
      ids.set(rows[i].ids, at);
      for (let t = 0; t < length; t++) positions[at + t] = t;
      segments.fill(s + 1, at, at + length);
      starts[i] = at;
      at += length;
    }
  }
  return { B, T, ids, positions, segments, ...predictions(rows, starts) };
}

function predictions(
  rows: readonly TokenRow[],
  starts: Int32Array,
): Pick<Batch, 'predictAt' | 'target' | 'row'> {
  const predictAt: number[] = [];
  const target: number[] = [];
  const row: number[] = [];
  for (const [i, { ids, lossMask }] of rows.entries()) {
    // From 1: the first token of a segment would be predicted by its neighbour's last.
    for (let t = 1; t < ids.length; t++) {
      if (lossMask[t] === 0) continue;
      predictAt.push(starts[i] + t - 1);
      target.push(ids[t]);
      row.push(i);
    }
  }
  return {
    predictAt: Int32Array.from(predictAt),
    target: Int32Array.from(target),
    row: Int32Array.from(row),
  };
}
