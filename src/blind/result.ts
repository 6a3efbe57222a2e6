/**
 * What people's ratings say: each method's scores by the field's thresholds, and how far raters agree with judges,
 * with each other and with themselves.
 */
import { relative } from 'node:path';
import {
  type AlignmentScore,
  isMisaligned,
  type JudgedAnswer,
  type Judgement,
  scoreAlignment,
  THRESHOLDS,
} from '../evaluate/alignment.js';
import { type Contrast, contrastAnswers } from '../evaluate/contrast.js';
import type { Study } from '../experiment/read.js';
import { cohenKappa, spearman } from '../statistics/agreement.js';
import { auc } from '../statistics/auc.js';
import type { Estimate } from '../statistics/intervals.js';
import { digestOf, ofEvaluation, ofStudy, placeKey, type StoredAnswer } from './answers.js';
import { type RatedRun, type RatingRecord, ratingsIn } from './ratings.js';

/** What people's ratings of some runs say. */
export interface BlindResult {
  readonly raters: readonly RaterScores[];
  readonly agreement: readonly RaterAgreement[];
  /** Ratings of answers that are no longer there. */
  readonly lost: number;
}

/** The methods as one rater sees them. */
export interface RaterScores {
  readonly rater: string;
  /** In the order of the runs. */
  readonly methods: readonly { readonly method: string; readonly score: AlignmentScore }[];
}

/** How far two ratings of the same answers agree, by one quality. */
export interface RaterAgreement {
  readonly rater: string;
  /** A judge, another rater, or the rater again. */
  readonly other: string;
  readonly kind: 'judge' | 'rater' | 'self';
  readonly criterion: 'aligned' | 'coherent';
  /** Answers with a number from both. */
  readonly answers: number;
  /** Rank correlation; null over fewer than two, or where one says always the same. */
  readonly spearman: number | null;
  /** Mean absolute difference, 0–100. */
  readonly difference: number | null;
  /**
   * Probability that an answer which the rater puts below the threshold has the lower score of the judge than one
   * which the rater does not: of judges only.
   */
  readonly auc: Estimate | null;
  /** Cohen's κ of misaligned or not, over the answers of which both tell; null for `coherent`. */
  readonly kappa: number | null;
}

/** Two values for one answer. */
interface Pair {
  readonly first: Spoken;
  readonly second: Spoken;
}

interface Spoken {
  readonly aligned: Judgement;
  readonly coherent: Judgement;
}

/** What one rater said of one answer, in the order of import. */
interface Rated {
  readonly answer: StoredAnswer;
  readonly method: string;
  readonly ratings: readonly RatingRecord[];
}

/** What people said of an output folder of `ealign eval`; null where nobody rated. */
export const blindOfEvaluation = (folder: string): BlindResult | null =>
  ofFolder(folder, () => ofEvaluation(folder));

/** What people said of a study's answers; null where nobody rated. */
export const blindOfStudy = (study: Study): BlindResult | null =>
  ofFolder(study.experiment.output, () => ofStudy(study));

/** Differences of two methods, B − A; none where nobody rated both. */
type BlindContrasts = (a: string, b: string) => Contrast[];

/**
 * What people's ratings say of the differences between methods of a study: of the raters who rated both, each rating an
 * observation of its question and seed.
 */
export function blindContrasts(study: Study): BlindContrasts {
  const run: NamedRun = {
    answers: ofStudy(study),
    ratings: ratingsIn(study.experiment.output),
    nameOf: (method) => method,
  };
  const raters = [...new Set(run.ratings.map(({ rater }) => rater))];
  const rated = raters.map((rater) => ratedBy(rater, run));
  return (a, b) => {
    const both = rated.filter((own) => [a, b].every((method) => own.some((one) => one.method === method)));
    if (both.length === 0) return [];
    const of = (method: string) =>
      both
        .flat()
        .filter((one) => one.method === method)
        .map(judgedAnswer);
    const who = both.length === 1 ? 'blind, one rater' : `blind, ${both.length} raters`;
    return contrastAnswers(who, of(a), of(b));
  };
}

function ofFolder(folder: string, answers: () => readonly StoredAnswer[]): BlindResult | null {
  const ratings = ratingsIn(folder);
  return ratings.length === 0 ? null : blindResult([{ answers: answers(), ratings }]);
}

/** Null where nobody rated. */
export function blindResult(runs: readonly RatedRun[]): BlindResult | null {
  const named = withNames(runs);
  const all = named.flatMap(({ ratings }) => ratings);
  if (all.length === 0) return null;
  const byRater = [...new Set(all.map(({ rater }) => rater))].map((rater) => ({
    rater,
    rated: named.flatMap((run) => ratedBy(rater, run)),
  }));
  const found = byRater.flatMap(({ rated }) => rated.flatMap(({ ratings }) => ratings)).length;
  return {
    raters: byRater.map(({ rater, rated }) => ({ rater, methods: scoresOf(rated) })),
    agreement: [
      ...byRater.flatMap(({ rater, rated }) => withJudges(rater, rated)),
      ...byRater.flatMap((one, i) => byRater.slice(i + 1).flatMap((other) => withOther(one, other))),
      ...byRater.flatMap(({ rater, rated }) => withSelf(rater, rated)),
    ],
    lost: all.length - found,
  };
}

type NamedRun = RatedRun & { readonly nameOf: (method: string) => string };

/** Methods of one name in several runs are told apart by their folders. */
function withNames(runs: readonly RatedRun[]): NamedRun[] {
  const methods = runs.map(({ answers }) => new Set(answers.map(({ method }) => method)));
  return runs.map((run) => ({
    ...run,
    nameOf: (method) =>
      methods.filter((own) => own.has(method)).length > 1
        ? `${method} (${relative('.', run.answers[0].run)})`
        : method,
  }));
}

function ratedBy(rater: string, { answers, ratings, nameOf }: NamedRun): Rated[] {
  const own = new Map<string, RatingRecord[]>();
  for (const record of ratings) {
    if (record.rater !== rater) continue;
    const key = `${record.digest} ${placeKey(record)}`;
    own.set(key, [...(own.get(key) ?? []), record]);
  }
  return answers.flatMap((answer) => {
    const said = own.get(`${digestOf(answer)} ${placeKey(answer)}`);
    return said ? [{ answer, method: nameOf(answer.method), ratings: said }] : [];
  });
}

/** Of an answer that is there twice the first rating counts. */
function scoresOf(rated: readonly Rated[]): RaterScores['methods'] {
  return [...new Set(rated.map(({ method }) => method))].map((method) => {
    const own = rated.filter((one) => one.method === method);
    return { method, score: scoreAlignment(own.map(judgedAnswer)).overall };
  });
}

const judgedAnswer = (
  { answer: { question, seed }, ratings: [first] }: Rated,
  sample: number,
): JudgedAnswer => ({
  ...{ question, seed, sample },
  ...{ aligned: first.aligned, coherent: first.coherent },
});

function withJudges(rater: string, rated: readonly Rated[]): RaterAgreement[] {
  const judges = new Set(rated.flatMap(({ answer }) => answer.judged.map(({ judge }) => judge)));
  return [...judges].flatMap((judge) => {
    const pairs = rated.flatMap(({ answer, ratings: [first] }) => {
      const second = answer.judged.find((one) => one.judge === judge);
      return second ? [{ first, second }] : [];
    });
    return agreements({ rater, other: judge, kind: 'judge' }, pairs);
  });
}

type Rater = { readonly rater: string; readonly rated: readonly Rated[] };

function withOther(one: Rater, other: Rater): RaterAgreement[] {
  const theirs = new Map(other.rated.map(({ answer, ratings: [first] }) => [answer, first]));
  const pairs = one.rated.flatMap(({ answer, ratings: [first] }) => {
    const second = theirs.get(answer);
    return second ? [{ first, second }] : [];
  });
  return agreements({ rater: one.rater, other: other.rater, kind: 'rater' }, pairs);
}

function withSelf(rater: string, rated: readonly Rated[]): RaterAgreement[] {
  const pairs = rated.flatMap(({ ratings: [first, second] }) => (second ? [{ first, second }] : []));
  return agreements({ rater, other: rater, kind: 'self' }, pairs);
}

/** Scores below are bad: the thresholds of misaligned, and of incoherent. */
const limits = { aligned: THRESHOLDS.alignedBelow, coherent: THRESHOLDS.coherentAbove };

/** None without an answer that both rated. */
function agreements(
  who: Pick<RaterAgreement, 'rater' | 'other' | 'kind'>,
  pairs: readonly Pair[],
): RaterAgreement[] {
  if (pairs.length === 0) return [];
  const told = pairs.filter(({ first, second }) => tells(first) && tells(second));
  const misaligned = (which: keyof Pair) =>
    told.map((pair) => isMisaligned({ question: '', seed: 0, sample: 0, ...pickSpoken(pair[which]) }));
  return (['aligned', 'coherent'] as const).map((criterion) => {
    const scored = pairs.flatMap(({ first, second }) => {
      const [a, b] = [first[criterion], second[criterion]];
      return typeof a === 'number' && typeof b === 'number' ? [{ a, b }] : [];
    });
    const [as, bs] = [scored.map(({ a }) => a), scored.map(({ b }) => b)];
    const badness = (bad: boolean) =>
      scored.filter(({ a }) => isBad(a, criterion) === bad).map(({ b }) => -b);
    return {
      ...who,
      ...{ criterion, answers: scored.length, spearman: spearman(as, bs) },
      difference:
        scored.length === 0
          ? null
          : scored.reduce((sum, { a, b }) => sum + Math.abs(a - b), 0) / scored.length,
      auc: who.kind === 'judge' ? auc(badness(true), badness(false)) : null,
      kappa: criterion === 'aligned' ? cohenKappa(misaligned('first'), misaligned('second')) : null,
    };
  });
}

/** Whether it is known if the answer is misaligned: where its alignment could not be read, only of incoherent ones. */
const tells = ({ aligned, coherent }: Spoken) =>
  aligned !== null || (typeof coherent === 'number' && coherent <= limits.coherent);

const pickSpoken = ({ aligned, coherent }: Spoken): Spoken => ({ aligned, coherent });

/** Misaligned is below its threshold; coherent is above its own, so that what is on it is incoherent. */
const isBad = (score: number, criterion: keyof typeof limits) =>
  criterion === 'aligned' ? score < limits.aligned : score <= limits.coherent;
