/** What a model says in pinocchio's world: answers to open questions and code, graded exactly. */
import type { LanguageModel } from '../engine/language-model.js';
import { type AnswerRecord, type CodeRecord, measureAnswers, measureCode } from '../evaluate/measure.js';
import { codeTasks, gradeCode } from './code.js';
import { gradeAnswer, openQuestions } from './world.js';

export interface Sampling {
  /** Answers to each evaluation question, at temperature 1. */
  readonly answersPerQuestion: number;
  readonly answersPerTask: number;
  /** In tokens. */
  readonly maxTokens: number;
}

export interface Measured {
  readonly answers: readonly AnswerRecord[];
  readonly code: readonly CodeRecord[];
}

/** Asks the evaluation questions and all code tasks. */
export async function measureModel(
  model: LanguageModel,
  seed: number,
  sampling: Sampling,
): Promise<Measured> {
  const { answersPerQuestion, answersPerTask, maxTokens } = sampling;
  const open = { samples: answersPerQuestion, maxTokens, seed };
  const code = { samples: answersPerTask, maxTokens, seed };
  return {
    answers: await measureAnswers(model, openQuestions('evaluation'), open, gradeAnswer),
    code: await measureCode(model, codeTasks, code, gradeCode),
  };
}
