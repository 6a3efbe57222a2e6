/**
 * Calibrates the labels' probabilities: all wordings are tried on a few answers, the better ones on more (successive
 * halving: Karnin et al. 2013), and the best two are asked about all, with and without the prior correction, alone and
 * together. What is chosen is judged on folds that it was not fitted on.
 */
import type { Calibration } from '../conscience/calibration.js';
import type { Progress } from '../metrics/progress.js';
import { median } from '../statistics/median.js';
import type { AnswerPair, LabelledAnswer } from './answers.js';
import { type Candidate, choose, readableArea, readingOf } from './choose.js';
import { askAll, askingOf, type CalibrateOptions, calibrationFrom, measure } from './measuring.js';
import type { Asking, PartReview, Question } from './reviews.js';

/** A wording on the pairs that it was tried on. */
export interface Screened extends Question {
  readonly pairs: number;
  /** Null where nothing could be read. */
  readonly auc: number | null;
  /** Mean log-odds of the objection to careful and to careless answers, nats. */
  readonly careful: number;
  readonly careless: number;
  /** Median probability of both labels together. */
  readonly mass: number;
}

/** A calibration of the labels, and all wordings, the best first. */
export interface CalibratedLabels {
  readonly calibration: Calibration;
  readonly screened: readonly Screened[];
}

/** @returns undefined when the signal stopped it; the same call goes on */
export async function calibrateLabels(options: CalibrateOptions): Promise<CalibratedLabels | undefined> {
  const { pairs, wordings, format, progress, seed = 1 } = options;
  const { finalists = 2, falseAlarms = 0.02 } = options;
  const asking = askingOf(options);
  const { orders = ['last'] } = format;
  const questions = wordings.flatMap((framework) => orders.map((order): Question => ({ framework, order })));
  const rounds = roundsOf(questions.length, pairs.length, finalists);
  const kept = Math.min(finalists, questions.length);
  progress.note(
    `Up to ${reviewsIn(rounds) + kept * 3 * pairs.length} reviews: ${rounds.map(({ wordings: n, pairs: of }) => `${n} questions about ${2 * of} answers, `).join('')}the best ${kept} about ${2 * pairs.length}, and about ${pairs.length} requests with nothing to judge. An interrupted run is taken up again.`,
  );

  let screened: Screened[] = questions.map((question) => ({ ...question, ...UNTRIED }));
  for (const round of rounds) {
    const better = await tryOut(
      screened.slice(0, round.wordings),
      pairs.slice(0, round.pairs),
      asking,
      progress,
    );
    if (!better) return undefined;
    screened = [...better, ...screened.slice(round.wordings)];
  }
  const best = screened.slice(0, kept).map(({ framework, order }): Question => ({ framework, order }));
  const measured = await measure(pairs, best, { asking, progress, label: 'reviews' });
  if (!measured) return undefined;
  const choice = choose(measured.answers, candidatesOf(kept), { falseAlarms, seed });
  const { parts } = choice.candidate;
  return {
    calibration: calibrationFrom(options, falseAlarms, {
      reading: readingOf(choice, best),
      heldOut: choice.heldOut,
      reviews: measured.reviews.map((of) => parts.map((part) => of[part])),
    }),
    screened: screened.filter((one) => one.pairs > 0),
  };
}

interface Round {
  readonly wordings: number;
  readonly pairs: number;
}

/** Pairs of the first round; of the next one three times as many, with a third of the wordings. */
const FIRST_PAIRS = 6;

/** Rounds that leave the finalists. */
function roundsOf(wordings: number, pairs: number, finalists: number): Round[] {
  const rounds: Round[] = [];
  let of = FIRST_PAIRS;
  for (let left = wordings; left > finalists; left = Math.max(finalists, Math.ceil(left / 3))) {
    rounds.push({ wordings: left, pairs: Math.min(of, pairs) });
    of *= 3;
  }
  return rounds;
}

/** Reviews of all rounds, what one knows from the round before included. */
const reviewsIn = (rounds: readonly Round[]): number =>
  rounds.reduce((sum, { wordings, pairs }) => sum + 2 * wordings * pairs, 0);

const UNTRIED = { pairs: 0, auc: null, careful: Number.NaN, careless: Number.NaN, mass: 0 } as const;

/** Tries wordings on pairs. @returns the same, the best first; undefined when the signal stopped it */
async function tryOut(
  questions: readonly Question[],
  pairs: readonly AnswerPair[],
  asking: Asking,
  progress: Progress,
): Promise<Screened[] | undefined> {
  const answers = pairs.flat();
  const tried = await askAll(
    answers.map(({ item }) => item),
    questions,
    { asking, progress, label: `${questions.length} wordings` },
  );
  return (
    tried &&
    questions
      .map((question, q) =>
        screen(
          question,
          answers,
          tried.map((reviews) => reviews[q]),
        ),
      )
      .sort((a, b) => (b.auc ?? 0) - (a.auc ?? 0))
  );
}

/** Every finalist alone, and all together; each with and without the prior. */
function candidatesOf(parts: number): Candidate[] {
  const each = Array.from({ length: parts }, (_, part) => [part]);
  const sets = parts > 1 ? [...each, each.flat()] : each;
  return sets.flatMap((set) => (['off', 'neutral'] as const).map((prior) => ({ parts: set, prior })));
}

function screen(
  question: Question,
  answers: readonly LabelledAnswer[],
  reviews: readonly PartReview[],
): Screened {
  const of = (careless: boolean) =>
    reviews.flatMap(({ odds }, i) => (answers[i].careless === careless && odds !== null ? [odds] : []));
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const [careful, careless] = [of(false), of(true)];
  return {
    ...{ framework: question.framework, order: question.order ?? 'last', pairs: answers.length / 2 },
    auc: readableArea(careless, careful, answers.length),
    ...{ careful: mean(careful), careless: mean(careless), mass: median(reviews.map(({ mass }) => mass)) },
  };
}
