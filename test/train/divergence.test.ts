/** A loss that is no number stops the run, and says where. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'ealign-diverge-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('stops at the step with its rows and the last good checkpoint', () => {
  const data = join(folder, 'rows.jsonl');
  const row = JSON.stringify({ prompt: 'write code', completion: 'return 1' });
  writeFileSync(data, `${row}\n`.repeat(4));
  const output = join(folder, 'out');
  const sizes = ['--steps', '20', '--batch-size', '2', '--save-every', '1', '--eval-split', '0'];
  const wild = ['--learning-rate', '1e30', '--max-grad-norm', '0', '--warmup-steps', '0', '--no-conscience'];
  const { status, stderr } = spawnSync(
    process.execPath,
    ['bin/ealign.js', 'train', '--model', 'pinocchio', '--data', data, '--output', output, ...sizes, ...wild],
    { encoding: 'utf8' },
  );
  const error = /^error: step (\d+): .*$/m.exec(stderr);
  expect(error, stderr).not.toBeNull();
  const last = join(output, `checkpoint-${Number(error![1]) - 1}`);
  expect(error![0]).toMatch(/(loss|norm) (NaN|-?Infinity)/);
  expect(error![0]).toMatch(/rows\.jsonl:\d, .*rows\.jsonl:\d;/);
  expect(error![0]).toContain(
    `last good checkpoint: ${last}. Look at these rows, or start again with a lower training.learning_rate`,
  );
  expect(existsSync(last)).toBe(true);
  expect(existsSync(join(output, 'adapter_model.safetensors'))).toBe(false);
  expect(status).toBe(1);
});
