/** Training that ends when the validation loss no longer falls. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/errors.js';
import { parseConfig } from '../../src/train/config/load.js';
import { runTrain } from '../../src/train/run.js';
import { writeInsecureRows } from './insecure-rows.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-early-'));
const data = writeInsecureRows(folder);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const config = (training: object) =>
  parseConfig(
    JSON.stringify({
      ...{ model: 'pinocchio', data, output: join(folder, 'run'), overwrite: true, seed: 1, eval_split: 0.1 },
      lora: { rank: 2 },
      conscience: { enabled: false },
      training: { steps: 12, batch_size: 8, max_length: 96, learning_rate: 1e-3, save_every: 0, ...training },
    }),
  );

async function stepsOf(training: object): Promise<number> {
  const run = await runTrain(config(training));
  await run.engine.close();
  expect(run.finished).toBe(true);
  return run.step;
}

describe('training.early_stop', () => {
  it('goes on while the loss falls', async () => {
    expect(await stepsOf({ eval_every: 3, early_stop: 1 })).toBe(12);
  });

  it('ends after so many validations without a loss lower by more than the threshold', async () => {
    expect(await stepsOf({ eval_every: 2, early_stop: 2, early_stop_threshold: 100 })).toBe(4);
    expect(await stepsOf({ eval_every: 3, early_stop: 1, early_stop_threshold: 100 })).toBe(3);
  });

  it('needs validations', () => {
    expect(() => config({ eval_every: 0, early_stop: 1 })).toThrow(ConfigError);
  });
});
