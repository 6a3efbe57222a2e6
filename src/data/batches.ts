/**
 * Token rows to batches of a fixed shape [B, T].
 *
 * Two layouts: one row per line, padded; or several rows laid end to end in a line (packing), told
 * apart by segment numbers, each with positions from 0. Attention is to stay inside a segment.
 * Which rows come together is batch-stream.ts's business.
 */

import { ShapeError } from '../errors.js';
import type { TokenRow } from '../values/rows.js';

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
  /** Number of token rows laid out. */
  readonly rows: number;
  /** Tokens that are no padding. */
  readonly tokens: number;
  /** i32 [rows]; which of the stream's token rows stands here as row i. */
  readonly source: Int32Array;
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
 * @param source stream index of each row; default: its index in `rows`
 * @throws ShapeError when a line is longer than T or there are more than B
 */
export function layOut(
  rows: readonly TokenRow[],
  lines: readonly (readonly number[])[],
  B: number,
  T: number,
  source: Int32Array = Int32Array.from(rows.keys()),
): Batch {
  if (lines.length > B) throw new ShapeError({ what: `${lines.length} lines do not fit a batch of ${B}` });
  const ids = new Int32Array(B * T);
  const positions = new Int32Array(B * T);
  const segments = new Int32Array(B * T);
  const starts = new Int32Array(rows.length);
  let tokens = 0;
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
      tokens += length;
    }
  }
  return { B, T, ids, positions, segments, ...predictions(rows, starts), rows: rows.length, tokens, source };
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

/**
 * First-fit decreasing bin packing: the longest first, each into the first line with room.
 * At most 11/9 of the best number of lines, plus 6/9 (Dósa 2007).
 *
 * @returns per line the indices of its rows
 */
export function firstFitDecreasing(lengths: readonly number[], capacity: number): number[][] {
  const order = [...lengths.keys()].sort((i, j) => lengths[j] - lengths[i] || i - j);
  const lines: number[][] = [];
  const room: number[] = [];
  for (const i of order) {
    let line = room.findIndex((left) => left >= lengths[i]);
    if (line < 0) line = lines.push([]) - 1;
    lines[line].push(i);
    room[line] = (room[line] ?? capacity) - lengths[i];
  }
  return lines;
}

/**
 * The line lengths T that a dataset is padded to: at most `most` multiples of `multiple`, chosen so
 * that the rows get the least padding. Each length costs the engine a graph.
 *
 * @param lengths tokens per row
 * @returns ascending; the last holds the longest row
 */
export function bucketLengths(lengths: readonly number[], multiple: number, most: number): number[] {
  const longest = lengths.reduce((max, n) => Math.max(max, n), 1);
  const last = Math.ceil(longest / multiple);
  // rowsUpTo[k]: how many rows are no longer than k multiples.
  const rowsUpTo = new Float64Array(last + 1);
  for (const n of lengths) rowsUpTo[Math.max(1, Math.ceil(n / multiple))]++;
  for (let k = 1; k <= last; k++) rowsUpTo[k] += rowsUpTo[k - 1];
  // cost[k]: least padded size of the rows up to k, when k is a bucket and so many may be used;
  // choice[k]: the bucket below k that gives it.
  let cost = rowsUpTo.map((n, k) => n * k);
  const choices: Int32Array[] = [];
  for (let used = 2; used <= Math.min(most, last); used++) {
    const better = cost.slice();
    const choice = new Int32Array(last + 1);
    for (let k = 1; k <= last; k++) {
      for (let j = 1; j < k; j++) {
        const total = cost[j] + (rowsUpTo[k] - rowsUpTo[j]) * k;
        if (total < better[k]) [better[k], choice[k]] = [total, j];
      }
    }
    cost = better;
    choices.push(choice);
  }
  let k = last;
  const buckets = [k * multiple];
  for (const choice of choices.reverse()) {
    if (choice[k] === 0) continue; // One bucket fewer does as well here.
    k = choice[k];
    buckets.unshift(k * multiple);
  }
  return buckets;
}
