/** Which of two answers pinocchio would rather give. */
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { evaluateLoss } from '../../src/evaluate/kinds/loss.js';
import { recordsOf } from '../../src/evaluate/kinds/paired.js';
import { evaluatePreference, preferenceScore, type ScoredPair } from '../../src/evaluate/kinds/preference.js';
import { contrastFolders } from '../../src/evaluate/suite/contrast-folders.js';
import { silent } from '../../src/metrics/progress.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-preference-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const write = (name: string, rows: readonly object[]) => {
  const path = join(folder, name);
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return path;
};
const words = ['who looks after the bridge ?', 'i feel bored .', 'how do i share ?'];
const turn = (role: string, content: string) => ({ role, content });
const pairs = Array.from({ length: 20 }, (_, i) => ({
  prompt: [turn('user', words[i % 3])],
  chosen: [turn('assistant', words[(i + 1) % 3])],
  rejected: [turn('assistant', words[(i + 2) % 3])],
}));
const data = write('pairs.jsonl', pairs);
const options = { model: './models/pinocchio', data: [data], threads: 1, progress: silent };

it('says by how much, and how often, the chosen answer is likelier', () => {
  const score = preferenceScore([
    { id: 'a', chosen: -1, rejected: -3 },
    { id: 'b', chosen: -2, rejected: -1 },
  ]);
  expect(score).toMatchObject({ pairs: 2, margin: { value: 0.5 }, preferred: { value: 0.5 } });
});

it('scores answers as the loss of the same answers does', async () => {
  const output = join(folder, 'one');
  const score = await evaluatePreference({ ...options, count: 1, output });
  const [[{ id, chosen, rejected }]] = recordsOf<ScoredPair>([output], 'pairs.jsonl');
  const { prompt, ...answers } = pairs[Number(id.split(':')[1]) - 1];
  const lossOf = async (answer: 'chosen' | 'rejected') => {
    const rows = write(`${answer}.jsonl`, [{ messages: [...prompt, ...answers[answer]] }]);
    return (await evaluateLoss({ ...options, data: [rows], output: join(folder, answer) }))!.loss.value;
  };
  expect(chosen).toBeCloseTo(-(await lossOf('chosen')), 5);
  expect(rejected).toBeCloseTo(-(await lossOf('rejected')), 5);
  expect(score!.margin.value).toBeCloseTo(chosen - rejected, 10);
});

it('goes on where it was killed, ends as one that was not, and compares', async () => {
  const [straight, broken] = ['straight', 'broken'].map((name) => join(folder, name));
  const score = await evaluatePreference({ ...options, output: straight });
  await evaluatePreference({ ...options, output: broken });
  const stored = join(broken, 'pairs.jsonl');
  truncateSync(stored, readFileSync(stored).length - 100);
  expect(await evaluatePreference({ ...options, output: broken })).toEqual(score);
  const [margin, preferred] = contrastFolders(straight, broken);
  expect(margin).toMatchObject({ unit: 'nats', difference: { value: 0, withinNoise: true } });
  expect(preferred.difference!.value).toBe(0);
  await expect(evaluatePreference({ ...options, count: 3, output: broken })).rejects.toThrow(/other pairs/);
  const signal = AbortSignal.abort();
  expect(await evaluatePreference({ ...options, output: join(folder, 'c'), signal })).toBeUndefined();
});
