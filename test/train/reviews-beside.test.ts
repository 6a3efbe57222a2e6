/** Reviews beside training: taken up after the same number of steps, however long they take. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { countRecords } from '../../src/conscience/metrics.js';
import type { ReviewRecord } from '../../src/conscience/record.js';
import { silent } from '../../src/metrics/progress.js';
import { BatchStream } from '../../src/train/batch-stream.js';
import { loadCheckpoint, saveCheckpoint } from '../../src/train/checkpoint.js';
import { PairSource, type PairSourceOptions } from '../../src/train/pairs.js';
import { type ReviewAnswer, type ReviewRequest, ReviewsBeside } from '../../src/train/reviews-beside.js';
import { Trainer } from '../../src/train/trainer.js';
import type { Pair } from '../../src/values/pair.js';
import { FakeEngine } from '../engine/fake.js';
import { randomRows } from '../engine/tiny.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-beside-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const said = (text: string) => ({ text, finish: 'stop' as const, tokens: text.length });

/** A review whose one pair is made of the weights that it was given. */
function answerTo({ step, seed, prompts, weights, priors }: ReviewRequest): ReviewAnswer {
  const [{ data }] = [...weights.values()];
  const moved = data.reduce((sum, x) => sum + Math.abs(x), 0);
  const letter = 'abcdefgh'[Math.floor(moved * 1e4) % 8];
  const verdict = {
    ...{ kind: 'objected' as const, pObjection: 1, pObjectionRaw: 1, mass: 1, framework: 'f', judge: 'j' },
  };
  const pair: Pair = {
    ...{ id: `pair:${step}.0`, prompt: prompts[0], chosen: said(letter), rejected: said('z'), step },
    ...{ verdict, alternativeVerdict: null },
  };
  const record = {
    id: `review:${step}.0`,
    step,
    age: 2,
    seed,
    pair: pair.id,
    moved,
  } as unknown as ReviewRecord;
  const counts = { ...countRecords([]), reviewed: 1, pairs: 1, tokens: 9 };
  return {
    made: { reviews: [record], pairs: [pair], counts },
    references: [[pair.id, { chosen: -3, rejected: -1 }]],
    priors: [...priors, [`prior ${step}`, { accept: -1, object: -2 }]],
    costs: { sampling: { seconds: 5, tokens: 9 } },
  };
}

/** Ten steps with a review every third of them, two steps behind. @param delay of a thread, ms */
function runOf(output: string, delay: (step: number) => number = () => 0, more = {}) {
  const engine = new FakeEngine();
  const asked: number[] = [];
  const taken: { id: string; at: number }[] = [];
  let steps = 0;
  const thread = {
    review: async (request: ReviewRequest) => {
      asked.push(request.step);
      const answer = JSON.parse(JSON.stringify(answerTo(request)));
      await wait(delay(request.step));
      return answer;
    },
  };
  const pairs = new PairSource({
    ...{ engine, reference: 'base', frozenConscience: true, trainingPrompts: [], totalSteps: 10 },
    probes: ['ab', 'cd', 'ef'].map((content) => ({ messages: [{ role: 'user', content }] })) as never,
    ...{ probeShare: 1, every: 3, samples: 1, pairsPerStep: 2, pairsEvery: 3, replayCapacity: 4 },
    ...{ maxLength: 64, seed: 1, fixed: [], conscience: {} as PairSourceOptions['conscience'] },
    beside: new ReviewsBeside(thread, 2),
    ...more,
    onReviews: (records) => taken.push(...records.map(({ id }) => ({ id, at: steps }))),
  });
  const trainer = new Trainer({
    ...{ engine, evaluationRows: [], pairs, modelHash: 'f00d', settings: {} },
    progress: { ...silent, update: ({ step }) => (steps = step) },
    stream: new BatchStream(randomRows([9, 12, 7, 10, 8, 11]), {
      ...{ batching: 'bucket', batchSize: 2, accumulation: 1, maxLength: 32, seed: 1 },
    }),
    loss: { lambda: 0.5, beta: 0.1 },
    schedule: { schedule: 'constant', learningRate: 0.1, warmupSteps: 0, totalSteps: 10 },
    ...{ maxGradNorm: 1, logEvery: 1, evalEvery: 0, saveEvery: 1, renewEvery: 0 },
    earlyStop: { validations: 0, threshold: 0 },
    onMetrics: () => {},
    onSave: (state) => saveCheckpoint(join(folder, output), state, engine),
  });
  return { trainer, engine, asked, taken };
}

describe('reviews beside training', () => {
  it('are taken up two steps later, before that step, and not begun where training ends first', async () => {
    const { trainer, asked, taken } = runOf('whole');
    await trainer.run();
    // the one that is due before the tenth step would come after it
    expect(asked).toEqual([0, 3, 6]);
    expect(taken).toEqual([
      { id: 'review:0.0', at: 2 },
      { id: 'review:3.0', at: 5 },
      { id: 'review:6.0', at: 8 },
    ]);
  });

  it('change nothing by how long they take, nor by a resume while one is pending', async () => {
    const quick = runOf('quick');
    await quick.trainer.run();
    const slow = runOf('slow', (step) => 5 * (7 - step));
    await slow.trainer.run();
    const expected = await quick.engine.weights();
    expect(await slow.engine.weights()).toEqual(expected);
    for (const step of [1, 4, 5, 9]) {
      const resumed = runOf('resumed');
      await resumed.trainer.restore(await loadCheckpoint(join(folder, `quick/checkpoint-${step}`)));
      await resumed.trainer.run();
      expect(await resumed.engine.weights(), `from step ${step}`).toEqual(expected);
      expect([...resumed.taken].map(({ id }) => id)).toEqual(
        quick.taken.filter(({ at }) => at >= step).map(({ id }) => id),
      );
    }
  });

  it('come at distances that follow the flags of those that are taken up, also after a resume', async () => {
    const adapting = (output: string) => runOf(output, () => 0, { adaptive: true, every: 1 });
    const whole = adapting('adapting');
    await whole.trainer.run();
    // none of them flags: that of step 0 is taken up when that of step 2 has begun, and by step 4 the distance is 4
    expect(whole.asked).toEqual([0, 1, 2, 6]);
    const expected = await whole.engine.weights();
    for (const step of [1, 2, 3, 5]) {
      const resumed = adapting('adapting resumed');
      await resumed.trainer.restore(await loadCheckpoint(join(folder, `adapting/checkpoint-${step}`)));
      await resumed.trainer.run();
      expect(await resumed.engine.weights(), `from step ${step}`).toEqual(expected);
      expect(resumed.asked).toEqual(whole.asked.filter((at) => at >= step));
    }
  });

  it('end training with the error that ended one, where it would have been taken up', async () => {
    const { trainer, taken } = runOf('failing');
    const failing = runOf('failing too', () => {
      throw new RangeError('no memory');
    });
    await trainer.run();
    await expect(failing.trainer.run()).rejects.toThrow('no memory');
    expect([failing.taken, taken.length]).toEqual([[], 3]);
  });
});
