/** An experiment on a model whose file is quantised: its weights stay so. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { experimentModel } from '../../src/experiment/runner.js';
import { exportModel } from '../../src/export/export.js';
import { silent } from '../../src/metrics/progress.js';
import { kinds, writeTiny } from '../export/tiny-models.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-quantised-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('is trained and measured on them', async () => {
  const model = join(folder, 'tiny-q8_0.gguf');
  const tiny = writeTiny(folder, kinds.find(({ name }) => name === 'qwen3')!);
  await exportModel(tiny, { format: 'gguf', output: model, quantize: 'q8_0', progress: silent });
  expect(await experimentModel(model)).toHaveProperty('store');
  expect(await experimentModel(tiny)).not.toHaveProperty('store');

  const row = {
    messages: [
      ['user', 'Say it.'],
      ['assistant', 'yes yes yes'],
    ].map(([role, content]) => ({ role, content })),
  };
  writeFileSync(join(folder, 'rows.jsonl'), `${JSON.stringify(row)}\n`.repeat(4));
  writeFileSync(
    join(folder, 'suite.yaml'),
    `narrow: { data: ${JSON.stringify(join(folder, 'rows.jsonl'))} }\n`,
  );
  const training = '{ steps: 5, batch_size: 4, max_length: 64, learning_rate: 1e-2, load_in_8bit: true }';
  writeFileSync(
    join(folder, 'study.yaml'),
    `output: runs
data: rows.jsonl
seeds: [1]
train: { model: ${JSON.stringify(model)}, eval_split: 0, lora: { rank: 2 }, training: ${training} }
methods: { aligned: untrained, SFT only: { conscience: { enabled: false } } }
measure: { suite: suite.yaml }
`,
  );
  const { status, stderr } = spawnSync(
    process.execPath,
    ['bin/ealign.js', 'experiment', join(folder, 'study.yaml')],
    { encoding: 'utf8' },
  );
  expect(stderr).toContain('2 runs in ');
  expect(status).toBe(0);
  const losses = readFileSync(join(folder, 'runs/runs.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).record.scorecard.measures[0].estimate.value);
  expect(losses[1]).toBeLessThan(losses[0]);
});
