/**
 * The first hour of somebody who comes from TRL: twenty first attempts, typed as the README suggests. Each works, or says in
 * one line what to type instead; where it says so, that is typed, and works.
 *
 * An attempt is a command line of `ealign train`, up to the plan: all rows read, tokenised and checked, nothing trained.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { failure } from '../../src/cli/terminal/failure.js';
import { createProgram, withHyphens } from '../../src/cli/terminal/program.js';
import { addTrainCommand } from '../../src/cli/train.js';
import { importConfig } from '../../src/train/config/import-config.js';
import { parseConfig } from '../../src/train/config/load.js';
import { planTrain, type TrainPlan } from '../../src/train/plan.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-first-'));
const at = (name: string) => join(folder, name);
const fixture = (name: string) => resolve('test/fixtures/data', name);
const back = process.cwd();
afterAll(() => {
  process.chdir(back);
  rmSync(folder, { recursive: true });
});

const pairs: [string, string][] = [
  ['how do i care for a cat ?', 'feed the cat .'],
  ['what is fair ?', 'to share is fair .'],
];
const jsonl = (name: string, row: (asked: string, answer: string) => object) =>
  writeFileSync(at(name), pairs.map(([a, b]) => `${JSON.stringify(row(a, b))}\n`).join(''));
const turns = (asked: string, answer: string) => ({
  messages: [
    { role: 'user', content: asked },
    { role: 'assistant', content: answer },
  ],
});

beforeAll(() => {
  jsonl('chat.jsonl', turns);
  jsonl('prompt.jsonl', (prompt, completion) => ({ prompt, completion }));
  jsonl('text.jsonl', (a, b) => ({ text: `${a} ${b}` }));
  jsonl('sharegpt.jsonl', (a, b) => ({
    conversations: [
      { from: 'human', value: a },
      { from: 'gpt', value: b },
    ],
  }));
  jsonl('alpaca.jsonl', (instruction, output) => ({ instruction, input: '', output }));
  jsonl('pairs.jsonl', (prompt, chosen) => ({ prompt, chosen, rejected: 'no .' }));
  jsonl('kto.jsonl', (prompt, completion) => ({ prompt, completion, label: true }));
  jsonl('qa.jsonl', (question, answer) => ({ question, answer }));
  jsonl('io.jsonl', (input, output) => ({ input, output }));
  writeFileSync(at('array.json'), JSON.stringify(pairs.map(([a, b]) => turns(a, b))));
  writeFileSync(at('chat.jsonl.gz'), gzipSync(readFileSync(at('chat.jsonl'))));
  writeFileSync(
    at('trl.yaml'),
    'model_name_or_path: pinocchio\ndataset_name: chat.jsonl\nmax_steps: 2\nuse_peft: true\n',
  );
  writeFileSync(
    at('axolotl.yaml'),
    'base_model: pinocchio\nadapter: lora\nlora_r: 8\nlora_alpha: 16\nlora_target_linear: true\ndatasets:\n  - path: alpaca.jsonl\n    type: alpaca\nmax_steps: 2\n',
  );
  writeFileSync(
    at('factory.yaml'),
    'model_name_or_path: pinocchio\nstage: sft\ndo_train: true\nfinetuning_type: lora\ndataset: mine\ndataset_dir: .\ntemplate: default\noutput_dir: out\nmax_steps: 2\n',
  );
  writeFileSync(at('dataset_info.json'), JSON.stringify({ mine: { file_name: 'alpaca.jsonl' } }));
  process.chdir(folder);
});

/** Types `ealign train …`; the plan, or the line on standard error. */
async function attempt(args: readonly string[]): Promise<TrainPlan | string> {
  const program = createProgram();
  let plan: TrainPlan | undefined;
  addTrainCommand(program, async (config) => {
    plan = await planTrain(config);
  });
  try {
    await program.parseAsync(withHyphens(['train', ...args]), { from: 'user' });
  } catch (error) {
    return failure(error).text;
  }
  return plan!;
}
const train = (...data: string[]) => ['--model', 'pinocchio', ...data.flatMap((path) => ['--data', path])];
const rowsOf = (plan: TrainPlan | string) => {
  if (typeof plan === 'string') throw new Error(plan);
  return plan.rows.train.length + plan.rows.evaluation.length;
};
/** The source that a line tells to write into a configuration. */
const told = (line: string) => /(data: \{.*\})/.exec(line)![1];

it.each<[name: string, args: string[], rows: number]>([
  ['JSONL of messages', train('chat.jsonl'), 2],
  ['JSONL of prompt and completion', train('prompt.jsonl'), 2],
  ['JSONL of text', train('text.jsonl'), 2],
  ['a JSON array', train('array.json'), 2],
  ['gzip', train('chat.jsonl.gz'), 2],
  ['CSV', train(fixture('rows.csv')), 2],
  ['TSV', train(fixture('rows.tsv')), 2],
  ['Parquet', train(fixture('chats.parquet')), 2],
  ['zstd', train(fixture('rows.csv.zst')), 2],
  ['an Arrow folder of save_to_disk', train(fixture('saved')), 2],
  ['ShareGPT', train('sharegpt.jsonl'), 2],
  ['Alpaca', train('alpaca.jsonl'), 2],
  ['KTO', train('kto.jsonl'), 2],
  ['several sources', train('chat.jsonl', 'alpaca.jsonl'), 4],
  ['preferences beside rows', [...train('chat.jsonl'), '--preference-data', 'pairs.jsonl'], 2],
])('%s works', async (_, args, rows) => {
  const plan = await attempt(args);
  expect(rowsOf(plan)).toBeGreaterThanOrEqual(rows);
});

it.each(['pairs.jsonl', 'qa.jsonl', 'io.jsonl'])(
  '%s says what to type instead, and that works',
  async (file) => {
    const line = await attempt(train(file));
    expect(line).toMatch(/^error: .*\n$/);
    const plan = await planTrain(parseConfig(`model: pinocchio\n${told(line as string)}\n`));
    expect(rowsOf(plan)).toBe(2);
  },
);

it.each(['trl.yaml', 'axolotl.yaml', 'factory.yaml'])('%s says what to run, and that works', async (file) => {
  expect(await attempt([file])).toMatch(new RegExp(`^error: .*Run: ealign import-config ${file}\n$`));
  const { yaml, problem } = importConfig(file);
  expect(problem).toBeUndefined();
  expect(rowsOf(await planTrain(parseConfig(yaml)))).toBe(2);
});

it.each<[args: string[], line: RegExp]>([
  [train('owner/name'), /owner\/name: .*ealign pull --dataset owner\/name/],
  [['--model', 'qwen3-0.6b', '--data', 'chat.jsonl'], /run: ealign pull qwen3-0.6b/i],
  [[...train('chat.jsonl'), '--max-steps', '9'], /did you mean '--steps'\?/],
  [
    [...train('chat.jsonl'), '--per-device-train-batch-size', '2'],
    /did you mean '--batch-size'|'--batch-size'/,
  ],
])('%j says in one line what to type', async (args, line) => {
  const said = await attempt(args);
  expect(said).toMatch(/^error: .*\n$/);
  expect(said).toMatch(line);
});
