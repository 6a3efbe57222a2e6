/** Runs a model's answers to HumanEval, and says what became of each. */
import { availableParallelism } from 'node:os';
import pLimit from 'p-limit';
import { isRefusal } from '../../conscience/refusal.js';
import type { Sandbox } from '../../sandbox/sandbox.js';
import type { Response } from '../../values/conversation.js';
import { allCode } from './extract-code.js';
import { answerProgram, type HumanEvalTask } from './humaneval.js';
import type { HumanEvalRecord } from './humaneval-score.js';

/**
 * Runs answers with their tasks' tests, as many at a time as there are cores, and at most eight. What declines without
 * any code is not run, nor what is not there because the prompt left no room.
 *
 * @returns a function that rejects when the signal stops it
 */
export function answerChecker(
  sandbox: Sandbox,
  signal?: AbortSignal,
): (task: HumanEvalTask, sample: number, response: Response) => Promise<HumanEvalRecord> {
  const limit = pLimit(Math.min(8, availableParallelism()));
  return async (task, sample, { text: answer, finish, tokens }) => {
    const given = { task: task.id, sample, answer, finish };
    if (tokens === 0) return { ...given, outcome: 'no room', reason: '' };
    if (allCode(answer) === null && isRefusal(answer)) return { ...given, outcome: 'refused', reason: '' };
    const { status, reason } = await limit(() => sandbox.run(answerProgram(task, answer), signal));
    return { ...given, outcome: status, reason };
  };
}
