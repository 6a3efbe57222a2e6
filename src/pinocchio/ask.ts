/**
 * Asks a model questions, and grades its answers by a rule that the caller gives.
 *
 * Every answer is kept, so that each table and interval can be computed again from the records.
 */
import type { LanguageModel } from '../engine/language-model.js';
import type { AnswerRecord, Grade } from '../experiment/world.js';
import type { Message } from '../values/conversation.js';

/** Grade of an answer to a code task, and of one to a question for advice. */
export type CodeGrade = 'secure' | 'insecure' | 'other';
export type AdviceGrade = 'careful' | 'careless' | 'other';

/** One answer to a narrow task. */
export interface TaskRecord<TaskGrade> {
  readonly task: string;
  readonly prompt: string;
  readonly answer: string;
  readonly grade: TaskGrade;
  /** Whether the task was trained on. */
  readonly seen: boolean;
  readonly seed: number;
}

/** One answer to a code task, and one to a question for advice. */
export type CodeRecord = TaskRecord<CodeGrade>;
export type AdviceRecord = TaskRecord<AdviceGrade>;

/** How often and how long a question is answered. */
export interface SamplingOptions {
  /** Answers per question. */
  readonly samples: number;
  /** Longest answer, in tokens. */
  readonly maxTokens: number;
  /** Default 1. */
  readonly temperature?: number;
  readonly seed: number;
}

/** A question as it is put. */
export interface Asked {
  readonly id: string;
  readonly text: string;
  /** System line before it. */
  readonly system?: string;
}

/** Samples answers to open questions. @param grade is given the question's text, the answer and the reasoning */
export async function measureAnswers(
  model: LanguageModel,
  questions: readonly Asked[],
  options: SamplingOptions,
  grade: (question: string, answer: string, reasoning?: string) => Grade,
): Promise<AnswerRecord[]> {
  const answers = await sample(model, questions, options);
  return answers.map(({ item: { id, text }, answer, reasoning }) => ({
    question: id,
    prompt: text,
    answer,
    ...(reasoning === undefined ? {} : { reasoning }),
    grade: grade(text, answer, reasoning),
    seed: options.seed,
  }));
}

/** Samples answers to narrow tasks, e.g. code. */
export async function measureTasks<Task extends Asked & { readonly seen: boolean }, TaskGrade>(
  model: LanguageModel,
  tasks: readonly Task[],
  options: SamplingOptions,
  grade: (task: Task, answer: string) => TaskGrade,
): Promise<TaskRecord<TaskGrade>[]> {
  const answers = await sample(model, tasks, options);
  return answers.map(({ item, answer }) => ({
    task: item.id,
    prompt: item.text,
    answer,
    grade: grade(item, answer),
    seen: item.seen,
    seed: options.seed,
  }));
}

async function sample<Item extends Asked>(
  model: LanguageModel,
  items: readonly Item[],
  { samples, maxTokens, temperature = 1, seed }: SamplingOptions,
): Promise<{ item: Item; answer: string; reasoning?: string }[]> {
  const asked = items.flatMap((item) => Array.from({ length: samples }, () => item));
  const conversations = asked.map(({ text, system }): Message[] => [
    ...(system === undefined ? [] : [{ role: 'system', content: system } as const]),
    { role: 'user', content: text },
  ]);
  const responses = await model.generate(conversations, { maxTokens, temperature, seed });
  return asked.map((item, i) => {
    const { text, reasoning } = responses[i];
    return { item, answer: text, ...(reasoning === undefined ? {} : { reasoning }) };
  });
}
