/** How well a score tells two groups apart. */
import { Random } from '../random.js';
import { combinedT95, fewDiffer, type Studentised, studentised, type Variance } from './bootstrap-t.js';
import { type Estimate, type Resampling, wilson } from './intervals.js';

/** How many of a group have each of the different scores, in ascending order of the scores. */
type Counts = Float64Array;

/**
 * Area under the ROC curve with a 95 % bootstrap-t interval: the probability that a positive scores higher than a
 * negative, ties counted half. Mann and Whitney 1947, Ann. Math. Stat. 18.
 *
 * Both groups are resampled. The standard error is that of DeLong et al. 1988, Biometrics 44. Where it is 0, as when
 * two and two answers are told apart, the interval is Wilson's over as many as the smaller group has.
 *
 * @returns dimensionless, in [0, 1]; null where either group is empty
 */
export function auc(
  positives: readonly number[],
  negatives: readonly number[],
  { draws = 1000, seed = 0 }: Resampling = {},
): Estimate | null {
  const least = Math.min(positives.length, negatives.length);
  if (least === 0) return null;
  const { ofPositives, ofNegatives, size } = ranks(positives, negatives);
  const observed = area(countsOf(ofPositives, size), countsOf(ofNegatives, size));
  const { value, error, variances } = observed;
  if (least < 2 || error === 0) return { ...wilson(value * least, least)!, value };
  const random = new Random(seed, 'auc');
  const again = (group: readonly number[]) =>
    countsOf(
      group.map(() => group[random.int(group.length)]),
      size,
    );
  const t = studentised(observed, draws, () => area(again(ofPositives), again(ofNegatives)));
  if (t === null) return { value, ...fewDiffer(value, combinedT95(variances), [0, 1]) };
  return { value, low: Math.max(0, value - t.high * error), high: Math.min(1, value - t.low * error) };
}

/** The area alone. @returns null where either group is empty */
export function rocArea(positives: readonly number[], negatives: readonly number[]): number | null {
  if (positives.length === 0 || negatives.length === 0) return null;
  const { ofPositives, ofNegatives, size } = ranks(positives, negatives);
  return area(countsOf(ofPositives, size), countsOf(ofNegatives, size)).value;
}

/** Which of the `size` different scores each has, in ascending order. */
function ranks(positives: readonly number[], negatives: readonly number[]) {
  const different = [...new Set([...positives, ...negatives])].sort((a, b) => a - b);
  const at = new Map(different.map((score, i) => [score, i]));
  const of = (group: readonly number[]) => group.map((score) => at.get(score)!);
  return { ofPositives: of(positives), ofNegatives: of(negatives), size: different.length };
}

function countsOf(group: readonly number[], size: number): Counts {
  const counts = new Float64Array(size);
  for (const rank of group) counts[rank] += 1;
  return counts;
}

/**
 * The area and its standard error: each of the m positives beats a share v of the n negatives, each negative is beaten by
 * a share w of the positives; their mean is the area, and se² = s²(v)/m + s²(w)/n.
 */
function area(positives: Counts, negatives: Counts): Studentised & { readonly variances: Variance[] } {
  const [m, n] = [total(positives), total(negatives)];
  let [wins, squaresOfPositives, squaresOfNegatives] = [0, 0, 0];
  let [positivesBelow, negativesBelow] = [0, 0];
  for (let rank = 0; rank < positives.length; rank++) {
    const beaten = negativesBelow + negatives[rank] / 2;
    const beating = m - positivesBelow - positives[rank] / 2;
    wins += positives[rank] * beaten;
    squaresOfPositives += positives[rank] * (beaten / n) ** 2;
    squaresOfNegatives += negatives[rank] * (beating / m) ** 2;
    positivesBelow += positives[rank];
    negativesBelow += negatives[rank];
  }
  const value = wins / (m * n);
  const variances = [
    { variance: variance(squaresOfPositives, value, m) / m, freedom: m - 1 },
    { variance: variance(squaresOfNegatives, value, n) / n, freedom: n - 1 },
  ].filter(({ variance }) => variance > 0);
  return { value, variances, error: Math.sqrt(variances.reduce((sum, { variance }) => sum + variance, 0)) };
}

/** Variance of values with this sum of squares and this mean; 0 where only rounding is left of it. */
function variance(squares: number, mean: number, count: number): number {
  const sum = squares - count * mean ** 2;
  return sum > 1e-12 * squares ? sum / (count - 1) : 0;
}

const total = (counts: Counts) => counts.reduce((a, b) => a + b, 0);
