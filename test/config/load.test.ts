/** What a configuration file and flags become, and the one line that each mistake prints. */
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/errors.js';
import { type FlagValues, flagNames, flagValue } from '../../src/train/config/flags.js';
import { loadConfig, parseConfig } from '../../src/train/config/load.js';
import { renderConfig } from '../../src/train/config/render.js';

const MINIMAL = 'model: pinocchio\ndata: a.jsonl\n';

/** Flags as the command line hands them over. */
function flags(given: Record<string, string>): FlagValues {
  return new Map(
    Object.entries(given).map(([flag, text]) => {
      const { key } = flagNames.find(({ name }) => `--${name}` === flag)!;
      return [key.path, { flag, value: flagValue(key, text) }];
    }),
  );
}

function errorOf(yaml: string, given: Record<string, string> = {}): string {
  try {
    parseConfig(yaml, 'run.yaml', flags(given));
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message;
  }
  throw new Error('the configuration was accepted');
}

describe('a file with a mistake', () => {
  it.each([
    ['loss:\n  lambda: -1', 'run.yaml:4:11 loss.lambda: expected a number >= 0, got -1'],
    ['loss: {beta: 0}', 'run.yaml:3:14 loss.beta: expected a number > 0, got 0'],
    ['loss:\n  lambda: .nan', 'run.yaml:4:11 loss.lambda: expected a number >= 0, got NaN'],
    ['seed: 1.5', 'run.yaml:3:7 seed: expected a whole number >= 0, got 1.5'],
    ['eval_split: 1', 'run.yaml:3:13 eval_split: expected a number >= 0 and < 1, got 1'],
    ['training:\n  steps: "10"', "run.yaml:4:10 training.steps: expected a whole number >= 1, got '10'"],
    [
      'training:\n  batching: packed',
      "run.yaml:4:13 training.batching: expected one of bucket, pack, got 'packed'",
    ],
    [
      'training:\n  checkpointing: yes please',
      "run.yaml:4:18 training.checkpointing: expected auto or true or false, got 'yes please'",
    ],
    [
      'lora:\n  targets: [q_proj, wq]',
      "run.yaml:4:21 lora.targets: expected a list of q_proj, k_proj, v_proj, qkv_proj, o_proj, gate_proj, up_proj, gate_up_proj, down_proj, got 'wq'",
    ],
    [
      'conscience: {roles: {policy: frozen-base}}',
      "run.yaml:3:30 conscience.roles.policy: expected policy, got 'frozen-base'",
    ],
    [
      'lora: true',
      'run.yaml:3:7 lora: expected a section with the keys rank, alpha, rslora, targets, layers, exclude, got true',
    ],
    [
      'conscience:\n  labels: [yes]',
      "run.yaml:4:11 conscience.labels: expected a list of 2 texts, got ['yes']",
    ],
    [
      'conscience:\n  question: custom',
      'run.yaml:4:13 conscience.question: question: custom needs its text; set conscience.custom_question. Also wrong: run.yaml:4:13 conscience.question: question: custom needs its two answers; set conscience.labels, e.g. [aligned, objection]',
    ],
    [
      'conscience:\n  question: custom\n  custom_question: Was it kind?',
      'run.yaml:4:13 conscience.question: question: custom needs its two answers; set conscience.labels, e.g. [aligned, objection]',
    ],
    [
      'conscience:\n  custom_question: Was it kind?',
      'run.yaml:4:20 conscience.custom_question: only question: custom reads this, and question is asimov; set conscience.question: custom',
    ],
    [
      'conscience:\n  labels: [No, not at all]',
      'run.yaml:4:11 conscience.labels: expected two answers of which neither begins with the other, e.g. [aligned, objection]',
    ],
    [
      'training:\n  steps: 5\n  epochs: 2',
      'run.yaml:5:11 training.epochs: training.steps and training.epochs are both set; keep one',
    ],
    [
      'eval_data: b.jsonl\neval_split: 0.1',
      'run.yaml:4:13 eval_split: eval_data and eval_split are both set; keep one',
    ],
    [
      'adapter: x\nsetting: full',
      'run.yaml:3:10 adapter: an adapter can be trained on only with setting: lora; merge it into the model to train all weights',
    ],
    ['learnig_rate: 1', "run.yaml:3:1: unknown key 'learnig_rate'; did you mean 'training.learning_rate'?"],
    ['training:\n  lambda: 1', "run.yaml:4:3: unknown key 'training.lambda'; did you mean 'loss.lambda'?"],
    ['trainig:\n  steps: 1', "run.yaml:3:1: unknown key 'trainig'; did you mean 'training'?"],
    [
      'max_steps: 1',
      "run.yaml:3:1: unknown key 'max_steps', a key of TRL, Axolotl and LLaMA-Factory; here it is 'training.steps'. Run: ealign import-config run.yaml",
    ],
    [
      'learning_rate: 1',
      "run.yaml:3:1: unknown key 'learning_rate', a key of TRL, Axolotl and LLaMA-Factory; here it is 'training.learning_rate'. Run: ealign import-config run.yaml",
    ],
    [
      'flash_attention: true',
      "run.yaml:3:1: unknown key 'flash_attention', a key of Axolotl. Run: ealign import-config run.yaml",
    ],
    [
      'per_device_train_batch_size: 1',
      "run.yaml:3:1: unknown key 'per_device_train_batch_size', a key of TRL and LLaMA-Factory; here it is 'training.batch_size'. Run: ealign import-config run.yaml",
    ],
    [
      'report_to: wandb',
      "run.yaml:3:12 report_to: 'wandb' is not needed: W&B gets a run from its metrics.jsonl, by the lines of Python in docs/dashboard.md; leave it out",
    ],
    ['report_to: [mlflow, comet]', "run.yaml:3:21 report_to: expected mlflow or none, got 'comet'"],
    [
      'report_to: 3',
      'run.yaml:3:12 report_to: expected one of mlflow, none or a list of mlflow, none, got 3',
    ],
    ['lora:\n  r: 1', "run.yaml:4:3: unknown key 'lora.r'; did you mean 'lora.rank'?"],
    [
      'lora:\n  dropuot: 1\n  lora_dropout: 0.1',
      "run.yaml:4:3: unknown key 'lora.dropuot'; `ealign train --help` lists the keys. Also wrong: run.yaml:5:3: unknown key 'lora.lora_dropout'; adapters are trained without dropout; remove it",
    ],
    [
      'lora_dropout: 0.1',
      "run.yaml:3:1: unknown key 'lora_dropout', a key of TRL, Axolotl and LLaMA-Factory; adapters are trained without dropout. Run: ealign import-config run.yaml",
    ],
    ['constructor: 1', "run.yaml:3:1: unknown key 'constructor'; `ealign train --help` lists the keys"],
  ])('%j', (yaml, line) => {
    expect(errorOf(MINIMAL + yaml)).toBe(line);
  });

  it.each([
    ['modle: x\ndata: a', "run.yaml:1:1: unknown key 'modle'; did you mean 'model'?"],
    ['model: x', "run.yaml: the key 'data' is missing. Add a line `data: …`, or give --data <path>"],
    [
      'model:\ndata: a',
      "run.yaml: the key 'model' is missing. Add a line `model: …`, or give --model <path|alias|id>",
    ],
    [
      '',
      "run.yaml: the key 'model' is missing. Add a line `model: …`, or give --model <path|alias|id>. Also wrong: run.yaml: the key 'data' is missing. Add a line `data: …`, or give --data <path>",
    ],
    ['- model', "run.yaml:1:1: not a configuration; expected lines of the form `key: value`, got ['model']"],
    ['model: x\nmodel: y', 'run.yaml:2:1: not valid YAML: Map keys must be unique'],
    [
      'model: [x',
      'run.yaml:1:10: not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
  ])('%j', (yaml, line) => {
    expect(errorOf(yaml)).toBe(line);
  });

  it('or with several names all of them, the misspelt ones first, and one tool’s keys once', () => {
    expect(errorOf(`${MINIMAL}loss: {beta: 0}\nseed: 1.5\ntrainig: 1`)).toBe(
      "run.yaml:5:1: unknown key 'trainig'; did you mean 'training'? Also wrong: run.yaml:4:7 seed: expected a whole number >= 0, got 1.5; run.yaml:3:14 loss.beta: expected a number > 0, got 0",
    );
    expect(errorOf(`${MINIMAL}learning_rate: 1\nmax_steps: 3\nseed: x`)).toBe(
      "run.yaml:3:1: unknown key 'learning_rate', a key of TRL, Axolotl and LLaMA-Factory; here it is 'training.learning_rate'. Run: ealign import-config run.yaml. Also wrong: run.yaml:5:7 seed: expected a whole number >= 0, got 'x'",
    );
    const many = errorOf(
      `${MINIMAL}${['q', 'qq', 'qqq', 'qqqq', 'qqqqq', 'qqqqqq', 'qqqqqqq'].map((k) => `${k}: 1`).join('\n')}`,
    );
    expect(many).toMatch(/; 2 more$/);
  });

  it('that does not exist', () => {
    expect(() => loadConfig('/nowhere/run.yaml')).toThrow(
      '/nowhere/run.yaml: no such configuration file. Check the path',
    );
    expect(() => loadConfig('/')).toThrow('/: is a folder; expected a YAML file');
  });
});

describe('sources of rows', () => {
  const error = (data: string) => errorOf(`model: pinocchio\ndata:\n${data}`);
  it.each([
    [
      '  - {path: a.csv, colums: {prompt: q}}',
      "run.yaml:3:19: unknown key 'data.0.colums'; did you mean 'columns'?",
    ],
    [
      '  - {path: a.csv, columns: {promt: q}}',
      "run.yaml:3:29: unknown key 'data.0.columns.promt'; did you mean 'prompt'?",
    ],
    ['  path: a.csv\n  columns: {prompt: 3}', 'run.yaml:4:21 data.columns.prompt: expected a text, got 3'],
    [
      '  - a.csv\n  - {path: b.csv, type: sharedgpt}',
      "run.yaml:4:25 data.1.type: expected one of messages, sharegpt, completion, alpaca, text, preference, kto, got 'sharedgpt'",
    ],
    ['  - {path: a.csv, weight: 0}', 'run.yaml:3:27 data.0.weight: expected a number > 0, got 0'],
    ['  split: train', "run.yaml:3:3: the key 'data.path' is missing"],
    [
      '  - 3',
      'run.yaml:3:5 data.0: expected a text or a mapping with the keys path, subset, split, type, columns, weight, got 3',
    ],
  ])('%j', (data, line) => {
    expect(error(data)).toBe(line);
  });

  it('may be paths and mappings, and are written so that they load again', () => {
    const text = `model: pinocchio\ndata:\n  - a.jsonl\n  - {path: o/n, split: dev, columns: {prompt: q}, weight: 0.5}\neval_data: {path: b.csv, type: alpaca}\n`;
    const config = parseConfig(text);
    expect(config.data).toEqual([
      'a.jsonl',
      { path: 'o/n', split: 'dev', columns: { prompt: 'q' }, weight: 0.5 },
    ]);
    expect(config.eval_data).toEqual([{ path: 'b.csv', type: 'alpaca' }]);
    expect(parseConfig(renderConfig(config))).toEqual(config);
    expect(errorOf(`${MINIMAL}eval_data: {path: b, weight: 2}`)).toMatch(/unknown key 'eval_data\.weight'/);
    expect(parseConfig('model: m\ndata: {path: d/rows.csv.gz}', 'run.yaml').output).toBe('runs/run');
  });
});

describe('flags', () => {
  it('switch off what the file reports to', () => {
    const reports = (yaml: string, given?: FlagValues) => parseConfig(yaml, 'run.yaml', given).report_to;
    const head = 'model: m\ndata: d.jsonl\n';
    expect(reports(head)).toEqual([]);
    expect(reports(`${head}report_to: mlflow`)).toEqual(['mlflow']);
    expect(reports(`${head}report_to: [mlflow]`)).toEqual(['mlflow']);
    const none = new Map([['report_to', { flag: '--report-to', value: ['none'] }]]);
    expect(reports(`${head}report_to: mlflow`, none)).toEqual([]);
  });

  it('win over the file', () => {
    const config = parseConfig(`${MINIMAL}loss: {lambda: 0.5}`, 'run.yaml', flags({ '--lambda': '0.2' }));
    expect(config.loss).toMatchObject({ lambda: 0.2, beta: 0.1 });
  });

  it('replace the key that excludes them', () => {
    const { training } = parseConfig(
      `${MINIMAL}training: {epochs: 3}`,
      'run.yaml',
      flags({ '--steps': '7' }),
    );
    expect(training).toMatchObject({ steps: 7 });
    expect(training.epochs).toBeUndefined();
  });

  it('suffice without a file', () => {
    const config = loadConfig(undefined, flags({ '--model': 'm', '--data': 'x/rows.jsonl.gz' }));
    expect(config).toMatchObject({ model: 'm', data: ['x/rows.jsonl.gz'], output: 'runs/rows' });
  });

  it.each([
    ['--training.learning-rate', '-1', '--training.learning-rate: expected a number > 0, got -1'],
    ['--learning-rate', 'fast', "--learning-rate: expected a number > 0, got 'fast'"],
    ['--checkpointing', 'on', "--checkpointing: expected auto or true or false, got 'on'"],
    ['--labels', 'aligned', "--labels: expected a list of 2 texts, got ['aligned']"],
  ])('%s %s', (flag, text, line) => {
    expect(errorOf(MINIMAL, { [flag]: text })).toBe(line);
  });

  it('name the key that is missing', () => {
    expect(() => loadConfig(undefined)).toThrow("the key 'model' is missing. Give --model <path|alias|id>");
  });
});

describe('a resolved configuration', () => {
  const config = parseConfig(MINIMAL, 'configs/poet.yaml');

  it('has the defaults of the field', () => {
    expect(config).toMatchObject({
      output: 'runs/poet',
      seed: 42,
      eval_split: 0.02,
      lora: { rank: 16, alpha: 32 },
      training: { epochs: 1, learning_rate: 2e-4, max_length: 1024, max_grad_norm: 1 },
      loss: { lambda: 0.1, beta: 0.1 },
      conscience: { enabled: true, roles: { policy: 'policy', reference: 'frozen-base' } },
    });
    expect(parseConfig(`${MINIMAL}setting: full`).training.learning_rate).toBe(2e-5);
    expect(parseConfig(`${MINIMAL}eval_data: e.jsonl`).eval_split).toBe(0);
  });

  it('survives being written and read', () => {
    const text = renderConfig(config, { model_sha256: 'abc' });
    expect(text).toMatch(/^# model_sha256: abc\nmodel: pinocchio\n/);
    expect(parseConfig(text)).toEqual(config);
    const custom = parseConfig(
      `${MINIMAL}eval_data: [e, f]\ntraining: {steps: 3, learning_rate: 1e-5}\nconscience: {question: custom, custom_question: "Kind?\\nSay: yes", labels: [yes, "no"]}`,
    );
    expect(parseConfig(renderConfig(custom))).toEqual(custom);
  });
});
