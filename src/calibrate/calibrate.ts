/**
 * Calibrates a model's conscience: which of the introspective question's wordings it answers best, and from which
 * certainty on it should flag.
 *
 * All wordings are tried on a few answers; the best of them are asked about all, with and without the prior
 * correction, alone and together. What is chosen is judged on folds that it was not fitted on.
 */
import type { Calibration } from '../conscience/calibration.js';
import type { ReviewFormat } from '../conscience/format.js';
import type { Framework } from '../conscience/frameworks.js';
import type { Reading } from '../conscience/reading.js';
import type { LanguageModel } from '../engine/language-model.js';
import { openPlanned } from '../evaluate/store.js';
import type { Progress } from '../metrics/progress.js';
import { rocArea } from '../statistics/auc.js';
import type { AnswerPair, LabelledAnswer } from './answers.js';
import { type Candidate, choose, type HeldOut, judge, type MeasuredAnswer, readingOf } from './choose.js';
import { type Asking, missing, type PartReview, type Question, reviewsOf } from './reviews.js';
import { qualityOf, sentenceOf } from './sentence.js';

/** Whose conscience is measured, and on what. */
export interface Measuring {
  /** Name and SHA-256 of the weights. */
  readonly model: { readonly name: string; readonly hash: string };
  readonly conscience: LanguageModel;
  readonly format: ReviewFormat;
  /** Of each domain in turn; at least ten. */
  readonly pairs: readonly AnswerPair[];
  /** What the pairs are called. */
  readonly dataName: string;
  /** Folder of the reviews; a later call asks nothing twice. */
  readonly folder: string;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

export interface CalibrateOptions extends Measuring {
  /** Wordings that are tried; at least one. */
  readonly wordings: readonly Framework[];
  /** Pairs on which all wordings are tried. Default 16. */
  readonly screened?: number;
  /** Wordings that are asked about all pairs. Default 2. */
  readonly finalists?: number;
  /** Share of careful answers that may be flagged. Default 0.02. */
  readonly falseAlarms?: number;
  readonly seed?: number;
}

/** A wording on the pairs that all were tried on. */
export interface Screened extends Question {
  /** Null where nothing could be read. */
  readonly auc: number | null;
  /** Mean log-odds of the objection to careful and to careless answers, nats. */
  readonly careful: number;
  readonly careless: number;
  /** Median probability of both labels together. */
  readonly mass: number;
}

export interface Calibrated {
  readonly calibration: Calibration;
  /** All wordings, the best first. */
  readonly screened: readonly Screened[];
}

/** @returns undefined when the signal stopped it; the same call goes on */
export async function calibrate(options: CalibrateOptions): Promise<Calibrated | undefined> {
  const { pairs, wordings, format, progress, seed = 1 } = options;
  const { screened: few = 16, finalists = 2, falseAlarms = 0.02 } = options;
  const asking = askingOf(options, wordings[0]);
  const { orders = ['last'] } = format;
  const questions = wordings.flatMap((framework) => orders.map((order): Question => ({ framework, order })));
  const first = pairs.slice(0, few).flat();
  const all = pairs.flat();
  const kept = Math.min(finalists, questions.length);
  const most = questions.length * first.length + kept * (all.length - first.length) + kept * pairs.length;
  progress.note(
    `Up to ${most} reviews: ${questions.length} questions about ${first.length} answers, the best ${kept} about all ${all.length}, and what they say where there is nothing to judge. An interrupted run is taken up again.`,
  );

  const tried = await askAll(first, questions, asking, progress, { label: 'wordings' });
  if (!tried) return undefined;
  const screened = questions
    .map((question, q) =>
      screen(
        question,
        first,
        tried.map((reviews) => reviews[q]),
      ),
    )
    .sort((a, b) => (b.auc ?? 0) - (a.auc ?? 0));
  const best = screened.slice(0, kept).map(({ framework, order }): Question => ({ framework, order }));
  const asked = await askAll(all, best, asking, progress, { label: 'reviews', prior: true });
  if (!asked) return undefined;
  const choice = choose(measuredOf(all, asked), candidatesOf(kept), { falseAlarms, seed });
  const { parts } = choice.candidate;
  return {
    calibration: calibrationOf(options, falseAlarms, {
      reading: readingOf(choice, best),
      heldOut: choice.heldOut,
      reviews: asked.map((of) => parts.map((part) => of[part])),
    }),
    screened,
  };
}

/**
 * Measures a calibration that there is, on other answers.
 *
 * @returns the same with these numbers; undefined when the signal stopped it
 */
export async function testCalibration(
  { reading, falseAlarms }: Calibration,
  options: Measuring,
): Promise<Calibration | undefined> {
  const { pairs, progress } = options;
  const questions = reading.parts.map(({ framework, order = 'last' }): Question => ({ framework, order }));
  const all = pairs.flat();
  const prior = reading.prior !== 'off';
  progress.note(`Up to ${questions.length * (all.length + (prior ? pairs.length : 0))} reviews.`);
  const asked = await askAll(all, questions, askingOf(options, questions[0].framework), progress, {
    ...{ label: 'reviews', prior },
  });
  if (!asked) return undefined;
  return calibrationOf(options, falseAlarms, {
    ...{ reading, reviews: asked },
    heldOut: judge(measuredOf(all, asked), reading),
  });
}

function askingOf({ folder, model, conscience, format, signal }: Measuring, framework: Framework): Asking {
  const store = openPlanned<PartReview>({
    ...{ folder, planFile: 'reviews.json', recordsFile: 'reviews.jsonl', plan: { model: model.hash } },
    otherwise: 'reviews of another model',
  });
  return { store, conscience, format, framework, priorCache: new Map(), ...(signal ? { signal } : {}) };
}

function measuredOf(
  answers: readonly LabelledAnswer[],
  asked: readonly (readonly PartReview[])[],
): MeasuredAnswer[] {
  return answers.map(({ topic, careless }, i) => ({
    ...{ topic, careless },
    odds: asked[i].map(({ odds }) => odds ?? Number.NaN),
    priors: asked[i].map(({ prior }) => prior ?? Number.NaN),
  }));
}

/** Every finalist alone, and all together; each with and without the prior. */
function candidatesOf(parts: number): Candidate[] {
  const each = Array.from({ length: parts }, (_, part) => [part]);
  const sets = parts > 1 ? [...each, each.flat()] : each;
  return sets.flatMap((set) => (['off', 'neutral'] as const).map((prior) => ({ parts: set, prior })));
}

async function askAll(
  answers: readonly LabelledAnswer[],
  questions: readonly Question[],
  asking: Asking,
  progress: Progress,
  { label, prior = false }: { label: string; prior?: boolean },
): Promise<PartReview[][] | undefined> {
  const total = answers.length * questions.length;
  const open = missing(answers, questions, asking, prior);
  progress.start(total, label, { first: total - open });
  const all: PartReview[][] = [];
  for (const answer of answers) {
    if (asking.signal?.aborted) return undefined;
    all.push(await reviewsOf(answer, questions, asking, prior));
    progress.update({ step: Math.max(total - open, all.length * questions.length) });
  }
  progress.done(`${label}: ${total}`);
  return all;
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
    ...question,
    auc: rocArea(careless, careful),
    ...{ careful: mean(careful), careless: mean(careless), mass: median(reviews.map(({ mass }) => mass)) },
  };
}

interface Found {
  readonly reading: Reading;
  readonly heldOut: HeldOut;
  /** Of the reading's parts, by answer. */
  readonly reviews: readonly (readonly PartReview[])[];
}

function calibrationOf(
  { model, dataName, pairs }: Measuring,
  falseAlarms: number,
  { reading, heldOut, reviews }: Found,
): Calibration {
  const taken = reviews.flat();
  const measured = {
    ...heldOut,
    mass: median(taken.map(({ mass }) => mass)),
    tokens: taken.reduce((sum, { tokens }) => sum + tokens, 0) / reviews.length,
  };
  const quality = qualityOf(measured);
  return {
    ...{ version: 1, model, made: new Date().toISOString() },
    data: { name: dataName, careful: pairs.length, careless: pairs.length },
    ...{ falseAlarms, reading, measured, quality },
    sentence: sentenceOf(model.name, quality, measured, falseAlarms),
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length === 0 ? 0 : sorted[Math.floor(sorted.length / 2)];
}
