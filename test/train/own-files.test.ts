/** An output folder that is not a run's alone: what others have written there stays. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { RunFolder } from '../../src/dashboard/run-folder.js';
import { tokenizerNames } from '../../src/model/adapter-files.js';
import { requireUnused } from '../../src/train/checkpoint.js';
import { parseConfig } from '../../src/train/config/load.js';
import { runTrain } from '../../src/train/run.js';

const root = mkdtempSync(join(tmpdir(), 'ealign-own-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const data = join(root, 'rows.jsonl');
writeFileSync(
  data,
  `${JSON.stringify({ prompt: 'how do i share ?', completion: 'give half .' })}\n`.repeat(4),
);

async function train(output: string, more: object = {}): Promise<void> {
  const config = {
    ...{ model: 'pinocchio', data, output, eval_split: 0, conscience: { enabled: false }, ...more },
    training: { steps: 1, batch_size: 2, log_every: 1 },
  };
  await (await runTrain(parseConfig(JSON.stringify(config)))).engine.close();
}

const contents = (folder: string) =>
  readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]);

function folderWith(...names: readonly string[]): string {
  const folder = mkdtempSync(join(root, 'project-'));
  for (const name of names) writeFileSync(join(folder, name), `mine: ${name}\n`);
  return folder;
}

describe('a folder that is not a run’s', () => {
  it('is refused before anything is loaded, and stays as it is', async () => {
    const folder = folderWith('README.md', 'notes.txt');
    const before = contents(folder);
    await expect(train(folder, { model: 'there is no such model' })).rejects.toThrow(
      `${folder}: the folder holds README.md, which a run would replace, and which no run has written`,
    );
    expect(contents(folder)).toEqual(before);
  });

  it('is refused with --overwrite as well', async () => {
    const folder = folderWith('README.md', 'config.yaml', ...tokenizerNames);
    const before = contents(folder);
    await expect(train(folder, { overwrite: true })).rejects.toThrow(
      /holds config.yaml, README.md, tokenizer.json.*choose another --output/i,
    );
    expect(contents(folder)).toEqual(before);
  });

  it('is any that holds a file of a name that a run writes', () => {
    for (const name of ['config.yaml', 'metrics.jsonl', 'audit.jsonl', 'calibration.json', 'README.md'])
      expect(() => requireUnused(folderWith(name)), name).toThrow(/which no run has written/);
  });
});

it('has finished where a server keeps its weights, until it starts again', async () => {
  const folder = folderWith();
  await train(folder);
  for (const name of ['adapter_model.safetensors', 'adapter_config.json']) rmSync(join(folder, name));
  const state = () => new RunFolder('a', 'a', folder).summary().state;
  expect(state()).not.toBe('finished');
  writeFileSync(join(folder, 'tinker.json'), '{}');
  expect(state()).toBe('finished');
  await train(folder, { overwrite: true });
  expect(readdirSync(folder)).not.toContain('tinker.json');
});

it('replaces what a run left, and nothing beside it', async () => {
  const folder = folderWith('notes.txt');
  await train(folder);
  const card = readFileSync(join(folder, 'README.md'), 'utf8');
  writeFileSync(join(folder, 'README.md'), 'changed');
  await train(folder, { overwrite: true });
  expect(readFileSync(join(folder, 'README.md'), 'utf8')).toBe(card);
  expect(readFileSync(join(folder, 'notes.txt'), 'utf8')).toBe('mine: notes.txt\n');
});

it('starts again without asking where a run stopped before its first checkpoint', async () => {
  const folder = folderWith();
  await train(folder);
  for (const name of ['adapter_model.safetensors', 'adapter_config.json']) rmSync(join(folder, name));
  for (const name of readdirSync(folder).filter((one) => one.startsWith('checkpoint-')))
    rmSync(join(folder, name), { recursive: true });
  await train(folder);
  expect(readdirSync(folder)).toContain('adapter_model.safetensors');
});
