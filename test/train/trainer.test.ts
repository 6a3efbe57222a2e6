/** The training loop on an engine that takes no time: resuming is exact, divergence stops, renewing is asked for. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError, TrainingError } from '../../src/errors.js';
import { CostMeter } from '../../src/metrics/costs.js';
import { costsOf, type MetricRecord, type Metrics } from '../../src/metrics/names.js';
import { silent } from '../../src/metrics/progress.js';
import { BatchStream } from '../../src/train/batch-stream.js';
import { loadCheckpoint, saveCheckpoint } from '../../src/train/checkpoint.js';
import { PairSource } from '../../src/train/pairs.js';
import { Trainer, type TrainerOptions } from '../../src/train/trainer.js';
import type { TokenRow } from '../../src/values/rows.js';
import { FakeEngine } from '../engine/fake.js';
import { randomRows } from '../engine/tiny.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-trainer-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rows = randomRows([9, 12, 7, 10, 8, 11, 6, 13]);
const [chosen, rejected, ...evaluationRows] = randomRows([8, 10, 9, 9], 2);

/** A record without what the clock said. */
const timeless = (metrics: object) =>
  Object.fromEntries(
    Object.entries(metrics).filter(([name]) => !name.startsWith('time/') && name !== 'tokens_per_second'),
  );

/** A run of ten steps, and what it logged. */
function runOf(output: string, more: Partial<TrainerOptions> = {}, training: readonly TokenRow[] = rows) {
  const engine = new FakeEngine();
  const logged: Record<string, unknown>[] = [];
  const pairs = new PairSource({
    ...{ engine, reference: 'base', frozenConscience: true, probes: [], trainingPrompts: [] },
    ...{ probeShare: 0, every: 1, samples: 1, pairsPerStep: 1, replayCapacity: 4, maxLength: 32, seed: 1 },
    fixed: [{ chosen, rejected }],
    onReviews: () => {},
  });
  const trainer = new Trainer({
    ...{ engine, evaluationRows, pairs, modelHash: 'f00d', settings: { seed: 1 }, progress: silent },
    stream: new BatchStream(training, {
      ...{ batching: 'bucket', batchSize: 2, accumulation: 2, maxLength: 32, seed: 1 },
    }),
    loss: { lambda: 0.5, beta: 0.1 },
    schedule: { schedule: 'cosine', learningRate: 0.1, warmupSteps: 2, totalSteps: 10 },
    ...{ maxGradNorm: 1, logEvery: 3, evalEvery: 5, saveEvery: 4, renewEvery: 0 },
    earlyStop: { validations: 0, threshold: 0 },
    onMetrics: (step, metrics) => logged.push({ step, ...timeless(metrics) }),
    onSave: (state) => saveCheckpoint(join(folder, output), state, engine),
    ...more,
  });
  return { trainer, engine, logged };
}

describe('the trainer', () => {
  it('ends a resumed run as one that never stopped, weight for weight and record for record', async () => {
    const whole = runOf('whole');
    expect(await whole.trainer.run()).toEqual({ finished: true, step: 10 });
    for (const step of [4, 8]) {
      const resumed = runOf('resumed');
      await resumed.trainer.restore(await loadCheckpoint(join(folder, `whole/checkpoint-${step}`)));
      expect(await resumed.trainer.run()).toEqual({ finished: true, step: 10 });
      expect(await resumed.engine.weights()).toEqual(await whole.engine.weights());
      expect(resumed.logged).toEqual(whole.logged.filter((record) => Number(record.step) > step));
    }
  });

  it('measures where its time goes, to the whole of it, also where it was resumed', async () => {
    let clock = 0;
    const tick = () => (clock += 1000);
    const seconds = (records: readonly MetricRecord[]) => {
      const costs = costsOf(records)!;
      return Object.values(costs).reduce((sum, cost) => sum + cost.seconds, 0);
    };
    const records: MetricRecord[] = [];
    const onMetrics = (step: number, metrics: Metrics) => records.push({ step, ...metrics });
    const meter = () => new CostMeter(tick);
    const before = clock;
    const whole = runOf('measured', { meter: meter(), onMetrics });
    await whole.trainer.run();
    // the meter's clock moves only where it is read: once before the start, last at the end
    expect(seconds(records)).toBe((clock - before) / 1000 - 2);
    const costs = costsOf(records)!;
    expect(Object.keys(costs)).toEqual(['pairs', 'sft', 'evaluation', 'checkpoints', 'other']);
    expect(costs.sft!.tokens + costs.pairs!.tokens).toBe(records.at(-1)!.num_tokens);
    expect(costs.evaluation!.tokens).toBe(3 * evaluationRows.reduce((sum, { ids }) => sum + ids.length, 0));

    const kept = records.filter(({ step }) => step <= 4);
    const resumed = runOf('measured again', {
      meter: meter(),
      onMetrics: (step, metrics) => kept.push({ step, ...metrics }),
    });
    await resumed.trainer.restore(await loadCheckpoint(join(folder, 'measured/checkpoint-4')));
    await resumed.trainer.run();
    const tokens = (of: readonly MetricRecord[]) =>
      Object.entries(costsOf(of)!).map(([stage, cost]) => [stage, cost.tokens]);
    expect(tokens(kept)).toEqual(tokens(records));
  });

  it('lowers both losses', async () => {
    const { trainer, logged } = runOf('lower');
    await trainer.run();
    const losses = logged.flatMap((record) => (record.loss === undefined ? [] : [record]));
    for (const name of ['loss/sft', 'loss/dpo'] as const) {
      expect(Number(losses.at(-1)![name]), name).toBeLessThan(Number(losses[0][name]));
    }
  });

  it('saves where it is stopped', async () => {
    const { trainer } = runOf('stopped');
    const result = await trainer.run(AbortSignal.abort());
    expect(result).toEqual({ finished: false, step: 0, checkpoint: join(folder, 'stopped/checkpoint-0') });
    expect((await loadCheckpoint(result.checkpoint!)).state.step).toBe(0);
  });

  it('refuses the checkpoint of another run', async () => {
    await runOf('first').trainer.run();
    const checkpoint = await loadCheckpoint(join(folder, 'first/checkpoint-4'));
    const other = runOf('other', { settings: { seed: 2 } });
    await expect(other.trainer.restore(checkpoint)).rejects.toThrow(/other settings: seed 1, now 2/);
  });

  it('stops where the gradient is no number, with the rows and the last good checkpoint', async () => {
    const { trainer, engine } = runOf('diverged');
    const accumulate = engine.accumulate.bind(engine);
    let passes = 0;
    engine.accumulate = (pass) => accumulate(++passes < 11 ? pass : { ...pass, sftWeight: Number.NaN });
    const error = await trainer.run().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(TrainingError);
    expect((error as Error).message).toMatch(
      /^step 6: loss NaN, gradient norm NaN, on rows row \d, .*; last good checkpoint: .*checkpoint-4\. /,
    );
  });

  it('asks an engine that is to renew its frozen copy whether it can, before the first step', () => {
    expect(() => runOf('renewed', { renewEvery: 2 })).toThrow(ConfigError);
  });
});
