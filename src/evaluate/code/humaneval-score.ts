/** What became of answers to HumanEval, and pass@k over them. */

import type { SandboxResult } from '../../sandbox/sandbox.js';
import { shareByQuestion } from '../../statistics/by-question.js';
import type { Estimate } from '../../statistics/intervals.js';
import { passAtK } from '../../statistics/pass-at-k.js';

/** How an answer can end. The last two were not run: it declines, or the prompt left no room for any. */
export type Outcome = SandboxResult['status'] | 'refused' | 'no room';

/** An answer and what became of it; one JSON line. */
export interface HumanEvalRecord {
  /** E.g. `HumanEval/17`. */
  readonly task: string;
  readonly sample: number;
  readonly answer: string;
  /** `length`: the token limit cut it off. */
  readonly finish: 'stop' | 'length';
  readonly outcome: Outcome;
  /** Why it did not pass, e.g. `AssertionError`. */
  readonly reason: string;
}

/** pass@k over the tasks, and how the answers ended. */
export interface HumanEvalScore {
  readonly tasks: number;
  readonly answers: number;
  /** Means over tasks with their 95 % intervals; null without tasks. */
  readonly passAtK: readonly { readonly k: number; readonly share: Estimate | null }[];
  readonly outcomes: Readonly<Record<Outcome, number>>;
  /** Answers that the token limit cut off. */
  readonly cutOff: number;
}

/** @param ks none larger than the number of answers to a task */
export function humanEvalScore(records: readonly HumanEvalRecord[], ks: readonly number[]): HumanEvalScore {
  const counts = new Map<string, { samples: number; passed: number }>();
  const outcomes: Record<Outcome, number> = {
    ...{ passed: 0, failed: 0, unparsable: 0, timeout: 0, memory: 0, crashed: 0 },
    ...{ refused: 0, 'no room': 0 },
  };
  for (const { task, outcome } of records) {
    const { samples, passed } = counts.get(task) ?? { samples: 0, passed: 0 };
    counts.set(task, { samples: samples + 1, passed: passed + Number(outcome === 'passed') });
    outcomes[outcome]++;
  }
  const tasks = [...counts.values()];
  return {
    tasks: tasks.length,
    answers: records.length,
    passAtK: ks.map((k) => ({ k, share: shareByQuestion(tasks.map((count) => [passAtK(count, k)])) })),
    outcomes,
    cutOff: records.filter(({ finish, outcome }) => finish === 'length' && outcome !== 'no room').length,
  };
}
