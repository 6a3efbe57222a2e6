/**
 * Whether a server's cross-entropy is the plain sum Σ w·(−log p): the hybrid loss is made of it.
 *
 * The gradient of rows with weights 1, 1, 1 and −5 is −2 times that of one row with weight 1. A server that divides by
 * the sum of the weights gives 1 times, one that divides by the number of tokens −½, by the sum of their sizes −¼.
 * Where the server says the gradient's norm, no weight moves. Else one small step is made with each on a model that
 * is thrown away, with constants that make AdamW plain gradient descent: how much likelier the row becomes is
 * proportional to the gradient.
 */
import { ConfigError } from '../../errors.js';
import type { OptimStep, RemoteModel } from './remote-model.js';
import type { Datum } from './wire.js';

const OTHERS = [1, 1, 1, -5];
/** Nearer to this many times the gradient of one row than to what a server that rescales gives. */
const TIMES = -2;
const [LEAST_RATIO, MOST_RATIO] = [1.4, 2.6];

/** Nothing moves. */
const STILL: OptimStep = {
  learningRate: 0,
  beta1: 0.9,
  beta2: 0.999,
  eps: 1,
  weightDecay: 0,
  maxGradNorm: 0,
};
/** With an eps that is large against every gradient, a step is −learningRate/eps times the gradient. */
const EPS = 1000;
/** A change of log-probability that stands out of rounding and is still nearly linear, nats. */
const [LEAST_GAIN, MOST_GAIN, WANTED_GAIN] = [0.1, 1, 0.4];
const ROUNDS = 8;

/** How the gradient of the rows compares with that of one: their norms, or what a step does. */
interface Measured {
  readonly ratio: number;
  readonly how: 'norm' | 'step';
}

/**
 * @param scratch a new model, which is not used for anything else
 * @param row     with weight 1 at its targets
 * @throws ConfigError when the server rescales, or does not learn from the row
 */
export async function requirePlainSum(scratch: RemoteModel, row: Datum): Promise<void> {
  const { ratio, how } = (await byNorm(scratch, row)) ?? (await bySteps(scratch, row));
  const right = how === 'norm' ? ratio : -ratio;
  if (right > LEAST_RATIO && right < MOST_RATIO) return;
  const expected = how === 'norm' ? Math.abs(TIMES) : TIMES;
  throw new ConfigError({
    where: scratch.session.name,
    what: 'its cross-entropy is not the plain sum of weighted losses, so that preference pairs would be learned wrongly',
    expected: `${expected} times the gradient of one row from rows with weights ${OTHERS.join(', ')}`,
    got: Number.isFinite(ratio) ? `${ratio.toFixed(2)} times` : 'none',
    next: 'train on a server that does not divide by the sum of the weights',
  });
}

const scaled = (row: Datum, factor: number): Datum => ({
  ...row,
  weights: row.weights.map((w) => w * factor),
});
const others = (row: Datum): Datum[] => OTHERS.map((factor) => scaled(row, factor));

async function byNorm(model: RemoteModel, row: Datum): Promise<Measured | undefined> {
  const normOf = async (data: readonly Datum[]) => {
    await model.forwardBackward(data, false);
    return gradNormOf(await model.optimStep(STILL));
  };
  const one = await normOf([row]);
  if (one === undefined) return undefined;
  return { how: 'norm', ratio: ((await normOf(others(row))) ?? Number.NaN) / one };
}

async function bySteps(model: RemoteModel, row: Datum): Promise<Measured> {
  const logp = async () => {
    const [output] = (await model.forward([row], false)).outputs;
    return output.get('logprobs')?.reduce((sum, x, t) => sum + (row.weights[t] ? x : 0), 0) ?? Number.NaN;
  };
  /** How much likelier the row becomes. */
  const gainOf = async (data: readonly Datum[], size: number) => {
    const before = await logp();
    await model.forwardBackward(data, false);
    const constants = { beta1: 0, beta2: 0, eps: EPS, weightDecay: 0, maxGradNorm: 0 };
    await model.optimStep({ ...constants, learningRate: EPS * size });
    return (await logp()) - before;
  };
  let [size, gain] = [1e-3, 0];
  for (let round = 0; round < ROUNDS; round++) {
    gain = await gainOf([row], size);
    if (gain >= LEAST_GAIN && gain <= MOST_GAIN) break;
    size *= Math.min(30, Math.max(1 / 30, WANTED_GAIN / Math.max(gain, 1e-9)));
  }
  // −2 times as large a step would no longer be linear: half of it, and twice what it does
  return { how: 'step', ratio: (2 * (await gainOf(others(row), size / 2))) / gain };
}

/** The gradient's norm among what a server says of a step; undefined where it is not there. */
export function gradNormOf(metrics: Readonly<Record<string, number>>): number | undefined {
  const name = Object.keys(metrics).find((key) => /(^|[/:._])grad(ient)?_norm([:/]|$)/i.test(key));
  return name === undefined ? undefined : metrics[name];
}
