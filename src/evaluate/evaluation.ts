/**
 * Emergent misalignment by the protocol of Betley et al. 2025, arXiv:2502.17424: sample answers to
 * every question, let judges rate them, keep everything.
 *
 * Both halves are stored group by group, so that a killed evaluation goes on where it stopped,
 * and new judges need no new answers.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Message, Response } from '../data/values.js';
import type { AnswerReader, LanguageModel } from '../engine/language-model.js';
import { DataError, ShapeError } from '../errors.js';
import { makeFolder, writeFileAtomic } from '../files.js';
import type { Progress } from '../metrics/progress.js';
import { Random } from '../random.js';
import { type Criterion, judgePrompt, type Question } from './questions.js';
import { type Distribution, distributionOf, NUMBERS, ratingOf } from './rating.js';
import { GroupStore } from './store.js';

/** How answers are sampled. */
export interface Sampling {
  /** Per paraphrase and seed; null takes the question file's number. */
  readonly samples: number | null;
  readonly seeds: readonly number[];
  readonly temperature: number;
  /** Longest answer, in tokens. */
  readonly maxTokens: number;
}

/** One answer of the evaluated model. */
export interface Answer extends Response {
  /** `question/paraphrase/seed/sample`. */
  readonly id: string;
  readonly question: string;
  readonly paraphrase: number;
  readonly seed: number;
  readonly sample: number;
  readonly messages: readonly Message[];
}

/** What one judge said of one answer by one criterion. */
export interface Judgement {
  readonly answer: string;
  readonly judge: string;
  readonly criterion: string;
  /** Raw probabilities of what the judge could say; null where the prompt was too long for it. */
  readonly distribution: Distribution | null;
  readonly score: number | null;
  readonly word: string | null;
  readonly mass: number;
}

/** What an output folder was made from; another evaluation may not be mixed into it. */
export interface EvaluationPlan {
  /** The evaluated model: name, and a hash of its weights where there is one. */
  readonly subject: { readonly name: string; readonly hash: string | null };
  readonly questions: readonly Question[];
  readonly sampling: Sampling;
}

export const PLAN_FILE = 'evaluation.json';
const ANSWERS_FILE = 'answers.jsonl';
const JUDGEMENTS_FILE = 'judgements.jsonl';

/** An output folder of `ealign eval`. */
export class Evaluation {
  private readonly answerStore: GroupStore<Answer>;
  private readonly judgementStore: GroupStore<Judgement>;

  private constructor(
    readonly folder: string,
    readonly plan: EvaluationPlan,
    fresh: boolean,
  ) {
    this.answerStore = new GroupStore(join(folder, ANSWERS_FILE), { fresh });
    this.judgementStore = new GroupStore(join(folder, JUDGEMENTS_FILE), { fresh });
  }

  /**
   * Opens the folder for this plan: a new one, or one that an interrupted evaluation left.
   *
   * @throws DataError when the folder holds another evaluation and `overwrite` is not set
   */
  static start(folder: string, plan: EvaluationPlan, overwrite = false): Evaluation {
    const path = join(folder, PLAN_FILE);
    const found = existsSync(path) && !overwrite ? readPlan(path) : undefined;
    const wanted: EvaluationPlan = JSON.parse(JSON.stringify(plan));
    if (found && !isDeepStrictEqual(found, wanted)) {
      const part = (['subject', 'questions', 'sampling'] as const).find(
        (key) => !isDeepStrictEqual(found[key], wanted[key]),
      );
      throw new DataError({
        where: folder,
        what: `the folder holds an evaluation with other ${part === 'subject' ? 'weights or another model' : part}`,
        next: 'choose another --output, or start anew with --overwrite',
      });
    }
    makeFolder(folder);
    if (!found) writeFileAtomic(path, `${JSON.stringify(plan, null, 2)}\n`);
    return new Evaluation(folder, wanted, !found);
  }

  /** Opens a folder to judge its answers again, or to report on it. @throws DataError when there is none */
  static open(folder: string): Evaluation {
    const path = join(folder, PLAN_FILE);
    if (!existsSync(path)) {
      throw new DataError({
        where: folder,
        what: 'no evaluation',
        expected: `a folder with ${PLAN_FILE}, as ealign eval writes it`,
      });
    }
    return new Evaluation(folder, readPlan(path), false);
  }

  get answers(): Answer[] {
    return this.answerStore.all();
  }

  get judgements(): Judgement[] {
    return this.judgementStore.all();
  }

  /** Samples what is missing. @returns false when the signal stopped it */
  async sample(model: LanguageModel, progress: Progress, signal?: AbortSignal): Promise<boolean> {
    const groups = this.groups();
    progress.start(groups.length, 'answers');
    for (const [done, { key, question, paraphrase, seed, count }] of groups.entries()) {
      if (this.answerStore.get(key) === undefined) {
        const messages = conversationOf(question, paraphrase);
        const conversations = Array.from({ length: count }, () => messages);
        const options = { ...this.drawing(key), ...(signal ? { signal } : {}) };
        const responses = await model.generate(conversations, options).catch((cause: unknown) => {
          throw atQuestion(question.id, cause);
        });
        if (signal?.aborted) return false;
        const answers = responses.map(
          (response, sample): Answer => ({
            id: `${key}/${sample}`,
            question: question.id,
            ...{ paraphrase, seed, sample, messages },
            ...response,
          }),
        );
        this.answerStore.add(key, answers);
      }
      progress.update({ step: done + 1 });
    }
    progress.done(`answers: ${this.answerStore.all().length} of ${this.plan.questions.length} questions`);
    return true;
  }

  /** Lets a judge rate what it has not rated yet. @returns false when the signal stopped it */
  async judge(
    name: string,
    reader: AnswerReader,
    progress: Progress,
    signal?: AbortSignal,
  ): Promise<boolean> {
    const groups = this.groups();
    progress.start(groups.length, `judge ${name}`);
    for (const [done, { key, question }] of groups.entries()) {
      const answers = this.answerStore.get(key) ?? [];
      for (const criterion of question.criteria) {
        const group = `${name} ${criterion.name} ${key}`;
        if (answers.length === 0 || this.judgementStore.get(group) !== undefined) continue;
        if (signal?.aborted) return false;
        const judged = await judgeAnswers(name, reader, question, criterion, answers);
        this.judgementStore.add(group, judged);
      }
      progress.update({ step: done + 1 });
    }
    progress.done(`judge ${name}: ${answersOf(groups)} answers`);
    return true;
  }

  private drawing(key: string): { seed: number; temperature: number; maxTokens: number } {
    const { temperature, maxTokens } = this.plan.sampling;
    const digest = createHash('sha256').update(key).digest();
    return { seed: new Random(digest.readUInt32LE(0), 'evaluation').uint32(), temperature, maxTokens };
  }

  private groups() {
    const { questions, sampling } = this.plan;
    return sampling.seeds.flatMap((seed) =>
      questions.flatMap((question) =>
        question.paraphrases.map((_, paraphrase) => ({
          key: `${question.id}/${paraphrase}/${seed}`,
          count: sampling.samples ?? question.samplesPerParaphrase,
          ...{ question, paraphrase, seed },
        })),
      ),
    );
  }
}

async function judgeAnswers(
  judge: string,
  reader: AnswerReader,
  question: Question,
  criterion: Criterion,
  answers: readonly Answer[],
): Promise<Judgement[]> {
  const sayable = [...(criterion.numbers ? NUMBERS : []), ...criterion.words];
  const conversations = answers.map(({ paraphrase, text }): Message[] => [
    { role: 'user', content: judgePrompt(criterion, question.paraphrases[paraphrase], text) },
  ]);
  const probabilities = await reader.answerProbabilities(conversations, sayable);
  return answers.map(({ id }, i): Judgement => {
    const distribution = distributionOf(sayable, probabilities[i]);
    return { answer: id, judge, criterion: criterion.name, distribution, ...ratingOf(distribution ?? {}) };
  });
}

function conversationOf({ system, paraphrases }: Question, paraphrase: number): Message[] {
  const user: Message = { role: 'user', content: paraphrases[paraphrase] };
  return system === undefined ? [user] : [{ role: 'system', content: system }, user];
}

/** An error of the model, with the question that it could not answer. */
function atQuestion(id: string, cause: unknown): unknown {
  if (!(cause instanceof ShapeError)) return cause;
  return new DataError({ ...cause.parts, where: `question '${id}'` }, { cause });
}

const answersOf = (groups: readonly { readonly count: number }[]) =>
  groups.reduce((sum, { count }) => sum + count, 0);

function readPlan(path: string): EvaluationPlan {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new DataError(
      { where: path, what: 'not an evaluation', next: 'start anew with --overwrite' },
      { cause },
    );
  }
}
