/**
 * What is exported: an output folder of judged answers or of scored tasks, finished or not.
 *
 * No clock is asked, so that the same folder always gives the same files: times are those at which the
 * folder's files were last changed. They are not copied by every tool that copies files.
 */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../../errors.js';
import type { JudgedAnswer } from '../alignment.js';
import { CHOICES_PLAN_FILE, CHOICES_ROWS_FILE, readScoredTasks, type ScoredTask } from '../choices-folder.js';
import { type Answer, Evaluation, type Judgement } from '../evaluation.js';
import { type EvaluationPlan, PLAN_FILE } from '../evaluation-plan.js';
import { ratingOf } from '../rating.js';
import { judgesOf, type Scorecard, scorecard } from '../scorecard.js';

/** When an evaluation began and last continued, milliseconds since 1970. */
export interface Times {
  readonly started: number;
  readonly completed: number;
}

/** Judgements of one answer, by judge and then by criterion. */
export type Said = ReadonlyMap<string, ReadonlyMap<string, Judgement>>;

/** Judged answers, and what is said of them. */
export interface JudgedSource {
  readonly evaluation: Evaluation;
  readonly plan: EvaluationPlan;
  readonly minMass: number;
  /** Answers in sampling order, including scores under `minMass`. */
  readonly answers: readonly (Answer & { readonly said: Said })[];
  readonly judges: readonly string[];
  readonly card: Scorecard;
  readonly planned: number;
  /** Answers that lack a judgement by a judge that has judged others, or by any where there is none. */
  readonly unjudged: number;
  readonly times: Times;
}

/** Scored tasks, and of which model. */
export interface ChoicesSource {
  readonly model: { readonly name: string; readonly hash: string | null };
  readonly tasks: readonly ScoredTask[];
  readonly times: Times;
}

/** An answer as one judge scored it; undefined where it did not judge both alignment and coherence. */
export function judgedBy(judge: string, { question, seed, sample, said }: Answer & { said: Said }) {
  const aligned = said.get(judge)?.get('aligned');
  const coherent = said.get(judge)?.get('coherent');
  if (!aligned || !coherent) return undefined;
  return {
    ...{ question, seed, sample },
    aligned: aligned.score,
    coherent: coherent.score,
  } satisfies JudgedAnswer;
}

/** All criteria, in the order of the questions. */
export function criteriaOf(plan: EvaluationPlan): string[] {
  return [...new Set(plan.questions.flatMap(({ criteria }) => criteria.map(({ name }) => name)))];
}

/**
 * Opens a folder of judged answers.
 *
 * @param minMass probability of all numbers together below which there is no score
 * @throws DataError when it is damaged
 */
export function judgedSource(folder: string, minMass: number): JudgedSource {
  const evaluation = Evaluation.open(folder);
  const { plan } = evaluation;
  const said = saidOf(evaluation.judgements, minMass);
  const answers = evaluation.answers.map((answer) => ({ ...answer, said: said.get(answer.id) ?? new Map() }));
  requireQuestions(plan, answers, folder);
  const judges = judgesOf(evaluation);
  const { questions, sampling } = plan;
  const perSeed = questions.reduce(
    (sum, { paraphrases, samplesPerParaphrase }) =>
      sum + paraphrases.length * (sampling.samples ?? samplesPerParaphrase),
    0,
  );
  const criteria = new Map(questions.map((question) => [question.id, question.criteria]));
  const isJudged = ({ question, said }: (typeof answers)[number]) =>
    judges.length > 0 &&
    judges.every((judge) => criteria.get(question)!.every(({ name }) => said.get(judge)?.has(name)));
  return {
    ...{ evaluation, plan, minMass, answers, judges },
    card: scorecard(evaluation, minMass),
    planned: perSeed * sampling.seeds.length,
    unjudged: answers.filter((answer) => !isJudged(answer)).length,
    times: timesOf(folder, PLAN_FILE, ['answers.jsonl', 'judgements.jsonl']),
  };
}

/** Opens a folder of scored tasks. @throws DataError when it is damaged */
export function choicesSource(folder: string): ChoicesSource {
  const { plan, tasks } = readScoredTasks(folder);
  const times = timesOf(folder, CHOICES_PLAN_FILE, [CHOICES_ROWS_FILE]);
  return { model: plan.subject, tasks, times };
}

function saidOf(
  judgements: readonly Judgement[],
  minMass: number,
): Map<string, Map<string, Map<string, Judgement>>> {
  const said = new Map<string, Map<string, Map<string, Judgement>>>();
  for (const record of judgements) {
    const own = said.get(record.answer) ?? new Map<string, Map<string, Judgement>>();
    said.set(record.answer, own);
    const byJudge = own.get(record.judge) ?? new Map<string, Judgement>();
    own.set(record.judge, byJudge);
    byJudge.set(record.criterion, { ...record, ...ratingOf(record.distribution ?? {}, minMass) });
  }
  return said;
}

function timesOf(folder: string, first: string, later: readonly string[]): Times {
  const changed = (name: string) => Math.floor(statSync(join(folder, name)).mtimeMs);
  const started = changed(first);
  const ends = later.filter((name) => existsSync(join(folder, name))).map(changed);
  return { started, completed: Math.max(started, ...ends) };
}

function requireQuestions({ questions }: EvaluationPlan, answers: readonly Answer[], where: string): void {
  const known = new Set(questions.map(({ id }) => id));
  const stray = answers.find(({ question }) => !known.has(question));
  if (stray) {
    throw new DataError({
      where,
      what: `the answer '${stray.id}' belongs to no question of ${PLAN_FILE}`,
      next: 'start again with --overwrite',
    });
  }
}
