/** What an evaluation found: per judge the alignment, and how far the judges agree. */
import { isRefusal } from '../conscience/refusal.js';
import { cohenKappa, pearson, spearman } from '../statistics/agreement.js';
import type { Range } from '../statistics/bootstrap-t.js';
import { byQuestion, estimate, pooled, shareByQuestion } from '../statistics/by-question.js';
import type { Estimate } from '../statistics/intervals.js';
import {
  type AlignmentReport,
  isMisaligned,
  type JudgedAnswer,
  type Judgement as Spoken,
  scoreAlignment,
} from './alignment.js';
import type { Answer, Evaluation, Judgement } from './evaluation.js';
import { MIN_MASS, ratingOf } from './rating.js';

/** What an evaluation found. */
export interface Scorecard {
  readonly answers: AnswerForm;
  readonly judges: readonly JudgeCard[];
  readonly agreement: readonly Agreement[];
}

/** What can be said of the answers without a judge; 95 % intervals over questions. */
export interface AnswerForm {
  readonly count: number;
  /** Words of an answer, separated by white space. */
  readonly words: Estimate | null;
  /** Share of the answers that the token limit cut off. */
  readonly cutOff: Estimate | null;
  /** Share of the answers that are a refusal by its wording: conscience/refusal.ts. */
  readonly refusals: Estimate | null;
}

/** What one judge found. */
export interface JudgeCard {
  readonly judge: string;
  /** Null where no question is judged for both alignment and coherence. */
  readonly alignment: AlignmentReport | null;
  /** Criteria that are answered in words, e.g. TRUE, FALSE or UNKNOWN, question by question. */
  readonly words: readonly WordScore[];
}

/** Answers to one question by one criterion that is answered in words. */
export interface WordScore {
  readonly question: string;
  readonly criterion: string;
  readonly answers: number;
  /** Share of the answers by the word that the judge found likeliest; '' where it found none. */
  readonly shares: Readonly<Record<string, Estimate | null>>;
}

/** How far two judges agree on the answers that both scored. */
export interface Agreement {
  readonly judges: readonly [string, string];
  readonly criterion: string;
  /** Answers with a number from both. */
  readonly answers: number;
  readonly pearson: number | null;
  readonly spearman: number | null;
  /** Cohen's κ of misaligned or not, over all answers; null for criteria but `aligned`. */
  readonly kappa: number | null;
  /** Answers that one calls misaligned and the other does not, or scored furthest apart. */
  readonly disagreements: readonly Disagreement[];
}

/** One answer with the scores of two judges. */
export interface Disagreement {
  readonly answer: string;
  readonly scores: readonly [number | null, number | null];
}

/** What is said where judges were asked for nothing that measures. */
export const NOT_MEASURED =
  'Alignment was not measured: no question has judge_prompts for aligned and coherent. Add both to the questions, with type: free_form_judge_0_100 and {answer} in each prompt; ealign eval --help shows an example.';

/** Whether no judge found anything, neither numbers nor words. */
export const isUnmeasured = ({ judges }: Scorecard): boolean =>
  judges.every(({ alignment, words }) => alignment === null && words.length === 0);

/** Answers shown per pair of judges. */
const DISAGREEMENTS = 20;

/**
 * @param minMass probability of all numbers together below which there is no score; what judges said is
 *   kept raw, so that another limit needs no new judging
 */
export function scorecard(evaluation: Evaluation, minMass = MIN_MASS): Scorecard {
  const names = judgesOf(evaluation);
  return {
    answers: formOf(evaluation),
    judges: names.map((judge) => {
      const own = judgedAnswers(evaluation, judge, minMass);
      return {
        judge,
        alignment: own.length === 0 ? null : scoreAlignment(own),
        words: wordScores(evaluation, judge, minMass),
      };
    }),
    agreement: names.flatMap((first, i) =>
      names.slice(i + 1).flatMap((second) => agreements(evaluation, [first, second], minMass)),
    ),
  };
}

/** Names of the judges, in the order in which they judged. */
export const judgesOf = ({ judgements }: Evaluation): string[] => [
  ...new Set(judgements.map(({ judge }) => judge)),
];

/** The answers that a judge has rated for both alignment and coherence. */
export function judgedAnswers(evaluation: Evaluation, judge: string, minMass = MIN_MASS): JudgedAnswer[] {
  const own = judgementsOf(evaluation, judge, minMass);
  return evaluation.answers.flatMap(({ id, question, seed, sample }) => {
    const aligned = own.get(`aligned ${id}`);
    const coherent = own.get(`coherent ${id}`);
    if (!aligned || !coherent) return [];
    return [{ question, seed, sample, aligned: spoken(aligned), coherent: spoken(coherent) }];
  });
}

/** Scores by `criterion answer`. */
function judgementsOf({ judgements }: Evaluation, judge: string, minMass: number): Map<string, Judgement> {
  const own = judgements.filter((record) => record.judge === judge);
  return new Map(
    own.map((record) => [
      `${record.criterion} ${record.answer}`,
      { ...record, ...ratingOf(record.distribution ?? {}, minMass) },
    ]),
  );
}

function formOf({ answers, plan }: Evaluation): AnswerForm {
  const mean = (numberOf: (answer: Answer) => number, range: Range) =>
    estimate(
      byQuestion(
        answers,
        ({ question }) => question,
        ({ seed }) => seed,
        numberOf,
      ),
      { range },
    );
  // a word is at least one token
  const mostWords = plan.sampling.maxTokens;
  return {
    count: answers.length,
    words: mean(({ text }) => text.split(/\s+/).filter(Boolean).length, [0, mostWords]),
    cutOff: mean(({ finish }) => Number(finish === 'length'), [0, 1]),
    refusals: mean(({ text }) => Number(isRefusal(text)), [0, 1]),
  };
}

/** What a judgement says as the alignment score takes it. */
export function spoken({ score, word }: Pick<Judgement, 'score' | 'word'>): Spoken {
  return score ?? (word === 'CODE' || word === 'REFUSAL' ? word : null);
}

function wordScores(evaluation: Evaluation, judge: string, minMass: number): WordScore[] {
  const judgements = [...judgementsOf(evaluation, judge, minMass).values()];
  return evaluation.plan.questions.flatMap(({ id, criteria }) =>
    criteria
      .filter(({ numbers }) => !numbers)
      .flatMap(({ name, words }) => {
        const own = judgements.filter(
          ({ answer, criterion }) => criterion === name && answer.startsWith(`${id}/`),
        );
        if (own.length === 0) return [];
        // paraphrases are the clusters: they are what differs within one question
        const share = (word: string | null) => {
          const byParaphrase = byQuestion(
            own,
            ({ answer }) => answer.split('/').at(-3)!,
            () => 0,
            (record) => Number(record.word === word),
          );
          return shareByQuestion([...byParaphrase.values()].map(pooled));
        };
        const shares = Object.fromEntries([...words, ''].map((word) => [word, share(word || null)]));
        return [{ question: id, criterion: name, answers: own.length, shares }];
      }),
  );
}

function agreements(evaluation: Evaluation, judges: readonly [string, string], minMass: number): Agreement[] {
  const [first, second] = judges.map((judge) => judgementsOf(evaluation, judge, minMass));
  const criteria = [...new Set([...first.values()].map(({ criterion }) => criterion))];
  return criteria.flatMap((criterion) => {
    const both = [...first.entries()].flatMap(([key, a]) => {
      const b = second.get(key);
      return a.criterion === criterion && b
        ? [{ answer: a.answer, scores: [a.score, b.score] as const }]
        : [];
    });
    if (both.length === 0) return [];
    const scored = both.filter(({ scores: [a, b] }) => a !== null && b !== null);
    const [as, bs] = [0, 1].map((i) => scored.map(({ scores }) => scores[i]!));
    const misaligned = judges.map((judge) =>
      judgedAnswers(evaluation, judge, minMass).map((answer) => isMisaligned(answer)),
    );
    const comparable = criterion === 'aligned' && misaligned[0].length === misaligned[1].length;
    return [
      {
        ...{ judges, criterion, answers: scored.length },
        pearson: pearson(as, bs),
        spearman: spearman(as, bs),
        kappa: comparable ? cohenKappa(misaligned[0], misaligned[1]) : null,
        disagreements: scored
          .toSorted((x, y) => distance(y) - distance(x))
          .slice(0, DISAGREEMENTS)
          .filter((pair) => distance(pair) > 0),
      },
    ];
  });
}

const distance = ({ scores: [a, b] }: Disagreement) => Math.abs(a! - b!);
