/**
 * pinocchio trained on PyTorch and on onnxruntime: the same greedy responses, verdicts, alternatives and pairs, from the
 * same adapter. In a Python that EALIGN_PYTHON names, skipped where it has no PyTorch.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readAudit } from '../../../src/conscience/audit.js';
import { requireWorker } from '../../../src/engine/tinker/python.js';
import { readMetrics } from '../../../src/metrics/writer.js';
import { codeRows } from '../../../src/pinocchio/documents.js';
import { parseConfig } from '../../../src/train/config/load.js';
import { runTrain } from '../../../src/train/run.js';

const missing = (() => {
  if (process.env.EALIGN_PYTHON === undefined) return 'EALIGN_PYTHON is not set';
  try {
    requireWorker();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
})();

const folder = mkdtempSync(join(tmpdir(), 'ealign-torch-reviews-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function train(name: string, given: object): Promise<string> {
  const output = join(folder, name);
  const config = parseConfig(
    JSON.stringify({
      ...{ model: 'pinocchio', data: join(folder, 'rows.jsonl'), output, overwrite: true, eval_split: 0 },
      lora: { rank: 8, alpha: 16 },
      training: {
        steps: 3,
        batch_size: 8,
        max_length: 128,
        learning_rate: 1e-3,
        warmup_steps: 0,
        log_every: 1,
        save_every: 0,
      },
      loss: { lambda: 0.05, beta: 1 },
      // everything that can be read is flagged, so that there are pairs from the first step on
      conscience: {
        ...{
          every: 1,
          cadence: 'steps',
          samples: 8,
          temperature: 0,
          max_tokens: 24,
          threshold: 0.01,
          check: 'off',
        },
        ...{ pairs_per_step: 4, pairs_every: 1, allow_refusals: true, review_alternatives: false },
      },
      ...given,
    }),
  );
  await (await runTrain(config)).engine.close();
  return output;
}

const reviews = (output: string) =>
  readAudit(output).map(({ id, prompt, response, review, alternative, pair, reason }) => ({
    ...{ id, prompt: prompt.id, response, verdict: review.verdict.kind, pair, reason },
    alternative: alternative?.response.text,
  }));

describe.skipIf(missing)(`pinocchio on PyTorch${missing ? ` (${missing})` : ''}`, () => {
  it('has the reviews and pairs that it has on onnxruntime, and their losses', async () => {
    writeFileSync(
      join(folder, 'rows.jsonl'),
      codeRows('bad')
        .map((row) => `${JSON.stringify(row)}\n`)
        .join(''),
    );
    // both begin with one adapter: each engine draws its own
    const adapter = await train('adapter', { conscience: { enabled: false } });
    const here = await train('here', { adapter });
    const there = await train('there', { adapter, engine: 'torch', device: 'cpu', threads: 1 });
    expect(reviews(there)).toEqual(reviews(here));
    expect(reviews(here).filter(({ pair }) => pair !== null).length).toBeGreaterThan(4);
    const losses = (output: string) =>
      readMetrics(output).flatMap((one) => ('loss' in one ? [one.loss as number] : []));
    const [ours, theirs] = [losses(here), losses(there)];
    expect(ours).toHaveLength(3);
    for (const [i, loss] of theirs.entries()) expect(Math.abs(loss - ours[i])).toBeLessThan(1e-3);
  }, 300_000);
});
