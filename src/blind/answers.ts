/**
 * Stored answers of finished runs, one by one, whatever made them: `ealign eval`, a suite, or an experiment.
 *
 * Each knows its method and seed, and what judges said of it, so that a person's ratings can be set beside theirs.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DataError } from '../errors.js';
import type { Judgement } from '../evaluate/alignment.js';
import { Evaluation } from '../evaluate/evaluation.js';
import { PLAN_FILE } from '../evaluate/evaluation-plan.js';
import { alignment } from '../evaluate/kinds/alignment.js';
import { spoken } from '../evaluate/scorecard.js';
import { isExperimentFile, readStudy, STUDY_FILE, type Study, suiteFolder } from '../experiment/read.js';
import type { RunRecord } from '../experiment/record.js';
import type { AnswerRecord, Grade, World } from '../experiment/world.js';

/** What names an answer: the run's folder, and its place there. Plain JSON. */
export interface AnswerPlace {
  /** Folder of `ealign eval`, or of an experiment; absolute. */
  readonly run: string;
  /** Method of an experiment, or the evaluated model. */
  readonly method: string;
  /** Seed of the training run; of `ealign eval` the sampler's. */
  readonly seed: number;
  readonly question: string;
  /** Which of the answers to this question: its number, or paraphrase, sampler's seed and number as in `0/1/3`. */
  readonly sample: string;
}

/** One stored answer. */
export interface StoredAnswer extends AnswerPlace {
  /** What was asked, as a judge is shown it. */
  readonly prompt: string;
  readonly answer: string;
  readonly judged: readonly JudgeScores[];
}

/** What a judge said of one answer. */
export interface JudgeScores {
  readonly judge: string;
  readonly aligned: Judgement;
  readonly coherent: Judgement;
}

/** The rater of answers in a world: it says 0 or 100, and nothing between. */
export const CHECKER = 'exact checker';

/**
 * The answers of a run.
 *
 * @param path  folder of `ealign eval`, of `ealign eval suite` (its plain questions), of an experiment, or an
 *   experiment's file
 * @returns     in the order in which the run holds them
 * @throws DataError where there are none
 */
export function storedAnswers(path: string, world: World): StoredAnswer[] {
  const answers = answersAt(path, world);
  if (answers.length > 0) return answers;
  throw new DataError({ where: path, what: 'there are no answers yet', next: 'finish the run first' });
}

/** The answers of several runs; a run that is named twice counts once. @throws DataError as `storedAnswers` */
export function answersOfAll(paths: readonly string[], world: World): StoredAnswer[] {
  const byRun = new Map<string, StoredAnswer[]>();
  for (const path of paths) {
    const answers = storedAnswers(path, world);
    byRun.set(answers[0].run, answers);
  }
  return [...byRun.values()].flat();
}

function answersAt(path: string, world: World): StoredAnswer[] {
  if (isExperimentFile(path) || existsSync(join(path, STUDY_FILE))) return ofStudy(readStudy(path, world));
  const folder = [path, join(path, alignment.name)].find(isEvaluation);
  if (folder !== undefined) return ofEvaluation(folder);
  throw new DataError({
    where: path,
    what: existsSync(path) ? 'no stored answers' : 'no such folder',
    expected: 'an output folder of ealign eval or ealign experiment, or an experiment’s file',
  });
}

/** Whether a path is an output folder of `ealign eval`. */
export const isEvaluation = (path: string): boolean => existsSync(join(path, PLAN_FILE));

/** The answers of an output folder of `ealign eval`. */
export function ofEvaluation(folder: string): StoredAnswer[] {
  const evaluation = Evaluation.open(folder);
  const prompts = new Map(evaluation.plan.questions.map(({ id, paraphrases }) => [id, paraphrases]));
  const judged = scoresOf(evaluation);
  return evaluation.answers.map(({ id, question, paraphrase, seed, text }) => ({
    ...{ run: resolve(folder), method: evaluation.plan.subject.name, seed, question },
    sample: id.slice(question.length + 1),
    prompt: prompts.get(question)![paraphrase],
    answer: text,
    judged: judged.get(id) ?? [],
  }));
}

/** The answers of all finished runs of an experiment. */
export function ofStudy({ experiment: { output }, runs }: Study): StoredAnswer[] {
  return runs.flatMap(({ method, seed, record }) => {
    if (record === null) return [];
    const place = { run: resolve(output), method, seed };
    if (record.scorecard === undefined) return ofWorld(record).map((answer) => ({ ...answer, ...place }));
    const folder = join(output, suiteFolder({ method, seed }), alignment.name);
    return isEvaluation(folder) ? ofEvaluation(folder).map((answer) => ({ ...answer, ...place })) : [];
  });
}

function ofWorld({ answers }: RunRecord): Omit<StoredAnswer, 'run' | 'method' | 'seed'>[] {
  const samples = new Map<string, number>();
  return answers.map(({ question, prompt, answer, grade }: AnswerRecord) => {
    const sample = samples.get(question) ?? 0;
    samples.set(question, sample + 1);
    return {
      question,
      sample: String(sample),
      prompt,
      answer,
      judged: [{ judge: CHECKER, ...GRADES[grade] }],
    };
  });
}

const GRADES: Readonly<Record<Grade, Omit<JudgeScores, 'judge'>>> = {
  good: { aligned: 100, coherent: 100 },
  bad: { aligned: 0, coherent: 100 },
  incoherent: { aligned: null, coherent: 0 },
  refusal: { aligned: 'REFUSAL', coherent: 100 },
};

/** What judges said of both qualities, by answer. */
function scoresOf({ judgements }: Evaluation): Map<string, JudgeScores[]> {
  const said = new Map(
    judgements.map((one) => [JSON.stringify([one.answer, one.judge, one.criterion]), spoken(one)]),
  );
  const pairs = new Map(
    judgements.map(({ answer, judge }) => [JSON.stringify([answer, judge]), { answer, judge }]),
  );
  const scores = new Map<string, JudgeScores[]>();
  for (const { answer, judge } of pairs.values()) {
    const [aligned, coherent] = ['aligned', 'coherent'].map((criterion) =>
      said.get(JSON.stringify([answer, judge, criterion])),
    );
    if (aligned === undefined || coherent === undefined) continue;
    scores.set(answer, [...(scores.get(answer) ?? []), { judge, aligned, coherent }]);
  }
  return scores;
}

/** Tells the answers of one run from each other. */
export const placeKey = ({ method, seed, question, sample }: Omit<AnswerPlace, 'run'>): string =>
  JSON.stringify([method, seed, question, sample]);

/** What tells one text from another: of what was asked and answered, 16 hexadecimal digits. */
export const digestOf = ({ prompt, answer }: Pick<StoredAnswer, 'prompt' | 'answer'>): string =>
  createHash('sha256')
    .update(JSON.stringify([prompt, answer]))
    .digest('hex')
    .slice(0, 16);
