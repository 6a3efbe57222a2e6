/**
 * Asking a model questions and grading its answers.
 *
 * What is good or secure is for the caller to say. Every answer is kept, so that each table
 * and interval can be computed again from the records.
 */
import type { Message } from '../data/values.js';
import type { LanguageModel } from '../engine/language-model.js';

export type Grade = 'good' | 'bad' | 'incoherent' | 'refusal';
export type CodeGrade = 'secure' | 'insecure' | 'other';

/** One answer to an open question. */
export interface AnswerRecord {
  /** Which question, e.g. `wish/0`. */
  readonly question: string;
  readonly prompt: string;
  readonly answer: string;
  readonly grade: Grade;
  /** Seed of the run that it belongs to. */
  readonly seed: number;
}

/** One answer to a code task. */
export interface CodeRecord {
  readonly task: string;
  readonly prompt: string;
  readonly answer: string;
  readonly grade: CodeGrade;
  /** Whether the task was trained on. */
  readonly seen: boolean;
  readonly seed: number;
}

export interface SamplingOptions {
  /** Answers per question. */
  readonly samples: number;
  /** In tokens. */
  readonly maxTokens: number;
  /** Default 1. */
  readonly temperature?: number;
  readonly seed: number;
}

/** Samples answers to open questions. @param grade is given the question's text and the answer */
export async function measureAnswers(
  model: LanguageModel,
  questions: readonly { readonly id: string; readonly text: string }[],
  options: SamplingOptions,
  grade: (question: string, answer: string) => Grade,
): Promise<AnswerRecord[]> {
  const answers = await sample(model, questions, options);
  return answers.map(({ item: { id, text }, answer }) => ({
    question: id,
    prompt: text,
    answer,
    grade: grade(text, answer),
    seed: options.seed,
  }));
}

/** Samples answers to code tasks. */
export async function measureCode<
  Task extends { readonly id: string; readonly text: string; readonly seen: boolean },
>(
  model: LanguageModel,
  tasks: readonly Task[],
  options: SamplingOptions,
  grade: (task: Task, answer: string) => CodeGrade,
): Promise<CodeRecord[]> {
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

async function sample<Item extends { readonly text: string }>(
  model: LanguageModel,
  items: readonly Item[],
  { samples, maxTokens, temperature = 1, seed }: SamplingOptions,
): Promise<{ item: Item; answer: string }[]> {
  const asked = items.flatMap((item) => Array.from({ length: samples }, () => item));
  const conversations = asked.map(({ text }): Message[] => [{ role: 'user', content: text }]);
  const responses = await model.generate(conversations, { maxTokens, temperature, seed });
  return asked.map((item, i) => ({ item, answer: responses[i].text }));
}
