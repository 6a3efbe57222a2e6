/**
 * Calibrates a model's conscience: which of the introspective question's wordings it answers best, and from which
 * certainty on it should flag.
 *
 * All wordings are tried on a few answers, the better ones on more (successive halving: Karnin et al. 2013), and the
 * best two are asked about all, with and without the prior correction, alone and together. Beside that a linear probe is
 * fitted on the model's hidden states, where they can be read. What is chosen is judged on folds that it was not fitted on.
 */
import { join } from 'node:path';
import type { Calibration } from '../conscience/calibration.js';
import type { ReviewFormat } from '../conscience/format.js';
import type { Framework } from '../conscience/frameworks.js';
import { encodeDirection } from '../conscience/probe.js';
import type { Reading, ReadingChoice } from '../conscience/reading.js';
import type { ReviewItem } from '../conscience/review.js';
import type { LanguageModel } from '../engine/language-model.js';
import { ConfigError, DataError } from '../errors.js';
import { openPlanned } from '../evaluate/store.js';
import type { Progress } from '../metrics/progress.js';
import { median } from '../statistics/median.js';
import type { AnswerPair, LabelledAnswer } from './answers.js';
import {
  type Candidate,
  choose,
  drawnToChance,
  FOLDS,
  type HeldOut,
  judge,
  type MeasuredAnswer,
  readableArea,
  readingOf,
  WORTH,
} from './choose.js';
import { fitProbe, type ProbedAnswer } from './probe.js';
import { type Asking, missing, type PartReview, type Question, reviewsOf } from './reviews.js';
import { qualityOf, sentenceOf } from './sentence.js';
import { isRead, layersToTry, type ReadingStates, type StoredStates, statesOf } from './states.js';

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
  /** Make all reviews anew. */
  readonly overwrite?: boolean;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

export interface CalibrateOptions extends Measuring {
  /** Wordings that are tried; at least one. */
  readonly wordings: readonly Framework[];
  /** Default `auto`. */
  readonly reading?: ReadingChoice;
  /** Pairs that a probe is fitted on. Default: all. */
  readonly probePairs?: readonly AnswerPair[];
  /** Wordings that are asked about all pairs. Default 2. */
  readonly finalists?: number;
  /** Share of careful answers that may be flagged. Default 0.02. */
  readonly falseAlarms?: number;
  readonly seed?: number;
}

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

export interface Calibrated {
  readonly calibration: Calibration;
  /** All wordings, the best first; none where only a probe was fitted. */
  readonly screened: readonly Screened[];
  /** The best reading of the kind that was not chosen, where both were tried. */
  readonly other?: Calibration;
}

/**
 * @returns undefined when the signal stopped it; the same call goes on
 * @throws ConfigError when a probe is asked for and the model's hidden states cannot be read
 */
export async function calibrate(options: CalibrateOptions): Promise<Calibrated | undefined> {
  const { conscience, progress, reading = 'auto' } = options;
  if (reading === 'probe' && !conscience.hidden) throw unreadableStates(conscience.id);
  const asksLabels = reading !== 'probe';
  const labelled = asksLabels ? await calibrateLabels(options) : undefined;
  if (asksLabels && !labelled) return undefined;
  if (reading === 'labels' || !conscience.hidden) return labelled;
  const probed = await calibrateProbe(options, conscience.hidden.layers);
  if (probed === 'stopped') return undefined;
  if (probed === 'too few') {
    if (!labelled) throw tooFewTopics();
    progress.note('There are too few topics with answers that can be read: no probe is fitted.');
    return labelled;
  }
  if (!labelled) return { calibration: probed, screened: [] };
  const { calibration: asked, screened } = labelled;
  const better = worthOf(probed) > worthOf(asked) + WORTH;
  return { screened, calibration: better ? probed : asked, other: better ? asked : probed };
}

/** AUC, drawn to chance by what cannot be read; a reading that is of use is worth more than any that is not. */
function worthOf({ measured: { auc, unreadable }, quality }: Calibration): number {
  const area = auc ? drawnToChance(auc.value, 1 - unreadable, 1) : 0;
  return area + (quality === 'usable' || quality === 'weak' ? 1 : 0);
}

const tooFewTopics = () =>
  new DataError({
    where: '--reading probe',
    what: 'there are too few topics with answers that can be read',
    expected: `${FOLDS} topics at least`,
    next: 'give more answers, or choose --reading labels',
  });

const unreadableStates = (id: string) =>
  new ConfigError({
    where: '--reading probe',
    what: `the hidden states of ${id} cannot be read`,
    next: 'open a model on this machine, or choose --reading labels',
  });

/** The question that stands before what a probe reads; its answer is not asked for. */
const questionOf = (wordings: readonly Framework[]): Framework =>
  wordings.find(({ name }) => name === 'consequentialist') ?? wordings[0];

async function calibrateProbe(
  options: CalibrateOptions,
  depth: number,
): Promise<Calibration | 'stopped' | 'too few'> {
  const { model, conscience, format, overwrite, signal, progress, wordings } = options;
  const { falseAlarms = 0.02, seed = 1, probePairs: pairs = options.pairs } = options;
  const [framework, layers] = [questionOf(wordings), layersToTry(depth)];
  const store = openPlanned<StoredStates>({
    ...{ folder: join(options.folder, 'states'), planFile: 'states.json', recordsFile: 'states.jsonl' },
    ...{ plan: { model: model.hash }, otherwise: 'states of another model', overwrite },
  });
  const reading: ReadingStates = { store, framework, layers, conscience, format, signal };
  const answers = pairs.flat();
  const before = answers.filter(({ item }) => isRead(item, reading)).length;
  progress.note(
    `A probe is fitted on the hidden states over ${answers.length} answers, ${answers.length - before} of which are still to be read.`,
  );
  progress.start(answers.length, 'hidden states', { first: before });
  const read: (ProbedAnswer & { tokens: number })[] = [];
  for (const { item, topic, careless } of answers) {
    if (signal?.aborted) return 'stopped';
    read.push({ topic, careless, ...(await statesOf(item, reading)) });
    progress.update({ step: Math.max(before, read.length) });
  }
  progress.done(`hidden states: ${answers.length}`);
  const topics = (kind: boolean) =>
    new Set(read.flatMap(({ states, topic, careless }) => (states && careless === kind ? [topic] : [])));
  if (Math.min(topics(true).size, topics(false).size) < FOLDS) return 'too few';
  const { place, direction, bias, threshold, heldOut, ...means } = fitProbe(read, { falseAlarms, seed });
  const probe = { layer: layers[place], direction: encodeDirection(direction), ...means };
  return calibrationFrom({ ...options, pairs }, falseAlarms, {
    reading: { parts: [{ framework, weight: 1, order: 'first', probe }], bias, threshold, prior: 'off' },
    heldOut,
    reviews: read.map(({ tokens }) => [{ odds: 0, mass: 1, tokens }]),
  });
}

async function calibrateLabels(options: CalibrateOptions): Promise<Calibrated | undefined> {
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
  const questions = reading.parts.map(
    ({ weight, order = 'last', ...part }): Question => ({ ...part, order }),
  );
  const prior = reading.prior !== 'off';
  progress.note(`Up to ${questions.length * (prior ? 3 : 2) * pairs.length} reviews.`);
  const asking = askingOf(options);
  const measured = await measure(pairs, questions, { asking, progress, label: 'reviews', prior });
  if (!measured) return undefined;
  const heldOut = judge(measured.answers, reading);
  return calibrationFrom(options, falseAlarms, { reading, heldOut, reviews: measured.reviews });
}

function askingOf({ folder, model, conscience, format, overwrite, signal }: Measuring): Asking {
  const store = openPlanned<PartReview>({
    ...{ folder, planFile: 'reviews.json', recordsFile: 'reviews.jsonl', plan: { model: model.hash } },
    ...{ otherwise: 'reviews of another model', overwrite },
  });
  return { store, conscience, format, ...(signal ? { signal } : {}) };
}

interface Work {
  readonly asking: Asking;
  readonly progress: Progress;
  /** What the progress is called. */
  readonly label: string;
}

/** Asks about both answers of each pair, and with a prior about an empty one. */
async function measure(
  pairs: readonly AnswerPair[],
  questions: readonly Question[],
  { prior = true, ...work }: Work & { prior?: boolean },
): Promise<{ answers: MeasuredAnswer[]; reviews: PartReview[][] } | undefined> {
  const nothing = ([{ item }]: AnswerPair): ReviewItem[] =>
    prior ? [{ ...item, response: work.asking.format.neutral }] : [];
  const each = prior ? 3 : 2;
  const asked = await askAll(
    pairs.flatMap((pair) => [...pair.map(({ item }) => item), ...nothing(pair)]),
    questions,
    work,
  );
  if (!asked) return undefined;
  const oddsIn = (reviews: readonly PartReview[]) => reviews.map(({ odds }) => odds ?? Number.NaN);
  return {
    answers: pairs.flatMap((pair, p) =>
      pair.map(({ topic, careless }, i) => ({
        ...{ topic, careless, odds: oddsIn(asked[each * p + i]) },
        ...(prior ? { priors: oddsIn(asked[each * p + 2]) } : {}),
      })),
    ),
    reviews: asked.filter((_, i) => i % each < 2),
  };
}

/** Every finalist alone, and all together; each with and without the prior. */
function candidatesOf(parts: number): Candidate[] {
  const each = Array.from({ length: parts }, (_, part) => [part]);
  const sets = parts > 1 ? [...each, each.flat()] : each;
  return sets.flatMap((set) => (['off', 'neutral'] as const).map((prior) => ({ parts: set, prior })));
}

async function askAll(
  items: readonly ReviewItem[],
  questions: readonly Question[],
  { asking, progress, label }: Work,
): Promise<PartReview[][] | undefined> {
  const total = items.length * questions.length;
  const before = total - missing(items, questions, asking);
  progress.start(total, label, { first: before });
  const all: PartReview[][] = [];
  for (const item of items) {
    if (asking.signal?.aborted) return undefined;
    all.push(await reviewsOf(item, questions, asking));
    progress.update({ step: Math.max(before, all.length * questions.length) });
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
    ...{ framework: question.framework, order: question.order ?? 'last', pairs: answers.length / 2 },
    auc: readableArea(careless, careful, answers.length),
    ...{ careful: mean(careful), careless: mean(careless), mass: median(reviews.map(({ mass }) => mass)) },
  };
}

interface Found {
  readonly reading: Reading;
  readonly heldOut: HeldOut;
  /** Of the reading's parts, by answer. */
  readonly reviews: readonly (readonly PartReview[])[];
}

function calibrationFrom(
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
    ...{ version: reading.parts.some(({ probe }) => probe) ? 3 : 1, model, made: new Date().toISOString() },
    data: { name: dataName, careful: pairs.length, careless: pairs.length },
    ...{ falseAlarms, reading, measured, quality },
    sentence: sentenceOf(model.name, quality, measured, falseAlarms),
  };
}
