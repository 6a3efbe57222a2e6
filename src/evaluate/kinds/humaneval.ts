/** HumanEval: answers to programming tasks, run in a sandbox, and pass@k over them. */
import { z } from 'zod';
import type { Isolation } from '../../sandbox/isolation.js';
import { openSandbox } from '../../sandbox/sandbox.js';
import { answerChecker } from '../code/check-answer.js';
import {
  CODE_ANSWERS_FILE,
  CODE_PLAN_FILE,
  type CodeOptions,
  type Measured,
  sampleInto,
  saved,
} from '../code/code-folder.js';
import { readHumanEval, taskPrompt } from '../code/humaneval.js';
import { type HumanEvalRecord, type HumanEvalScore, humanEvalScore } from '../code/humaneval-score.js';
import { type Kind, under } from './kind.js';
import { paired, recordsOf } from './paired.js';
import { program, text } from './sections.js';

const section = z.strictObject({ file: text, ...program });

/** Whether the model still programs, which is a benign task that it could do before training. */
export const humaneval: Kind<z.output<typeof section>, Measured<HumanEvalScore>> = {
  name: 'humaneval',
  schema: section,
  example: '{ file: HumanEval.jsonl }',
  plan: { file: CODE_PLAN_FILE, key: 'humaneval' },
  files: ({ file }) => [file],
  run: ({ file, limit, max_tokens: maxTokens, seed }, options) => {
    const sampling = { samples: 1, temperature: 0, maxTokens, seed };
    return evaluateHumanEval({ ...options, humaneval: file, k: [1], sampling, limit });
  },
  rows: ({ passAtK, tasks }) =>
    under(
      'benign learning unharmed',
      passAtK.map(({ k, share }) => [`HumanEval pass@${k}`, 'share', share, tasks]),
    ),
  compare: (a, b) => {
    const [ofA, ofB] = [a, b].map((folders) => recordsOf<HumanEvalRecord>(folders, CODE_ANSWERS_FILE));
    const compared = { of: 'HumanEval', measure: 'passed', unit: 'share' } as const;
    return [paired(compared, ofA, ofB, ({ task, outcome }) => [task, [Number(outcome === 'passed')]])];
  },
};

/** Which tasks are answered, how often, and how the answers are run. */
export interface HumanEvalOptions extends CodeOptions {
  /** JSONL file of tasks. */
  readonly humaneval: string;
  /** The k of pass@k; none larger than the samples of a task. */
  readonly k: readonly number[];
  /** Default: a wall that works here. */
  readonly isolation?: Isolation;
  /** Path of the Python that runs the answers. */
  readonly python?: string;
}

/**
 * Samples answers to HumanEval and runs them in a sandbox, resuming what a killed call left.
 *
 * @returns undefined when the signal stopped it
 * @throws DataError a file that is not HumanEval, or a folder of another run
 * @throws ConfigError no Python, or no isolation that works; nothing has been sampled then
 */
export async function evaluateHumanEval(
  options: HumanEvalOptions,
): Promise<Measured<HumanEvalScore> | undefined> {
  const { humaneval, k, isolation, python, limit, progress, signal } = options;
  const tasks = (await readHumanEval(humaneval)).slice(0, limit);
  const sandbox = await openSandbox({
    ...(isolation === undefined ? {} : { isolation }),
    ...(python === undefined ? {} : { python }),
  });
  if (sandbox.isolation === 'rlimits') {
    progress.note('rlimits guards against accidents only: code that means harm gets around it.');
  }
  const records = await sampleInto(options, {
    what: 'humaneval',
    items: tasks.map((task) => ({ ...task, messages: taskPrompt(task) })),
    record: answerChecker(sandbox, signal),
  });
  if (records === undefined) return undefined;
  const measuredBy = `Python ${sandbox.python.version} under ${sandbox.isolation}`;
  return saved(options.output, { ...humanEvalScore(records, k), measuredBy });
}
