/** How well a score tells two groups apart. */
import { Random } from '../random.js';
import { type Estimate, percentiles, type Resampling, wilson } from './intervals.js';

/**
 * Area under the ROC curve: the probability that a positive scores higher than a negative,
 * ties counted half (Mann and Whitney 1947). The interval resamples both groups; where every resample is alike,
 * as when two and two answers are told apart, it is Wilson's over as many as the smaller group has.
 *
 * @returns null where either group is empty
 */
export function auc(
  positives: readonly number[],
  negatives: readonly number[],
  { draws = 1000, seed = 0 }: Resampling = {},
): Estimate | null {
  if (positives.length === 0 || negatives.length === 0) return null;
  const random = new Random(seed, 'auc');
  const again = (scores: readonly number[]) => scores.map(() => scores[random.int(scores.length)]);
  const values = Array.from({ length: draws }, () => area(again(positives), again(negatives)));
  const value = area(positives, negatives);
  const { low, high } = percentiles(values);
  if (low < high) return { value, low, high };
  const count = Math.min(positives.length, negatives.length);
  return { ...wilson(value * count, count)!, value };
}

/** From the ranks of the positives among all scores: U / (m·n). */
function area(positives: readonly number[], negatives: readonly number[]): number {
  const all = [
    ...positives.map((score) => ({ score, one: true })),
    ...negatives.map((score) => ({ score, one: false })),
  ];
  all.sort((a, b) => a.score - b.score);
  let rankSum = 0;
  for (let begin = 0; begin < all.length; ) {
    let end = begin;
    while (end < all.length && all[end].score === all[begin].score) end++;
    const rank = (begin + 1 + end) / 2;
    rankSum += rank * all.slice(begin, end).filter(({ one }) => one).length;
    begin = end;
  }
  const m = positives.length;
  return (rankSum - (m * (m + 1)) / 2) / (m * negatives.length);
}
