/** How well a score tells two groups apart. */
import { Random } from '../random.js';
import { type Estimate, percentiles, type Resampling } from './intervals.js';

/**
 * Area under the ROC curve: the probability that a positive scores higher than a negative,
 * ties counted half (Mann and Whitney 1947). The interval resamples both groups.
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
  return { value: area(positives, negatives), ...percentiles(values) };
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
