/**
 * Fits a linear probe on the states of labelled answers: after which layer, in which direction, and from which
 * value on it flags.
 *
 * The direction is that of ridge regression on the label, of states in units of their standard deviations, in its
 * dual form (Saunders et al. 1998), as there are fewer answers than dimensions. Layer, calibration and threshold
 * come from answers that a direction was not fitted on; how well all that does, from answers that none of it was.
 */
import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import { sigmoid } from '../conscience/verdict.js';
import { rocArea } from '../statistics/auc.js';
import { type Answered, FOLDS, foldsOf, type HeldOut, score, thresholdOdds } from './choose.js';
import { fitLogistic } from './logistic.js';

/**
 * Weight of the penalty, in units of the mean square of a state. Chosen on the calibration split by Qwen2.5-Coder-0.5B,
 * where 0.3 and 1 do alike and less does worse.
 */
const RIDGE = 1;

/** One answer, and the mean state over it after each layer; null where there was nothing to read. */
export interface ProbedAnswer extends Answered {
  readonly states: readonly Float32Array[] | null;
}

export interface FittedProbe {
  /** Place among the layers whose states there are. */
  readonly place: number;
  /** [width]; its product with a state, and the bias: log-odds that the answer is careless, nats. */
  readonly direction: Float32Array;
  readonly bias: number;
  readonly threshold: number;
  readonly heldOut: HeldOut;
}

/**
 * The best probe, fitted on all answers, and how one that was made in the same way does on answers that it has not seen.
 *
 * @param answers at least one of each kind that can be read
 */
export function fitProbe(
  answers: readonly ProbedAnswer[],
  { falseAlarms, seed }: { falseAlarms: number; seed: number },
): FittedProbe {
  const folds = foldsOf(answers, seed);
  const readable = answers.flatMap(({ states, careless }, i) =>
    states ? [{ at: i, states, careless, fold: folds[i] }] : [],
  );
  const layers = readable[0].states.map((_, place) => new Layer(readable.map(({ states }) => states[place])));
  const labels = readable.map(({ careless }) => careless);
  const all = readable.map((_, i) => i);
  const among = (rows: readonly number[]) => rows.map((i) => ({ i, fold: readable[i].fold }));
  const ruleOf = (rows: readonly number[]) => fitRule(layers, labels, among(rows), falseAlarms);

  const shares: ({ odds: number; flagged: boolean } | null)[] = answers.map(() => null);
  for (let fold = 0; fold < FOLDS; fold++) {
    const held = all.filter((i) => readable[i].fold === fold);
    const rest = all.filter((i) => readable[i].fold !== fold);
    const rule = ruleOf(rest);
    const scores = layers[rule.place].scores(rest, labels, held);
    for (const [k, i] of held.entries()) {
      const odds = rule.bias + rule.slope * scores[k];
      shares[readable[i].at] = { odds, flagged: sigmoid(odds) >= rule.threshold };
    }
  }
  const { place, slope, bias, threshold } = ruleOf(all);
  const { direction, offset } = layers[place].direction(labels);
  return {
    ...{ place, threshold, bias: bias - slope * offset },
    direction: direction.map((x) => slope * x),
    heldOut: score(answers, shares),
  };
}

interface Rule {
  readonly place: number;
  readonly slope: number;
  readonly bias: number;
  readonly threshold: number;
}

/** Layer, calibration and threshold by what directions say of the folds that they were not fitted on. */
function fitRule(
  layers: readonly Layer[],
  labels: readonly boolean[],
  rows: readonly { readonly i: number; readonly fold: number }[],
  falseAlarms: number,
): Rule {
  const folds = [...new Set(rows.map(({ fold }) => fold))];
  const of = (wanted: (fold: number) => boolean) => rows.filter(({ fold }) => wanted(fold)).map(({ i }) => i);
  const split = <T>(scores: ReadonlyMap<number, T>, careless: boolean): T[] =>
    [...scores].flatMap(([i, one]) => (labels[i] === careless ? [one] : []));
  const judged = layers.map((layer, place) => {
    const scores = new Map<number, number>();
    for (const fold of folds) {
      const held = of((one) => one === fold);
      const said = layer.scores(
        of((one) => one !== fold),
        labels,
        held,
      );
      for (const [k, i] of held.entries()) scores.set(i, said[k]);
    }
    return { place, scores, area: rocArea(split(scores, true), split(scores, false)) ?? 0 };
  });
  const { place, scores } = judged.reduce((best, one) => (one.area > best.area ? one : best));
  const { slope, bias } = fitLogistic(
    [...scores.values()],
    [...scores.keys()].map((i) => labels[i]),
  );
  const odds = new Map([...scores].map(([i, one]) => [i, bias + slope * one]));
  const limit = thresholdOdds(split(odds, false), split(odds, true), falseAlarms);
  return { place, slope, bias, threshold: sigmoid(limit) };
}

/** Answers' states after one layer, and their products with one another. */
class Layer {
  private readonly scale: Float64Array;
  /** Products of scaled states, [answers, answers]. */
  private readonly products: Matrix;

  constructor(private readonly states: readonly Float32Array[]) {
    const width = states[0].length;
    this.scale = Float64Array.from({ length: width }, (_, d) => 1 / (deviation(states, d) || 1));
    const scaled = new Matrix(states.map((state) => Array.from(state, (x, d) => x * this.scale[d])));
    // products of what is left when the mean is taken away lose fewer digits
    scaled.center('column');
    this.products = scaled.mmul(scaled.transpose());
  }

  /** What a direction that is fitted on some rows says of others. */
  scores(fitted: readonly number[], labels: readonly boolean[], rows: readonly number[]): number[] {
    const factors = this.factors(fitted, labels);
    const said = (i: number) => fitted.reduce((sum, j, k) => sum + factors[k] * this.products.get(i, j), 0);
    const mean = fitted.reduce((sum, i) => sum + said(i), 0) / fitted.length;
    return rows.map((i) => said(i) - mean);
  }

  /** The direction that is fitted on all rows, in the states' own units; the offset is taken from its product. */
  direction(labels: readonly boolean[]): { direction: Float32Array; offset: number } {
    const { states, scale } = this;
    const factors = this.factors(
      states.map((_, i) => i),
      labels,
    );
    const direction = new Float32Array(scale.length);
    for (let d = 0; d < scale.length; d++) {
      direction[d] = states.reduce((sum, state, i) => sum + factors[i] * state[d], 0) * scale[d] ** 2;
    }
    const products = states.map((state) => state.reduce((sum, x, d) => sum + x * direction[d], 0));
    return { direction, offset: products.reduce((a, b) => a + b, 0) / products.length };
  }

  /** The dual solution: a factor for each row; they add up to 0. */
  private factors(rows: readonly number[], labels: readonly boolean[]): number[] {
    const kernel = this.products.selection([...rows], [...rows]);
    kernel.center('column').center('row');
    const n = rows.length;
    const penalty = (RIDGE * kernel.trace()) / n + 1e-9;
    for (let i = 0; i < n; i++) {
      kernel.set(i, i, kernel.get(i, i) + penalty);
      // centring rounds one half otherwise than the other
      for (let j = 0; j < i; j++) kernel.set(i, j, kernel.get(j, i));
    }
    const signs = rows.map((i) => (labels[i] ? 1 : -1));
    const mean = signs.reduce((a, b) => a + b, 0) / n;
    const centred = Matrix.columnVector(signs.map((sign) => sign - mean));
    return new CholeskyDecomposition(kernel).solve(centred).getColumn(0);
  }
}

function deviation(states: readonly Float32Array[], d: number): number {
  const mean = states.reduce((sum, state) => sum + state[d], 0) / states.length;
  return Math.sqrt(states.reduce((sum, state) => sum + (state[d] - mean) ** 2, 0) / states.length);
}
