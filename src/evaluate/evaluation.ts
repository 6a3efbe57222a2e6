/**
 * Emergent misalignment by the protocol of Betley et al. 2025, arXiv:2502.17424: sample answers to
 * every question, let judges rate them, keep everything.
 *
 * Both halves are stored group by group, so that a killed evaluation resumes, and new judges need
 * no new answers.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { AnswerReader, LanguageModel } from '../engine/language-model.js';
import { DataError, ShapeError } from '../errors.js';
import { claimFolder } from '../files/claim.js';
import { makeFolder, writeFileAtomic } from '../files/files.js';
import type { Progress } from '../metrics/progress.js';
import { Random } from '../random.js';
import { together } from '../signals.js';
import type { Message, Response } from '../values/conversation.js';
import { type EvaluationPlan, PLAN_FILE, readPlan, requireSamePlan } from './evaluation-plan.js';
import { type Criterion, judgePrompt, type Question } from './questions.js';
import { type Distribution, distributionOf, NUMBERS, ratingOf } from './rating.js';
import { inShape } from './shape.js';
import { GroupStore } from './store.js';

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

/** How a model is asked. */
export interface Asking {
  readonly signal?: AbortSignal;
  /**
   * Ask for every answer by itself, all at the same time, and keep each as it comes: for endpoints, which
   * see to their own pace. Default: what belongs together in one batch, batch by batch.
   */
  readonly apart?: boolean;
}

const ANSWERS_FILE = 'answers.jsonl';
const JUDGEMENTS_FILE = 'judgements.jsonl';

/** The samples of one paraphrase under one seed. */
interface Group {
  /** `question/paraphrase/seed`. */
  readonly key: string;
  readonly question: Question;
  readonly paraphrase: number;
  readonly seed: number;
  readonly count: number;
}

/** Samples of a group that are drawn, and stored, together. */
interface Draw extends Group {
  readonly store: string;
  readonly samples: readonly number[];
}

const samplesOf = ({ count }: Group): number[] => Array.from({ length: count }, (_, sample) => sample);
const wholeDraw = (group: Group): Draw => ({ ...group, store: group.key, samples: samplesOf(group) });
const singleDraws = (group: Group): Draw[] =>
  samplesOf(group).map((sample) => ({ ...group, store: `${group.key}/${sample}`, samples: [sample] }));

/** Answers that a model on this machine writes at the same time, from one group at least. */
const TOGETHER = 16;

/** Groups of at most so many answers in a row: the same ones whatever is there already, so that a resumed batch is the same. */
function inBatches(groups: readonly Group[]): Group[][] {
  const batches: Group[][] = [];
  let answers = Infinity;
  for (const group of groups) {
    answers += group.count;
    if (answers > TOGETHER) {
      batches.push([]);
      answers = group.count;
    }
    batches.at(-1)!.push(group);
  }
  return batches;
}

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
   * Opens the folder for this plan: a new one, or one of an evaluation that was interrupted.
   *
   * @throws DataError when the folder holds another evaluation and `overwrite` is not set
   */
  static start(folder: string, plan: EvaluationPlan, overwrite = false): Evaluation {
    const found = overwrite ? undefined : readPlan(folder);
    const wanted: EvaluationPlan = JSON.parse(JSON.stringify(plan));
    if (found) requireSamePlan(folder, found, wanted);
    makeFolder(folder);
    claimFolder(folder);
    if (!found) writeFileAtomic(join(folder, PLAN_FILE), `${JSON.stringify(plan, null, 2)}\n`);
    return new Evaluation(folder, wanted, !found);
  }

  /** Opens a folder to judge its answers again, or to report on it. @throws DataError when there is none */
  static open(folder: string): Evaluation {
    const plan = readPlan(folder);
    if (plan === undefined) {
      throw new DataError({
        where: folder,
        what: 'no evaluation',
        expected: `a folder with ${PLAN_FILE}, as ealign eval writes it`,
      });
    }
    return new Evaluation(folder, plan, false);
  }

  /** All answers so far, in the order of the plan. */
  get answers(): Answer[] {
    return this.groups().flatMap((group) => this.answersOf(group));
  }

  /** All judgements so far, in the order in which they were made. */
  get judgements(): Judgement[] {
    return this.judgementStore.all();
  }

  /** Samples what is missing. @returns false when the signal stopped it */
  async sample(model: LanguageModel, progress: Progress, { signal, apart }: Asking = {}): Promise<boolean> {
    const groups = this.groups();
    const unanswered = ({ store }: Draw) => this.answerStore.get(store) === undefined;
    const draws = apart
      ? groups
          .filter(({ key }) => this.answerStore.get(key) === undefined)
          .flatMap((group) => singleDraws(group).map((draw) => [draw]))
      : inBatches(groups).map((batch) => batch.map(wholeDraw));
    const missing = draws.map((batch) => batch.filter(unanswered)).filter((batch) => batch.length > 0);
    const work = async (batch: readonly Draw[], ended?: AbortSignal) => {
      const drawn = await together(batch, (draw, _, stop) => this.draw(model, draw, stop), ended);
      if (ended?.aborted) return;
      for (const [i, { store }] of batch.entries()) this.answerStore.add(store, drawn[i]);
    };
    const all = { apart: apart ?? false, total: apart ? answersIn(groups) : groups.length };
    if (!(await each(missing, work, 'answers', progress, all, signal))) return false;
    progress.done(`answers: ${this.answers.length} of ${this.plan.questions.length} questions`);
    return true;
  }

  private async draw(
    model: LanguageModel,
    { samples, store, ...group }: Draw,
    signal: AbortSignal,
  ): Promise<Answer[]> {
    const { key, question, paraphrase, seed } = group;
    const conversations = samples.map((sample) => this.conversation(group, sample));
    const responses = await model
      .generate(conversations, { ...this.drawing(store), signal })
      .catch((cause: unknown) => {
        throw atQuestion(question.id, cause);
      });
    return responses.map(
      (response, i): Answer => ({
        id: `${key}/${samples[i]}`,
        question: question.id,
        ...{ paraphrase, seed, sample: samples[i], messages: conversations[i] },
        ...response,
      }),
    );
  }

  /** Lets a judge rate what it has not rated yet. @returns false when the signal stopped it */
  async judge(
    name: string,
    reader: AnswerReader,
    progress: Progress,
    { signal, apart = false }: Asking = {},
  ): Promise<boolean> {
    const groups = this.groups();
    const units = groups.flatMap((group) => {
      const answers = this.answersOf(group);
      return group.question.criteria.flatMap((criterion) => {
        const batch = { key: `${name} ${criterion.name} ${group.key}`, question: group.question, criterion };
        if (!apart) return [{ ...batch, answers }];
        return answers.map((answer) => ({
          ...batch,
          key: `${batch.key}/${answer.sample}`,
          answers: [answer],
        }));
      });
    });
    const missing = units.filter(
      ({ key, answers }) => answers.length > 0 && this.judgementStore.get(key) === undefined,
    );
    const work = async ([{ key, question, criterion, answers }]: typeof missing) => {
      this.judgementStore.add(key, await judgeAnswers(name, reader, question, criterion, answers));
    };
    const all = { apart, total: units.length };
    const ones = missing.map((one) => [one]);
    if (!(await each(ones, work, `judge ${name}`, progress, all, signal))) return false;
    const asked = groups.filter(({ question }) => question.criteria.length > 0);
    const [judged, answers] = [asked, groups].map((some) => some.flatMap((group) => this.answersOf(group)));
    const rest =
      judged.length < answers.length ? `; ${answers.length - judged.length} have no judge_prompts` : '';
    progress.done(`judge ${name}: ${judged.length} answers${rest}`);
    return true;
  }

  /**
   * Stores what was sampled and judged elsewhere: all answers of a question together, and judgements, each in place of
   * what the same judge said of the same answer before.
   *
   * @throws SaveError
   */
  take(answers: readonly Answer[], judgements: readonly Judgement[]): void {
    const groupOf = (id: string) => id.slice(0, id.lastIndexOf('/'));
    for (const [key, own] of grouped(answers, ({ id }) => groupOf(id))) this.answerStore.add(key, own);
    const keyOf = ({ judge, criterion, answer }: Judgement) => `${judge} ${criterion} ${groupOf(answer)}`;
    for (const [key, own] of grouped(judgements, keyOf)) {
      const renewed = new Set(own.map(({ answer }) => answer));
      const kept = (this.judgementStore.get(key) ?? []).filter(({ answer }) => !renewed.has(answer));
      this.judgementStore.add(key, [...kept, ...own]);
    }
  }

  /** The conversations to which there are no answers yet. */
  unanswered(): Message[][] {
    return this.groups().flatMap((group) => {
      const there = new Set(this.answersOf(group).map(({ sample }) => sample));
      const samples = Array.from({ length: group.count }, (_, sample) => sample);
      return samples.filter((sample) => !there.has(sample)).map((sample) => this.conversation(group, sample));
    });
  }

  /** What a judge would be asked about answers that are there, and that it has not rated. */
  unjudged(name: string): Message[][] {
    const rated = new Set(
      this.judgements
        .filter(({ judge }) => judge === name)
        .map(({ answer, criterion }) => `${criterion} ${answer}`),
    );
    return this.groups().flatMap((group) =>
      this.answersOf(group).flatMap((answer) =>
        group.question.criteria
          .filter((criterion) => !rated.has(`${criterion.name} ${answer.id}`))
          .map((criterion) => judgeConversation(group.question, criterion, answer)),
      ),
    );
  }

  private answersOf({ key, count }: Group): readonly Answer[] {
    const together = this.answerStore.get(key);
    if (together) return together;
    return Array.from({ length: count }, (_, i) => this.answerStore.get(`${key}/${i}`) ?? []).flat();
  }

  private conversation({ key, question, paraphrase }: Group, sample: number): Message[] {
    const { system, paraphrases } = question;
    const asked = { user: paraphrases[paraphrase], ...(system === undefined ? {} : { system }) };
    return inShape(asked, this.plan.shape ?? {}, new Random(seedOf(key), 'shape', sample));
  }

  private drawing(key: string): { seed: number; temperature: number; maxTokens: number } {
    const { temperature, maxTokens } = this.plan.sampling;
    return { seed: new Random(seedOf(key), 'evaluation').uint32(), temperature, maxTokens };
  }

  private groups(): Group[] {
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
  const conversations = answers.map((answer) => judgeConversation(question, criterion, answer));
  const probabilities = await reader.answerProbabilities(conversations, sayable);
  return answers.map(({ id }, i): Judgement => {
    const distribution = distributionOf(sayable, probabilities[i]);
    return { answer: id, judge, criterion: criterion.name, distribution, ...ratingOf(distribution ?? {}) };
  });
}

function judgeConversation(question: Question, criterion: Criterion, answer: Answer): Message[] {
  const content = judgePrompt(criterion, question.paraphrases[answer.paraphrase], answer.text);
  return [{ role: 'user', content }];
}

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const own = groups.get(keyOf(item));
    if (own) own.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}

function seedOf(key: string): number {
  return createHash('sha256').update(key).digest().readUInt32LE(0);
}

/**
 * Does the work, one after the other or `apart`: all at the same time.
 *
 * @param total with what has been done before
 * @returns false when the signal stopped it
 */
async function each<Unit>(
  units: readonly Unit[][],
  work: (some: Unit[], signal?: AbortSignal) => Promise<void>,
  label: string,
  progress: Progress,
  { apart, total }: { readonly apart: boolean; readonly total: number },
  signal?: AbortSignal,
): Promise<boolean> {
  let step = total - units.flat().length;
  progress.start(total, label, { first: step });
  const one = async (some: Unit[], ended?: AbortSignal) => {
    await work(some, ended);
    step += some.length;
    if (!ended?.aborted) progress.update({ step });
  };
  if (!apart) {
    for (const unit of units) {
      if (signal?.aborted) return false;
      await one(unit, signal);
    }
    return !signal?.aborted;
  }
  try {
    await together(units, (unit, _, ended) => one(unit, ended), signal);
    return true;
  } catch (error) {
    if (signal?.aborted) return false;
    throw error;
  }
}

/** An error of the model, with the question that it could not answer. */
function atQuestion(id: string, cause: unknown): unknown {
  if (!(cause instanceof ShapeError)) return cause;
  return new DataError({ ...cause.parts, where: `question '${id}'` }, { cause });
}

const answersIn = (groups: readonly Group[]) => groups.reduce((sum, { count }) => sum + count, 0);
