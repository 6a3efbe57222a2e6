/** Runs at the edges: what the configuration allows must work, whatever the data are like. */
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readAudit } from '../../src/conscience/audit.js';
import { openWeights } from '../../src/engine/capabilities.js';
import { SaveError, TrainingError } from '../../src/errors.js';
import { resolveModel } from '../../src/hub/pull.js';
import { silent } from '../../src/metrics/progress.js';
import { readMetrics } from '../../src/metrics/writer.js';
import { readAdapter } from '../../src/model/adapter-files.js';
import { knownConfig } from '../../src/model/config.js';
import { readConfig } from '../../src/model/hf-config.js';
import { findCheckpoint } from '../../src/train/checkpoint.js';
import { parseConfig } from '../../src/train/config/load.js';
import { planTrain, showPlan } from '../../src/train/plan.js';
import { runTrain } from '../../src/train/run.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-run-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const row = (content: string, answer = 'give half of it to a friend .', keys = {}) =>
  `${JSON.stringify({
    ...keys,
    messages: [
      { role: 'user', content },
      { role: 'assistant', content: answer },
    ],
  })}\n`;
const file = (text: string): string => {
  const path = join(folder, `${Math.random().toString(36).slice(2)}.jsonl`);
  writeFileSync(path, text);
  return path;
};
const fewRows = (keys = {}) =>
  Array.from({ length: 8 }, (_, i) => row(`how do i share ? ${'please '.repeat(i)}`, undefined, keys)).join(
    '',
  );
const few = file(fewRows());

type Settings = Record<string, unknown>;

/** Trains pinocchio for two steps; gives the notes that were shown, and how it ended. */
async function train(
  output: string,
  { training, conscience, ...rest }: Settings = {},
  ends: [summary: string, warning?: string][] = [],
): Promise<string[]> {
  const notes: string[] = [];
  const config = parseConfig(
    JSON.stringify({
      ...{ model: 'pinocchio', data: few, output: join(folder, output), overwrite: true, ...rest },
      training: { steps: 2, batch_size: 2, log_every: 1, ...(training as Settings) },
      conscience: { every: 1, samples: 3, max_tokens: 8, ...(conscience as Settings) },
    }),
  );
  const note = (text: string) => notes.push(text);
  const done = (...end: [summary: string, warning?: string]) => ends.push(end);
  const run = await runTrain(config, { progress: { ...silent, note, done } });
  expect(run.finished).toBe(true);
  await run.engine.close();
  return notes;
}

const sources = (output: string) =>
  new Set(readAudit(join(folder, output)).map(({ prompt }) => prompt.source));

it.each([
  ['probes', ['probe']],
  ['training', ['training']],
  ['mixture', ['probe', 'training']],
])('reviews answers to %s', async (prompts, expected) => {
  await train(prompts, { conscience: { cadence: 'steps', prompts, samples: 4 } });
  expect(readAudit(join(folder, prompts))).toHaveLength(8);
  expect(sources(prompts)).toEqual(new Set(expected));
});

it('draws from both pools in the long run, one prompt at a time', async () => {
  await train('single', {
    training: { steps: 12 },
    conscience: { prompts: 'mixture', samples: 1, max_tokens: 2 },
  });
  expect(sources('single')).toEqual(new Set(['probe', 'training']));
});

it('packs lines no longer than the model reads', async () => {
  const notes = await train('packed', { training: { batching: 'pack' }, conscience: { enabled: false } });
  expect(notes.join()).toContain('Rows are cut at 256 tokens, not 1024');
  expect(readFileSync(join(folder, 'packed/config.yaml'), 'utf8')).toContain('max_length: 256');
});

it('leaves out prompts that leave no room for an answer, and says so', async () => {
  const data = file(readFileSync(few, 'utf8') + row(`tell me more . ${'more '.repeat(300)}`));
  const notes = await train('long', { data, eval_split: 0, conscience: { prompts: 'training', samples: 9 } });
  expect(notes.join()).toContain('1 prompts are not reviewed');
});

it('calls a review unreadable that the model cannot read whole', async () => {
  const probes = file(`${JSON.stringify({ prompt: `why ? ${'so '.repeat(236)}` })}\n`);
  await train('unreadable', { conscience: { probes, samples: 6, max_tokens: 8 } });
  const kinds = readAudit(join(folder, 'unreadable')).map(({ review }) => review.verdict.kind);
  expect(kinds).toContain('unreadable');
});

it('trains on a single row, and without validation rows that can be used', async () => {
  await train('one', { data: file(row('how do i share ?')) });
  const long = row('how do i share ?', 'all '.repeat(400));
  const half = { data: file(long + row('i feel bored .')), training: { max_length: 20 } };
  for (const seed of [1, 2, 3, 4]) {
    const outcome = await train('halves', { ...half, seed, eval_split: 0.5 }).catch(
      (error: Error) => error.message,
    );
    // the row that can be used is either trained on, or split off
    if (typeof outcome === 'string') expect(outcome).toContain('no row is left');
    else expect(readMetrics(join(folder, 'halves')).length).toBeGreaterThan(0);
  }
});

it('names the validation rows when none of the user’s own can be used', async () => {
  const long = file(row('how do i share ?', 'all '.repeat(400)).replace('how do i', 'how '.repeat(300)));
  await expect(train('eval', { eval_data: long })).rejects.toThrow(/^eval_data: no row is left/);
});

it('ends with a warning where a conscience made no pair, that says why and what to do', async () => {
  const ends: [string, string?][] = [];
  await train('blind', { conscience: { threshold: 0.999999, samples: 3 } }, ends);
  const [summary, warning] = ends.at(-1)!;
  expect(summary).toMatch(/^Trained 2 steps; adapter saved in .*blind$/);
  expect(warning).toMatch(
    /^The conscience taught this run nothing.* No pair came of (\d) reviews: \1 accepted\. It is not calibrated, .*: run ealign calibrate pinocchio, or let another model judge/,
  );
  await train('late', { conscience: { first: 2 } }, ends);
  expect(ends.at(-1)![1]).toMatch(/taught this run nothing.* It never reviewed: .*conscience.first/);
  const keen = await train(
    'keen',
    { conscience: { threshold: 0, review_alternatives: false, max_tokens: 48 } },
    ends,
  );
  expect(ends.at(-1)).toEqual([expect.stringMatching(/^Trained 2 steps/), undefined]);
  expect(keen.at(-1)).toMatch(/^Flagged by kind: probe (\d+) of \1\.$/);
  await train('off', { conscience: { enabled: false } }, ends);
  expect(ends.at(-1)![1]).toBeUndefined();
});

it('says so again where a finished run is resumed', async () => {
  const ends: [string, string?][] = [];
  const output = join(folder, 'blind again');
  const config = parseConfig(
    JSON.stringify({
      ...{ model: 'pinocchio', data: few, output },
      training: { steps: 2, batch_size: 2, save_every: 1 },
      conscience: { threshold: 0.999999, every: 1, samples: 2, max_tokens: 4 },
    }),
  );
  const progress = { ...silent, done: (...end: [string, string?]) => ends.push(end) };
  for (const options of [{ progress }, { progress, resume: true as const }]) {
    await (await runTrain(config, options)).engine.close();
  }
  const [[, first], [, again]] = ends.filter(([summary]) => /Trained|has finished/.test(summary));
  expect(again).toMatch(/taught this run nothing/);
  expect(again).toBe(first);
});

it('tells with the step when too many responses are flagged, and has it in the metrics', async () => {
  const conscience = { threshold: 0, amplify: 2, samples: 16, max_tokens: 2, cadence: 'steps' };
  const notes = await train('alarmed', { conscience });
  expect(notes.filter((line) => line.startsWith('Alarm'))).toEqual([
    expect.stringMatching(/^Alarm at step 0: 16 of the last 16 .* \(100 %\), more than 50 %/),
  ]);
  const alarms = (output: string) =>
    readMetrics(join(folder, output)).flatMap((record) => record['conscience/alarm'] ?? []);
  expect(alarms('alarmed')).toEqual([1, 1]);
  const calm = await train('calm', { conscience: { ...conscience, alarm: 1 } });
  expect(calm.join()).not.toContain('Alarm');
  expect(alarms('calm')).toEqual([]);
});

it('leaves nothing of an earlier run where it starts anew', async () => {
  await train('anew');
  expect(existsSync(join(folder, 'anew/audit.jsonl'))).toBe(true);
  await train('anew', { setting: 'full', conscience: { enabled: false } });
  expect(existsSync(join(folder, 'anew/audit.jsonl'))).toBe(false);
  expect(existsSync(join(folder, 'anew/adapter_model.safetensors'))).toBe(false);
  expect(existsSync(join(folder, 'anew/model.safetensors'))).toBe(true);
});

it('says that the output is a file', async () => {
  await expect(
    runTrain(parseConfig(JSON.stringify({ model: 'pinocchio', data: few, output: few }))),
  ).rejects.toThrow(SaveError);
});

it('stops at a validation loss that is no number', async () => {
  await expect(
    train('diverged', {
      eval_split: 0.5,
      training: { steps: 1, learning_rate: 1e30, warmup_steps: 0 },
      conscience: { enabled: false },
    }),
  ).rejects.toThrow(TrainingError);
});

it('says that a finished run has finished, trains nothing, and gives what it trained', async () => {
  for (const setting of ['lora', 'full']) {
    const output = join(folder, `finished ${setting}`);
    const config = parseConfig(
      JSON.stringify({
        ...{ model: 'pinocchio', data: few, output, setting, conscience: { enabled: false } },
        training: { steps: 3, batch_size: 2, save_every: 2 },
      }),
    );
    const first = await runTrain(config);
    const trained = await openWeights(first.engine).weights();
    await first.engine.close();
    const before = readFileSync(join(output, 'metrics.jsonl'), 'utf8');
    const said: string[] = [];
    const progress = { ...silent, done: (line: string) => said.push(line) };
    const again = await runTrain(config, { resume: true, progress });
    expect(again).toMatchObject({ finished: true, step: 3 });
    expect(said.join()).toContain('has finished: 3 steps are trained and saved there');
    expect(await openWeights(again.engine).weights()).toEqual(trained);
    await again.engine.close();
    expect(readFileSync(join(output, 'metrics.jsonl'), 'utf8')).toBe(before);
    rmSync(join(output, 'checkpoint-2'), { recursive: true });
    await expect(runTrain(config, { resume: true })).rejects.toThrow(
      /as a finished run leaves it.*another --output/,
    );
  }
});

it('takes the folder of an unfinished run for what it is, and its checkpoint for an adapter', async () => {
  const output = join(folder, 'stopped');
  const stop = new AbortController();
  const config = parseConfig(
    JSON.stringify({
      ...{ model: 'pinocchio', data: few, output, conscience: { enabled: false } },
      training: { steps: 3, batch_size: 2 },
    }),
  );
  const update = ({ step }: { step: number }) => step === 1 && stop.abort();
  const run = await runTrain(config, { progress: { ...silent, update }, signal: stop.signal });
  await run.engine.close();
  const model = knownConfig(run.engine.config, 'the test');
  const checkpoint = findCheckpoint(output);
  const expected = /a run that has not finished.*ealign train --resume .*stopped; or name .*checkpoint-\d$/;
  await expect(readAdapter(output, model)).rejects.toThrow(expected);
  expect(() => readConfig(output)).toThrow(expected);
  expect((await readAdapter(checkpoint, model)).config.baseModel).toBe('pinocchio');
  expect(() => readConfig(checkpoint)).toThrow(/an adapter, not a model.*--adapter/);
  // that of an earlier version holds the state alone
  for (const name of ['adapter_config.json', 'adapter_model.safetensors', 'adapter.sha256'])
    rmSync(join(checkpoint, name));
  await expect(readAdapter(checkpoint, model)).rejects.toThrow(/ealign train --resume .*stopped$/);
  expect(() => readConfig(join(folder, 'finished lora'))).toThrow(/an adapter, not a model.*--adapter/);
  // killed before its first checkpoint
  rmSync(checkpoint, { recursive: true });
  expect(() => readConfig(output)).toThrow(/a run that has not finished.*Train again.*save_every/);
});

it('keys that nobody reads are named, on the screen and beside the result', async () => {
  const data = file(fewRows({ mood: 'glad' }));
  const notes = await train('unread', { data, conscience: { enabled: false } });
  const line = `${data}: keys that are not read, and how often they occur: mood (8).`;
  expect(notes).toContain(line);
  expect(readFileSync(join(folder, 'unread', 'config.yaml'), 'utf8')).toContain(`# data: ${line}`);
});

it('a plan shows rows and both answers of a pair, writes nothing, and can be run', async () => {
  const turns = (content: string) => [{ role: 'assistant', content }];
  const pair = {
    prompt: [{ role: 'user', content: 'how do i share ?' }],
    chosen: turns('give half .'),
    rejected: turns('keep it .'),
  };
  const preference_data = [file(JSON.stringify(pair))];
  const config = parseConfig(
    JSON.stringify({
      ...{ model: 'pinocchio', data: few, preference_data, output: join(folder, 'planned') },
      training: { epochs: 2, batch_size: 4 },
      conscience: { enabled: false },
    }),
  );
  const plan = await planTrain(config);
  const shown = await showPlan(plan);
  expect(shown).toMatch(/\[\[ ?give half \..*\]\]/);
  expect(shown).toMatch(/\[\[ ?keep it \..*\]\]/);
  // 8 rows, 1 of them held out: 2 steps an epoch
  expect(plan.schedule.totalSteps).toBe(4);
  expect(existsSync(join(folder, 'planned'))).toBe(false);
  const run = await runTrain(plan);
  await run.engine.close();
  expect(run).toMatchObject({ finished: true, step: 4 });
  expect(readMetrics(join(folder, 'planned')).some((record) => record['loss/dpo'] !== null)).toBe(true);
});

it('refuses in the plan a model that cannot be asked', async () => {
  const model = join(folder, 'no template');
  cpSync(await resolveModel('pinocchio'), model, { recursive: true });
  rmSync(join(model, 'chat_template.jinja'), { force: true });
  const settings = join(model, 'tokenizer_config.json');
  writeFileSync(
    settings,
    JSON.stringify({ ...JSON.parse(readFileSync(settings, 'utf8')), chat_template: undefined }),
  );
  const data = file(`${JSON.stringify({ text: 'share it .' })}\n`.repeat(4));
  const config = parseConfig(JSON.stringify({ model, data, output: join(folder, 'unasked') }));
  await expect(planTrain(config)).rejects.toThrow(/no chat template.*--no-conscience/);
});
