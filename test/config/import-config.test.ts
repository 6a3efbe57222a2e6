/** Configurations of other tools: every value that is kept, changed or lost. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/errors.js';
import { axolotlRules } from '../../src/train/config/foreign/axolotl.js';
import { shared } from '../../src/train/config/foreign/common.js';
import { type Format, ownersOf } from '../../src/train/config/foreign/index.js';
import { llamaFactoryRules } from '../../src/train/config/foreign/llama-factory.js';
import { trlRules } from '../../src/train/config/foreign/trl.js';
import { importConfig } from '../../src/train/config/import-config.js';
import { parseConfig } from '../../src/train/config/load.js';

const folder = mkdtempSync(join(tmpdir(), 'import-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

function imported(yaml: string, format?: Format) {
  const path = join(folder, 'theirs.yaml');
  writeFileSync(path, yaml);
  const result = importConfig(path, format);
  const keys = (remarks: readonly { key: string }[]) => remarks.map(({ key }) => key).sort();
  const config = () => parseConfig(result.yaml);
  return {
    ...result,
    config,
    changed: keys(result.changed),
    lost: keys(result.lost),
    says: result.changed,
    report: result.lost,
  };
}

describe('TRL', () => {
  it('sft, with an adapter', () => {
    const { from, config, changed, lost, problem } = imported(`
model_name_or_path: Qwen/Qwen2.5-0.5B
dataset_name: trl-lib/Capybara
dataset_config: main
learning_rate: 2e-4
num_train_epochs: 1
packing: true
per_device_train_batch_size: 2
gradient_accumulation_steps: 8
eval_strategy: steps
eval_steps: 100
max_length: 512
assistant_only_loss: true
use_peft: true
load_in_4bit: true
lora_r: 32
lora_alpha: 16
lora_dropout: 0.1
lora_target_modules: [q_proj, v_proj, c_attn]
lr_scheduler_type: cosine_with_restarts
optim: paged_adamw_8bit
gradient_checkpointing: true
save_strategy: "no"
output_dir: out
bf16: true
push_to_hub: false
unheard_of: 1
`);
    expect(from).toBe('TRL SFT');
    expect(problem).toBeUndefined();
    expect(config()).toMatchObject({
      model: 'Qwen/Qwen2.5-0.5B',
      data: [{ path: 'trl-lib/Capybara', subset: 'main' }],
      eval_data: [{ path: 'trl-lib/Capybara', subset: 'main', split: 'test' }],
      output: 'out',
      setting: 'lora',
      quantize: 'q4',
      lora: { rank: 32, alpha: 16, targets: ['q_proj', 'v_proj'] },
      training: {
        epochs: 1,
        batch_size: 2,
        gradient_accumulation: 8,
        max_length: 512,
        batching: 'pack',
        loss_on: 'response',
        learning_rate: 2e-4,
        schedule: 'cosine',
        warmup_steps: 0,
        checkpointing: true,
        eval_every: 100,
        save_every: 0,
      },
    });
    expect(changed).toEqual(['load_in_4bit', 'lr_scheduler_type', 'optim']);
    expect(lost).toEqual(['bf16', 'lora_dropout', 'lora_target_modules', 'unheard_of']);
  });

  it('writes out what it does where nothing is said', () => {
    const { config, changed } = imported(
      'model_name_or_path: m\ndataset_name: d/e\nmax_steps: 50\nwarmup_ratio: 0.1',
    );
    // transformers 5.24 and TRL 1.16: full fine-tuning, 2e-5, no validation, a checkpoint every 500 steps
    expect(config()).toMatchObject({
      setting: 'full',
      eval_split: 0,
      training: { steps: 50, learning_rate: 2e-5, warmup_steps: 5, eval_every: 0, save_every: 500 },
    });
    expect(changed).toEqual(['assistant_only_loss']);
  });

  it('dpo, told by its keys', () => {
    const { from, config, says } = imported(
      'model_name_or_path: m\ndataset_name: d/e\nbeta: 0.2\nuse_peft: true\nlora_target_modules: all-linear',
    );
    expect(from).toBe('TRL DPO');
    expect(config()).toMatchObject({
      data: [{ path: 'd/e', type: 'preference' }],
      preference_data: ['d/e'],
      loss: { beta: 0.2, lambda: 1 },
      training: { learning_rate: 1e-6 },
    });
    expect(says.map(({ says: line }) => line)).toEqual([
      expect.stringContaining('preferences alone are not trained here'),
    ]);
    // L_DPO + 2·L_SFT is twice L_SFT + ½·L_DPO
    expect(imported('model_name_or_path: m\ndataset_name: d/e\nrpo_alpha: 2').config().loss.lambda).toBe(0.5);
    expect(imported('model_name_or_path: m\ndataset_name: d/e', 'trl-dpo').from).toBe('TRL DPO');
  });

  it('mixes data sets, of which fractions are taken', () => {
    const { config, changed } = imported(
      `
model_name_or_path: m
datasets:
  - {path: a/b, name: main, split: "train[:10%]"}
  - {path: json, data_files: rows.jsonl, fraction: 0.5}
`,
      'trl-sft',
    );
    expect(config().data).toEqual([
      { path: 'a/b', subset: 'main' },
      { path: 'rows.jsonl', weight: 0.5 },
    ]);
    expect(changed).toContain('datasets[0].split');
  });
});

describe('Axolotl', () => {
  const head = 'base_model: m\nsequence_len: 256\nmicro_batch_size: 2\nlearning_rate: 0.0002\n';

  it('with several kinds of data sets', () => {
    const { config, from, changed, lost } = imported(`${head}
adapter: qlora
lora_r: 8
lora_target_linear: true
datasets:
  - {path: a/alpaca, type: alpaca}
  - path: json
    data_files: chat.jsonl
    type: chat_template
    field_messages: turns
    message_property_mappings: {role: speaker, content: value}
  - {path: c/text, type: completion, field: body, split: dev, shards: 10}
  - path: d/own
    type: {field_instruction: q, field_output: a, format: "{instruction}"}
val_set_size: 0.05
train_on_inputs: true
num_epochs: 2
warmup_steps: 10
evals_per_epoch: 4
save_steps: 50
wandb_project: x
special_tokens: {pad_token: "<pad>"}
tf32: false
`);
    expect(from).toBe('Axolotl');
    expect(config()).toMatchObject({
      model: 'm',
      data: [
        { path: 'a/alpaca', type: 'alpaca' },
        { path: 'chat.jsonl', type: 'messages', columns: { messages: 'turns', role: 'speaker' } },
        { path: 'c/text', type: 'text', split: 'dev', columns: { text: 'body' } },
        { path: 'd/own', type: 'alpaca', columns: { instruction: 'q', output: 'a' } },
      ],
      eval_split: 0.05,
      setting: 'lora',
      quantize: 'q4',
      lora: { rank: 8 },
      training: {
        ...{ epochs: 2, batch_size: 2, max_length: 256, loss_on: 'all', schedule: 'cosine' },
        ...{ warmup_steps: 10, save_every: 50, learning_rate: 2e-4 },
      },
    });
    expect(changed).toEqual(['datasets[0].type', 'datasets[3].type', 'evals_per_epoch', 'load_in_4bit']);
    expect(lost).toEqual(['datasets[2].shards', 'special_tokens', 'wandb_project']);
  });

  it('of preferences: columns by the type', () => {
    const sources = (entry: string) => {
      const { preference_data, data, loss } = imported(`${head}rl: dpo\ndatasets: [${entry}]`).config();
      expect(data).toEqual([preference_data].flat().map((one) => ({ ...Object(one), type: 'preference' })));
      expect(loss).toMatchObject({ beta: 0.1, lambda: 1 });
      return preference_data;
    };
    expect(sources('{path: a/b, type: chatml.intel}')).toEqual([
      {
        path: 'a/b',
        columns: { system: 'system', prompt: 'question', chosen: 'chosen', rejected: 'rejected' },
      },
    ]);
    expect(sources('{path: a/b, type: chat_template.default, field_messages: conversation}')).toEqual([
      { path: 'a/b', columns: { prompt: 'conversation', chosen: 'chosen', rejected: 'rejected' } },
    ]);
  });

  it.each([
    ['rl: grpo\ndatasets: []', /theirs\.yaml rl: grpo is not trained here; expected dpo/],
    [
      'adapter: llama-adapter',
      /theirs\.yaml adapter: llama-adapter is not trained here; expected lora or qlora/,
    ],
    ['datasets: x', /theirs\.yaml datasets: is no list of data sets/],
    ['datasets: [{type: alpaca}]', /theirs\.yaml datasets\[0\]: has no path/],
  ])('refuses %j', (yaml, says) => {
    expect(() => imported(head + yaml)).toThrow(says);
    expect(() => imported(head + yaml)).toThrow(ConfigError);
  });
});

describe('LLaMA-Factory', () => {
  const head = 'model_name_or_path: m\nfinetuning_type: lora\ncutoff_len: 512\n';
  mkdirSync(join(folder, 'data'));
  writeFileSync(
    join(folder, 'data/dataset_info.json'),
    JSON.stringify({
      plain: { file_name: 'plain.json' },
      chat: {
        hf_hub_url: 'a/chat',
        subset: 'en',
        formatting: 'sharegpt',
        columns: { messages: 'turns', system: 'sys' },
        tags: { role_tag: 'who', content_tag: 'content', user_tag: 'user' },
      },
      ranked: {
        hf_hub_url: 'a/pairs',
        ranking: true,
        columns: { prompt: 'ask', chosen: 'good', rejected: 'bad' },
      },
      liked: {
        file_name: 'kto.json',
        formatting: 'sharegpt',
        columns: { messages: 'messages', kto_tag: 'label' },
      },
      some: { file_name: 'some.json', num_samples: 10 },
      corpus: { file_name: 'corpus.json', columns: { prompt: 'text' } },
      asked: { file_name: 'asked.json', columns: { prompt: 'body', query: 'title' } },
    }),
  );

  it('sft, with data sets of dataset_info.json', () => {
    const { from, config, changed, lost } = imported(`${head}
stage: sft
do_train: true
dataset: plain, chat,some,unknown
template: qwen
lora_rank: 4
lora_target: q_proj,k_proj
quantization_bit: 8
val_size: 0.1
mask_history: true
warmup_ratio: 0.1
neat_packing: true
`);
    expect(from).toBe('LLaMA-Factory');
    expect(config()).toMatchObject({
      data: [
        { path: 'data/plain.json', type: 'alpaca' },
        {
          ...{ path: 'a/chat', subset: 'en', type: 'sharegpt' },
          columns: { messages: 'turns', system: 'sys', role: 'who' },
        },
        { path: 'data/some.json', type: 'alpaca' },
        'unknown',
      ],
      eval_split: 0.1,
      quantize: 'q8',
      // alpha is twice the rank, where it is not given
      lora: { rank: 4, alpha: 8, targets: ['q_proj', 'k_proj'] },
      training: { epochs: 3, max_length: 512, learning_rate: 5e-5, loss_on: 'last', batching: 'pack' },
    });
    expect(changed).toEqual(['dataset', 'quantization_bit', 'warmup_ratio']);
    expect(lost).toEqual(['dataset some: num_samples', 'template']);
  });

  it('dpo, kto and pretraining', () => {
    const dpo = imported(
      `${head}stage: dpo\ndataset: ranked\npref_beta: 0.3\npref_ftx: 0.5\npref_loss: orpo`,
    );
    const columns = { instruction: 'ask', chosen: 'good', rejected: 'bad' };
    expect(dpo.config()).toMatchObject({
      data: [{ path: 'a/pairs', type: 'preference', columns }],
      preference_data: [{ path: 'a/pairs', columns }],
      // L_DPO + ½·L_SFT is half of L_SFT + 2·L_DPO
      loss: { beta: 0.3, lambda: 2 },
    });
    expect(dpo.changed).toEqual(['pref_loss', 'stage']);
    expect(imported(`${head}stage: kto\ndataset: liked`).config().data).toEqual([
      { path: 'data/kto.json', type: 'kto' },
    ]);
    expect(imported(`${head}stage: pt\ndataset: plain,corpus,asked`).config().data).toEqual([
      // LLaMA-Factory reads instruction where no column is named
      { path: 'data/plain.json', type: 'text', columns: { text: 'instruction' } },
      { path: 'data/corpus.json', type: 'text' },
      { path: 'data/asked.json', type: 'text', columns: { text: 'body' } },
    ]);
    const turns = imported(`${head}stage: pt\ndataset: liked,asked`);
    expect(turns.config().data[0]).toEqual({ path: 'data/kto.json', type: 'text' });
    expect([turns.changed, turns.lost]).toEqual([['stage'], ['dataset data/asked.json: columns']]);
    expect(() => imported(`${head}stage: ppo\ndataset: plain`)).toThrow(
      /theirs\.yaml stage: ppo is not trained here/,
    );
  });
});

it.each([
  ['pt', 'asked', { path: 'data/asked.json', type: 'text', columns: { text: 'body' } }],
  ['kto', 'liked', { path: 'data/kto.json', type: 'kto' }],
  [
    ...(['dpo', 'ranked'] as const),
    { path: 'a/pairs', type: 'preference', columns: { instruction: 'ask', chosen: 'good', rejected: 'bad' } },
  ],
])('validates on rows of the type that is trained on: %s', (stage, name, source) => {
  const head = 'model_name_or_path: m\nfinetuning_type: lora\ncutoff_len: 512\n';
  const { eval_data: held } = imported(
    `${head}stage: ${stage}\ndataset: ${name}\neval_dataset: ${name}`,
  ).config();
  expect(held).toEqual([source]);
});

it('validates on rows with labels where Axolotl trains on them', () => {
  const sets = 'datasets: [{path: a/b}]\ntest_datasets: [{path: a/c}]';
  const { data, eval_data: held } = imported(`base_model: m\nmicro_batch_size: 1\nrl: kto\n${sets}`).config();
  expect([data, held]).toEqual([[{ path: 'a/b', type: 'kto' }], [{ path: 'a/c', type: 'kto' }]]);
});

it('reports to MLflow as before, and says how other trackers get a run', () => {
  const trl = (value: string) =>
    imported(`model_name_or_path: m\ndataset_name: d\nmax_steps: 1\nreport_to: ${value}`);
  const says = (value: string) => trl(value).report.find(({ key }) => key === 'report_to')?.says;
  expect(trl('mlflow').config().report_to).toEqual(['mlflow']);
  expect(says('mlflow')).toBeUndefined();
  expect(trl('[mlflow, wandb]').config().report_to).toEqual(['mlflow']);
  expect(says('[mlflow, wandb]')).toMatch(/^W&B gets a run from its metrics\.jsonl/);
  expect(says('trackio')).toContain("trackio.import_tf_events('<output folder>', '<project>')");
  expect(says('comet_ml')).toBe('comet_ml: metrics.jsonl and TensorBoard files are always written');
  for (const nothing of ['none', 'all', 'tensorboard', '[tensorboard]'])
    expect(says(nothing)).toBeUndefined();

  const axolotl =
    'base_model: m\ndatasets: [{path: a/b, type: alpaca}]\nmlflow_experiment_name: e\nuse_trackio: true';
  const theirs = imported(axolotl);
  expect(theirs.config().report_to).toEqual(['mlflow']);
  expect(theirs.lost).toEqual(['mlflow_experiment_name', 'use_trackio']);
});

it('keeps keys of ours, and says what is missing', () => {
  const { config, problem } = imported(
    'base_model: m\nmicro_batch_size: 4\ndata: own.jsonl\nloss: {lambda: 0.3}',
  );
  expect(problem).toBeUndefined();
  expect(config()).toMatchObject({ data: ['own.jsonl'], loss: { lambda: 0.3 }, training: { batch_size: 4 } });
  expect(imported('base_model: m').problem).toMatch(/the key 'data' is missing/);
});

it('refuses a file without a key of any tool', () => {
  expect(() => imported('model: m\nconscience: {every: 2}')).toThrow(
    /no configuration of another tool; expected keys of TRL, Axolotl or LLaMA-Factory/,
  );
});

it('knows whose every key is that it translates', () => {
  const keys = [trlRules, axolotlRules, llamaFactoryRules].flatMap((rules) => Object.keys(rules));
  expect([...keys, ...Object.keys(shared)].filter((key) => ownersOf(key) === undefined)).toEqual([]);
  expect(ownersOf('sequence_len')).toBe('Axolotl');
  expect(ownersOf('cutoff_len')).toBe('LLaMA-Factory');
  expect(ownersOf('num_train_epochs')).toBe('TRL and LLaMA-Factory');
  expect(ownersOf('constructor')).toBeUndefined();
});
