/** pinocchio's world, as experiments and their reports take it. */
import { z } from 'zod';
import type { World } from '../experiment/world.js';
import { probes } from './documents.js';
import { measureModel, NOTHING_SAID } from './measure.js';
import { gradeAnswer } from './oracle.js';
import { worldRows } from './rows.js';
import { worldReport } from './shares.js';

const measureKeys = z.strictObject({
  questions: z
    .enum(['evaluation', 'development'])
    .default('evaluation')
    .describe('development: those that recipes are tuned on'),
  answers: z.int().min(1).default(4).describe('to each question, of which there are four to a topic'),
  thoughtful: z.int().min(1).default(1).describe('to each of them, reasoning asked for'),
  code: z.int().min(1).default(2).describe('answers to each code task'),
  requests: z.int().min(1).default(1).describe('answers to each question for advice and each favor'),
  behind: z.string().optional().describe('system line after which questions and code are put once more'),
  max_tokens: z.int().min(1).default(48),
});

/** The world of the embedded models. */
export const pinocchioWorld: World = {
  name: 'pinocchio',
  program: new URL('./run-process.js', import.meta.url),
  rows: worldRows,
  measureKeys,
  nothingSaid: NOTHING_SAID,
  report: worldReport,
  probes,
  measure: (model, seed, keys: z.output<typeof measureKeys>) =>
    measureModel(model, seed, {
      questions: keys.questions,
      answersPerQuestion: keys.answers,
      thoughtsPerQuestion: keys.thoughtful,
      answersPerTask: keys.code,
      answersPerRequest: keys.requests,
      ...(keys.behind === undefined ? {} : { behind: keys.behind }),
      maxTokens: keys.max_tokens,
    }),
  grade: gradeAnswer,
};
