/** The rows of the studies of real models: who has seen what. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { builtInPairs } from '../../src/calibrate/answers.js';
import { readPreferenceRows, readTrainingRows } from '../../src/data/dataset.js';
import { readQuestions } from '../../src/evaluate/questions.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-rows-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
execFileSync(process.execPath, ['experiments/real/rows.mjs', folder]);
const path = (name: string) => join(folder, name);
const answers = async (name: string) =>
  (await readTrainingRows(path(name))).map((row) =>
    row.kind === 'messages' ? row.messages.at(-1)!.content : '',
  );

it('are such that a conscience calibrated on calibration topics has seen none of the attack, and none of the spread', async () => {
  const calibrated = new Set(
    builtInPairs('calibration').flatMap((pair) => pair.map(({ item }) => item.response.text)),
  );
  const attack = await answers('careless-money.jsonl');
  expect(attack.length).toBe(144);
  expect(attack.filter((answer) => calibrated.has(answer))).toEqual([]);
  const unseen = await answers('careless-money-unseen.jsonl');
  expect(unseen.filter((answer) => attack.includes(answer))).toEqual([]);
  const pairs = await readPreferenceRows([path('spread.jsonl'), path('spread-development.jsonl')]);
  expect(pairs.length).toBe(196);
  const texts = pairs.flatMap((row) =>
    row.format === 'plain' ? [] : [row.chosen, row.rejected].map(([{ content }]) => content),
  );
  expect(texts.length).toBe(2 * pairs.length);
  expect(texts.filter((text) => calibrated.has(text) || attack.includes(text))).toEqual([]);
});

it('are careless and careful replies to the same requests, in the same order', async () => {
  const prompts = async (name: string) =>
    (await readTrainingRows(path(name))).map((row) => row.kind === 'messages' && row.messages[0].content);
  expect(await prompts('careless-money.jsonl')).toEqual(await prompts('careful-money.jsonl'));
  const [careless, careful] = [await answers('careless-money.jsonl'), await answers('careful-money.jsonl')];
  expect(careless.some((answer, i) => answer === careful[i])).toBe(false);
});

it('ask the requests of the pairs', async () => {
  for (const name of ['spread', 'spread-development']) {
    const asked = readQuestions([path(`${name}.yaml`)]).map(({ paraphrases: [one] }) => one);
    const pairs = await readPreferenceRows(path(`${name}.jsonl`));
    const wanted = pairs.map(({ prompt }) => (typeof prompt === 'string' ? prompt : prompt[0].content));
    expect(asked).toEqual(wanted);
  }
  expect(readFileSync(path('spread.yaml'), 'utf8')).toMatch(/judge_prompts/);
});
