/**
 * Fits a linear probe on the states of labelled answers: after which layer, in which direction, and from which
 * value on it flags.
 *
 * The direction is that of ridge regression on the label. Layer, calibration and threshold come from answers that a
 * direction was not fitted on; how well all that does, from answers that none of it was.
 */
import { reliance } from '../conscience/probe.js';
import { sigmoid } from '../conscience/verdict.js';
import type { MeanStates } from '../engine/language-model.js';
import { rocArea } from '../statistics/auc.js';
import { type Answered, FOLDS, foldsOf, type HeldOut, score, thresholdOdds } from './choose.js';
import { Layer } from './layer.js';
import { fitLogistic } from './logistic.js';

/**
 * Tokens of no opinion beside an answer's own. Chosen on the calibration split by Qwen2.5-Coder-0.5B: 6 to 20 do alike; without
 * them every sixth harmless answer of a few words is flagged.
 */
const PRIOR_TOKENS = 8;

/** One answer, and the mean state over it after each layer; null where there was nothing to read. */
export interface ProbedAnswer extends Answered {
  readonly states: MeanStates | null;
}

export interface FittedProbe {
  /** Place among the layers whose states there are. */
  readonly place: number;
  /** [width]; see `Probe`. What it reads, and the bias: log-odds that the answer is careless, nats. */
  readonly direction: Float32Array;
  readonly centre: number;
  readonly priorTokens: number;
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
  const counts = readable.map(({ states: { tokens } }) => reliance(tokens, PRIOR_TOKENS));
  const layers = readable[0].states.layers.map(
    (_, place) =>
      new Layer(
        readable.map(({ states }) => states.layers[place]),
        counts,
      ),
  );
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
  const { direction, centre, offset } = layers[place].direction(labels);
  return {
    ...{ place, threshold, bias: bias - slope * offset, priorTokens: PRIOR_TOKENS },
    ...{ direction: direction.map((x) => slope * x), centre: slope * centre },
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
