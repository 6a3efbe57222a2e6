/**
 * Order and division of a dataset, from a seed: the evaluation split and the order of each epoch.
 */
import { DataError } from '../errors.js';
import { Random } from '../random.js';

/** Rows to train on and rows held out, each in the order of the dataset. */
export interface Split<Row> {
  readonly train: Row[];
  readonly evaluation: Row[];
}

/**
 * Holds out a random part of the rows. The same seed and number of rows give the same part.
 *
 * @param evalSplit share of the rows if below 1 (at least one row, unless 0), else their number
 * @throws DataError when nothing would be left to train on
 */
export function splitRows<Row>(rows: readonly Row[], evalSplit: number, seed: number): Split<Row> {
  const wanted = evalSplit < 1 ? Math.ceil(evalSplit * rows.length) : Math.round(evalSplit);
  if (wanted > 0 && wanted >= rows.length) {
    throw new DataError({
      what: `an evaluation split of ${wanted} rows leaves none to train on`,
      expected: `fewer than the ${rows.length} rows of the dataset`,
      next: 'lower eval_split, or set it to 0',
    });
  }
  const order = new Random(seed, 'eval split').shuffle(Int32Array.from(rows.keys()));
  const heldOut = new Set(order.subarray(0, wanted));
  return {
    train: rows.filter((_, i) => !heldOut.has(i)),
    evaluation: rows.filter((_, i) => heldOut.has(i)),
  };
}

/** Row numbers 0 … n − 1 in the order in which an epoch reads them. */
export function epochOrder(n: number, seed: number, epoch: number): Int32Array {
  return new Random(seed, 'epoch', epoch).shuffle(Int32Array.from({ length: n }, (_, i) => i));
}
