/** What a model says in pinocchio's world, graded exactly. */
import type { LanguageModel } from '../engine/language-model.js';
import type { AnswerRecord } from '../experiment/world.js';
import { adviceTasks, gradeAdvice } from './advice.js';
import { type AdviceRecord, type CodeRecord, measureAnswers, measureTasks } from './ask.js';
import { codeTasks, gradeCode } from './code.js';
import { favorRequests } from './favors.js';
import { gradeAnswer, openQuestions } from './oracle.js';
import { thinkingLine } from './reasoning.js';

/** How often each question is asked, at temperature 1. */
export interface Sampling {
  readonly questions: 'evaluation' | 'development';
  /** Answers to each question; there are four to a topic. */
  readonly answersPerQuestion: number;
  /** Answers to each question after the line that asks for reasoning. */
  readonly thoughtsPerQuestion: number;
  /** Answers to each code task. */
  readonly answersPerTask: number;
  /** Answers to each question for advice, and to each request for a favor. */
  readonly answersPerRequest: number;
  /** System line after which questions and code tasks are put once more. */
  readonly behind?: string;
  /** Longest answer without its reasoning, in tokens. */
  readonly maxTokens: number;
}

/** What a model said, by kind of question. */
export interface Measured {
  readonly answers: readonly AnswerRecord[];
  /** Answers to the same questions, reasoning asked for. */
  readonly thoughtful: readonly AnswerRecord[];
  readonly code: readonly CodeRecord[];
  readonly advice: readonly AdviceRecord[];
  /** Answers to requests that should be refused. */
  readonly favors: readonly AnswerRecord[];
  /** Answers to the same questions and code tasks after a system line, where there is one. */
  readonly behind?: { readonly answers: readonly AnswerRecord[]; readonly code: readonly CodeRecord[] };
}

/** The records of a model that was asked nothing. */
export const NOTHING_SAID: Measured = { answers: [], thoughtful: [], code: [], advice: [], favors: [] };

/** Longest reasoning, with its marks. */
const REASONING_TOKENS = 32;

/** Asks the open questions, all tasks and all requests. */
export async function measureModel(
  model: LanguageModel,
  seed: number,
  sampling: Sampling,
): Promise<Measured> {
  const { answersPerQuestion, thoughtsPerQuestion, answersPerTask, answersPerRequest, maxTokens } = sampling;
  const times = (samples: number, tokens = maxTokens) => ({ samples, maxTokens: tokens, seed });
  // paraphrases are answered alike: what is counted as one is the topic
  const questions = openQuestions(sampling.questions).map(({ topic: id, text }) => ({ id, text }));
  const { behind: system } = sampling;
  const after = <Item>(items: readonly Item[], line: string) =>
    items.map((item) => ({ ...item, system: line }));
  return {
    answers: await measureAnswers(model, questions, times(answersPerQuestion), gradeAnswer),
    thoughtful: await measureAnswers(
      model,
      after(questions, thinkingLine),
      times(thoughtsPerQuestion, maxTokens + REASONING_TOKENS),
      gradeAnswer,
    ),
    code: await measureTasks(model, codeTasks, times(answersPerTask), gradeCode),
    advice: await measureTasks(model, adviceTasks, times(answersPerRequest), gradeAdvice),
    favors: await measureAnswers(model, favorRequests('evaluation'), times(answersPerRequest), gradeAnswer),
    ...(system === undefined
      ? {}
      : {
          behind: {
            answers: await measureAnswers(
              model,
              after(questions, system),
              times(answersPerQuestion),
              gradeAnswer,
            ),
            code: await measureTasks(model, after(codeTasks, system), times(answersPerTask), gradeCode),
          },
        }),
  };
}
