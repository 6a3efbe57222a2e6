/**
 * Ridge regression of a label on answers' states after one layer, in units of their standard deviations.
 *
 * In its dual form (Saunders et al. 1998), as it is fitted on many subsets of the same answers, whose products with one another are
 * computed once; solved by conjugate gradients (Hestenes and Stiefel 1952).
 */

/**
 * Weight of the penalty, in units of the mean square of a state. Chosen on the calibration split by Qwen2.5-Coder-0.5B,
 * where 0.3 and 1 do alike and less does worse.
 */
const RIDGE = 1;

/** What is left of the residual when the solution is taken, as a share of the labels. */
const TOLERANCE = 1e-7;

/** Answers' states after one layer, and their products with one another. */
export class Layer {
  /** Mean state, [width]. */
  private readonly mean: Float64Array;
  private readonly scale: Float64Array;
  /** Products of states less their mean, as far as they count, and scaled; [answer][answer]. */
  private readonly products: readonly Float64Array[];

  /** @param counts how much each state counts, in (0, 1] */
  constructor(
    private readonly states: readonly Float32Array[],
    private readonly counts: readonly number[],
  ) {
    const width = states[0].length;
    const over = (sum: (total: number, state: Float32Array, i: number) => number) =>
      states.reduce(sum, 0) / states.length;
    this.mean = Float64Array.from({ length: width }, (_, d) => over((sum, state) => sum + state[d]));
    this.scale = Float64Array.from({ length: width }, (_, d) => {
      const square = over((sum, state, i) => sum + (counts[i] * (state[d] - this.mean[d])) ** 2);
      return 1 / (Math.sqrt(square) || 1);
    });
    const scaled = states.map((state, i) =>
      Float64Array.from(state, (x, d) => counts[i] * (x - this.mean[d]) * this.scale[d]),
    );
    this.products = scaled.map(() => new Float64Array(states.length));
    for (const [i, row] of scaled.entries()) {
      for (let j = 0; j <= i; j++) this.products[i][j] = this.products[j][i] = dot(row, scaled[j]);
    }
  }

  /** What a direction that is fitted on some rows says of others. */
  scores(fitted: readonly number[], labels: readonly boolean[], rows: readonly number[]): number[] {
    const factors = this.factors(fitted, labels);
    const whole = new Float64Array(this.states.length);
    for (const [k, j] of fitted.entries()) whole[j] = factors[k];
    const said = (i: number) => dot(this.products[i], whole);
    const mean = fitted.reduce((sum, i) => sum + said(i), 0) / fitted.length;
    return rows.map((i) => said(i) - mean);
  }

  /** The direction that is fitted on all rows, in the states' own units, its product with the mean, and what is taken from what it reads. */
  direction(labels: readonly boolean[]): { direction: Float32Array; centre: number; offset: number } {
    const { states, counts, mean, scale } = this;
    const factors = this.factors(
      states.map((_, i) => i),
      labels,
    );
    const direction = new Float32Array(scale.length);
    for (let d = 0; d < scale.length; d++) {
      const sum = states.reduce((all, state, i) => all + factors[i] * counts[i] * (state[d] - mean[d]), 0);
      direction[d] = sum * scale[d] ** 2;
    }
    const centre = mean.reduce((sum, x, d) => sum + x * direction[d], 0);
    const read = (state: Float32Array, i: number) =>
      counts[i] * (state.reduce((sum, x, d) => sum + x * direction[d], 0) - centre);
    return {
      direction,
      centre,
      offset: states.reduce((sum, state, i) => sum + read(state, i), 0) / states.length,
    };
  }

  /** The dual solution: a factor for each row; they add up to 0. */
  private factors(rows: readonly number[], labels: readonly boolean[]): Float64Array {
    const n = rows.length;
    const kernel = rows.map((i) => {
      const [of, row] = [this.products[i], new Float64Array(n)];
      for (let k = 0; k < n; k++) row[k] = of[rows[k]];
      return row;
    });
    const sums = kernel.map((row) => row.reduce((a, b) => a + b, 0));
    const trace = kernel.reduce((sum, row, i) => sum + row[i], 0) - sums.reduce((a, b) => a + b, 0) / n;
    const penalty = (RIDGE * trace) / n + 1e-9;
    // of the kernel of states less their mean over these rows
    const apply = (x: Float64Array) => {
      const product = centred(Float64Array.from(kernel, (row) => dot(row, x)));
      return product.map((value, i) => value + penalty * x[i]);
    };
    return solve(apply, centred(Float64Array.from(rows, (i) => (labels[i] ? 1 : -1))));
  }
}

/** The solution of a symmetric positive definite system. @param apply its product with a vector */
function solve(apply: (x: Float64Array) => Float64Array, right: Float64Array): Float64Array {
  const solution = new Float64Array(right.length);
  const residual = right.slice();
  const direction = right.slice();
  const enough = TOLERANCE ** 2 * dot(right, right);
  let square = dot(residual, residual);
  for (let step = 0; step < right.length && square > enough; step++) {
    const image = apply(direction);
    const length = square / dot(direction, image);
    for (let i = 0; i < right.length; i++) {
      solution[i] += length * direction[i];
      residual[i] -= length * image[i];
    }
    const next = dot(residual, residual);
    for (let i = 0; i < right.length; i++) direction[i] = residual[i] + (next / square) * direction[i];
    square = next;
  }
  return solution;
}

function centred(values: Float64Array): Float64Array {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return values.map((value) => value - mean);
}

/** In four sums, which do not wait for one another. */
function dot(a: Float64Array, b: Float64Array): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  const whole = a.length - (a.length % 4);
  for (let i = 0; i < whole; i += 4) {
    s0 += a[i] * b[i];
    s1 += a[i + 1] * b[i + 1];
    s2 += a[i + 2] * b[i + 2];
    s3 += a[i + 3] * b[i + 3];
  }
  for (let i = whole; i < a.length; i++) s0 += a[i] * b[i];
  return s0 + s1 + (s2 + s3);
}
