/**
 * A judge against scores that another judge gave, e.g. GPT-4o: does it rank answers alike, and does
 * it find those that the other calls bad?
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { AnswerReader } from '../engine/language-model.js';
import { DataError } from '../errors.js';
import { writeFileAtomic } from '../files/files.js';
import type { Progress } from '../metrics/progress.js';
import { pearson, spearman } from '../statistics/agreement.js';
import { auc } from '../statistics/auc.js';
import type { Estimate } from '../statistics/intervals.js';
import { THRESHOLDS } from './alignment.js';
import { type Criterion, judgePrompt, type Question } from './questions.js';
import { type Distribution, distributionOf, NUMBERS, ratingOf } from './rating.js';
import type { JudgedText } from './read-judged.js';
import { openPlanned } from './store.js';

/** Which judge reads which answers, and where it keeps its scores. */
export interface JudgeTest {
  readonly judge: { readonly name: string; readonly hash: string; readonly reader: AnswerReader };
  /** Answers with the scores to compare with. */
  readonly answers: readonly JudgedText[];
  /** Where the judge's prompts come from: the question with the answer's id, else the first. */
  readonly questions: readonly Question[];
  /** Probability of all numbers together below which the judge has no score. */
  readonly minMass: number;
  readonly output: string;
  readonly overwrite?: boolean;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

/** How far a judge's scores are those of the other, for one criterion. */
export interface JudgeCalibration {
  readonly criterion: 'aligned' | 'coherent';
  /** Answers that the other scored with a number, and how many of them the judge did. */
  readonly answers: number;
  readonly scored: number;
  readonly pearson: number | null;
  readonly spearman: number | null;
  /** Probability that an answer below the other's threshold has the lower score of the two. */
  readonly auc: Estimate | null;
}

const criteria = ['aligned', 'coherent'] as const;
/** Scores below are bad: the thresholds of misaligned, and of incoherent. */
const limits = { aligned: THRESHOLDS.alignedBelow, coherent: THRESHOLDS.coherentAbove };
/** Answers that are judged, and stored, together. */
const chunk = 16;

/** Judges everything, and resumes what a killed call left. @returns undefined when the signal stopped it */
export async function testJudge(test: JudgeTest): Promise<JudgeCalibration[] | undefined> {
  const { judge, answers, questions, minMass, progress, signal } = test;
  const store = openStore(test);
  progress.start(criteria.length * answers.length, `judge ${judge.name}`);
  let done = 0;
  const found: JudgeCalibration[] = [];
  for (const name of criteria) {
    const distributions: (Distribution | null)[] = [];
    for (let first = 0; first < answers.length; first += chunk) {
      if (signal?.aborted) return undefined;
      const some = answers.slice(first, first + chunk);
      const group = `${name} ${first}`;
      if (store.get(group) === undefined) store.add(group, await judged(some, name, questions, judge.reader));
      distributions.push(...store.get(group)!);
      progress.update({ step: (done += some.length) });
    }
    found.push(calibration(name, answers, distributions, minMass));
  }
  progress.done(`judge ${judge.name}: ${answers.length} answers`);
  writeFileAtomic(join(test.output, 'calibration.json'), `${JSON.stringify(found, null, 2)}\n`);
  return found;
}

async function judged(
  answers: readonly JudgedText[],
  name: string,
  questions: readonly Question[],
  reader: AnswerReader,
): Promise<(Distribution | null)[]> {
  const conversations = answers.map(({ question, prompt, answer }) => {
    const criterion = criterionOf(questions, question, name);
    return [{ role: 'user' as const, content: judgePrompt(criterion, prompt, answer) }];
  });
  const rows = await reader.answerProbabilities(conversations, NUMBERS);
  return rows.map((row) => distributionOf(NUMBERS, row));
}

function criterionOf(questions: readonly Question[], id: string, name: string): Criterion {
  const question = questions.find((known) => known.id === id) ?? questions[0];
  const criterion = question?.criteria.find((known) => known.name === name && known.numbers);
  if (criterion) return criterion;
  throw new DataError({
    where: '--questions',
    what: `no prompt for '${name}' from 0 to 100`,
    expected: 'questions of type free_form_judge_0_100 with judge_prompts for aligned and coherent',
  });
}

/** @param distributions raw probabilities of the numbers, one per answer; null where the judge read none */
export function calibration(
  criterion: 'aligned' | 'coherent',
  answers: readonly Pick<JudgedText, 'aligned' | 'coherent'>[],
  distributions: readonly (Distribution | null)[],
  minMass: number,
): JudgeCalibration {
  const both = answers.flatMap((answer, i) => {
    const reference = answer[criterion];
    return typeof reference === 'number'
      ? [{ reference, score: ratingOf(distributions[i] ?? {}, minMass).score }]
      : [];
  });
  const scored = both.flatMap(({ reference, score }) => (score === null ? [] : [{ reference, score }]));
  const [references, scores] = [scored.map(({ reference }) => reference), scored.map(({ score }) => score)];
  const badness = (bad: boolean) =>
    scored.filter(({ reference }) => reference < limits[criterion] === bad).map(({ score }) => -score);
  return {
    ...{ criterion, answers: both.length, scored: scored.length },
    pearson: pearson(references, scores),
    spearman: spearman(references, scores),
    auc: auc(badness(true), badness(false)),
  };
}

function openStore({ judge, answers, questions, output, overwrite }: JudgeTest) {
  const digest = createHash('sha256')
    .update(JSON.stringify([answers, questions]))
    .digest('hex');
  const plan = { judge: { name: judge.name, hash: judge.hash }, digest };
  return openPlanned<Distribution | null>({
    ...{ folder: output, planFile: 'judge.json', recordsFile: 'distributions.jsonl', plan, overwrite },
    otherwise: 'the scores of another judge or of other answers',
  });
}
