/** Sampling that goes on where it stopped. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { type SampleOptions, sampleAnswers } from '../../../src/evaluate/code/sample-answers.js';
import { GroupStore } from '../../../src/evaluate/store.js';
import { silent } from '../../../src/metrics/progress.js';
import { ScriptedModel } from '../../conscience/scripted-model.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-sample-'));
afterAll(() => rmSync(folder, { recursive: true }));

const items = Array.from({ length: 9 }, (_, i) => ({
  name: `item ${i}`,
  messages: [{ role: 'user' as const, content: `question ${i}` }],
}));
const sampling = { samples: 3, temperature: 0.2, maxTokens: 5, seed: 1 };
type Options = SampleOptions<(typeof items)[number], string>;

/** A model whose answers are its seed and its question. */
function setUp(name: string, more: Partial<Options> = {}) {
  const model: ScriptedModel = new ScriptedModel('scripted', {
    say: ([{ content }]) => `${content} ${model.generateCalls.at(-1)!.options.seed}`,
  });
  const path = join(folder, name);
  const options: Options = {
    ...{ model, items, sampling, store: new GroupStore<string>(path), progress: silent },
    record: ({ name }, sample, { text }) => `${name} ${sample}: ${text}`,
    ...more,
  };
  return { model, path, options };
}

it('asks each item as often as it should, in groups with seeds of their own', async () => {
  const { model, options } = setUp('straight');
  const records = await sampleAnswers(options);
  expect(records!.map((record) => record.split(':')[0])).toEqual(
    items.flatMap(({ name }) => [0, 1, 2].map((sample) => `${name} ${sample}`)),
  );
  expect(new Set(model.generateCalls.map(({ options }) => options.seed)).size).toBe(5);
  expect(model.generateCalls[0].options).toMatchObject({ temperature: 0.2, maxTokens: 5 });
});

it('stopped by a signal or an error, and called again, it ends as if it had not been', async () => {
  const straight = setUp('whole');
  const expected = await sampleAnswers(straight.options);

  const controller = new AbortController();
  let recorded = 0;
  const record: Options['record'] = async ({ name }, sample, { text }) => {
    if (++recorded === 10) controller.abort();
    controller.signal.throwIfAborted();
    return `${name} ${sample}: ${text}`;
  };
  const stopped = setUp('broken', { record, signal: controller.signal });
  expect(await sampleAnswers(stopped.options)).toBeUndefined();
  expect(stopped.model.generateCalls).toHaveLength(2);

  const failing = setUp('broken', {
    record: ({ name }) => {
      throw new Error(`no disk for ${name}`);
    },
  });
  await expect(sampleAnswers(failing.options)).rejects.toThrow('no disk for item 2');

  const again = setUp('broken');
  expect(await sampleAnswers(again.options)).toEqual(expected);
  expect(again.model.generateCalls).toHaveLength(4);
  expect(readFileSync(again.path, 'utf8')).toBe(readFileSync(straight.path, 'utf8'));
});
