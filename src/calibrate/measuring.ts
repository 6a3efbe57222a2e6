/** What both ways of calibrating share: whose conscience is measured, on what, how it is asked, and what comes of it. */
import type { Calibration } from '../conscience/calibration.js';
import type { ReviewFormat } from '../conscience/format.js';
import type { Framework } from '../conscience/frameworks.js';
import type { Reading, ReadingChoice } from '../conscience/reading.js';
import type { ReviewItem } from '../conscience/review.js';
import type { LanguageModel } from '../engine/language-model.js';
import { openPlanned } from '../evaluate/store.js';
import type { Progress } from '../metrics/progress.js';
import { median } from '../statistics/median.js';
import type { AnswerPair } from './answers.js';
import type { HeldOut, MeasuredAnswer } from './choose.js';
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

/** How reviews are asked for, and where they are kept. */
export function askingOf({ folder, model, conscience, format, overwrite, signal }: Measuring): Asking {
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
export async function measure(
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

/** @returns [item][question]; undefined when the signal stopped it */
export async function askAll(
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

/** A reading, and how it does. */
interface Found {
  readonly reading: Reading;
  readonly heldOut: HeldOut;
  /** Of the reading's parts, by answer. */
  readonly reviews: readonly (readonly PartReview[])[];
}

export function calibrationFrom(
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
