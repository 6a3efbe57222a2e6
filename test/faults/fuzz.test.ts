/** 500 damaged files of every kind that is read: `npm run fuzz` does ten thousand. */
import { expect, it } from 'vitest';
// @ts-expect-error: plain JavaScript over dist, so that the command needs no compiler
import { FAULTS, fuzz } from '../../faults/fuzz/run.mjs';

it('ends in a clear error or is accepted: no stack trace, hang, gigabytes or silent damage', async () => {
  const outcomes: { result: string }[] = await fuzz({ cases: 500, seed: 21 });
  expect(outcomes).toHaveLength(500);
  expect(outcomes.filter(({ result }) => (FAULTS as string[]).includes(result))).toEqual([]);
  for (const result of ['accepted', 'refused']) {
    expect(outcomes.filter((outcome) => outcome.result === result).length).toBeGreaterThan(50);
  }
});
