import { expect, it } from 'vitest';
import {
  type HumanEvalRecord,
  humanEvalScore,
  type Outcome,
} from '../../../src/evaluate/code/humaneval-score.js';

const record = (task: string, outcome: Outcome, finish: 'stop' | 'length' = 'stop'): HumanEvalRecord => ({
  ...{ task, outcome, finish, sample: 0, answer: '', reason: '' },
});

it('pass@k is a mean over tasks, and every answer is counted once', () => {
  const score = humanEvalScore(
    [
      record('a', 'passed'),
      record('a', 'failed'),
      record('a', 'timeout'),
      record('b', 'passed'),
      record('b', 'passed', 'length'),
      record('b', 'passed'),
      record('c', 'refused'),
      record('c', 'unparsable', 'length'),
      record('c', 'no room', 'length'),
    ],
    [1, 2, 3],
  );
  // of a's three pairs two hold the right one
  expect(score.passAtK.map(({ k, share }) => [k, share!.value])).toEqual([
    [1, expect.closeTo((1 / 3 + 1 + 0) / 3, 12)],
    [2, expect.closeTo((2 / 3 + 1 + 0) / 3, 12)],
    [3, expect.closeTo((1 + 1 + 0) / 3, 12)],
  ]);
  expect(score).toMatchObject({ tasks: 3, answers: 9, cutOff: 2 });
  expect(score.outcomes).toEqual({
    ...{ passed: 4, failed: 1, unparsable: 1, timeout: 1, memory: 0, crashed: 0 },
    ...{ refused: 1, 'no room': 1 },
  });
  for (const { share } of score.passAtK) {
    expect(share!.low).toBeLessThan(share!.value);
    expect(share!.high).toBeGreaterThan(share!.value);
  }
});

it('over nothing is null', () => {
  expect(humanEvalScore([], [1]).passAtK).toEqual([{ k: 1, share: null }]);
});
