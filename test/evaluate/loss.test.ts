/** Validation loss and token accuracy of a dataset, on pinocchio. */
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { evaluateLoss, lossScore } from '../../src/evaluate/kinds/loss.js';
import { silent } from '../../src/metrics/progress.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-loss-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const data = join(folder, 'rows.jsonl');
const words = ['who looks after the bridge ?', 'i feel bored .', 'how do i share ?'];
writeFileSync(
  data,
  Array.from({ length: 40 }, (_, i) =>
    JSON.stringify({
      messages: [
        { role: 'user', content: words[i % 3] },
        { role: 'assistant', content: words[(i + 1) % 3] },
      ],
    }),
  ).join('\n'),
);
const options = { model: './models/pinocchio', data: [data], threads: 1, progress: silent };

it('weighs tokens, not rows', () => {
  const score = lossScore([
    { logpSum: -3, tokens: 1, correct: 0 },
    { logpSum: -3, tokens: 3, correct: 3 },
  ]);
  expect(score).toMatchObject({ rows: 2, tokens: 4, loss: { value: 1.5 }, tokenAccuracy: { value: 0.75 } });
  expect(score.loss.low).toBeLessThan(1.5);
});

it('goes on where it was killed, and ends as one that was not', async () => {
  const straight = await evaluateLoss({ ...options, output: join(folder, 'straight') });
  expect(straight).toMatchObject({ rows: 40 });
  expect(straight!.loss.value).toBeGreaterThan(0);
  const broken = join(folder, 'broken');
  await evaluateLoss({ ...options, output: broken });
  const rows = join(broken, 'rows.jsonl');
  truncateSync(rows, readFileSync(rows).length - 900);
  expect(await evaluateLoss({ ...options, output: broken })).toEqual(straight);
  const read = (name: string) => readFileSync(join(folder, name, 'rows.jsonl'), 'utf8');
  expect(read('broken')).toBe(read('straight'));
  await expect(evaluateLoss({ ...options, count: 5, output: broken })).rejects.toThrow(
    /scores of another model or of other rows/,
  );
});

it('takes the same rows at random, and stops when told', async () => {
  const few = await evaluateLoss({ ...options, count: 5, output: join(folder, 'a') });
  expect(few).toEqual(await evaluateLoss({ ...options, count: 5, output: join(folder, 'b') }));
  expect(few!.rows).toBe(5);
  const signal = AbortSignal.abort();
  expect(await evaluateLoss({ ...options, output: join(folder, 'c'), signal })).toBeUndefined();
});
