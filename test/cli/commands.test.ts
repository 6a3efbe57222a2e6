/** Command lines and what reaches the code behind them. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { addChatCommand, type ChatOptions } from '../../src/cli/chat.js';
import { addDemoCommand, type DemoOptions } from '../../src/cli/demo.js';
import { failure } from '../../src/cli/terminal/failure.js';
import { createProgram, withHyphens } from '../../src/cli/terminal/program.js';
import { addTrainCommand, type TrainOptions } from '../../src/cli/train.js';
import type { TrainConfig } from '../../src/train/config/schema.js';

/** Parses `ealign <args>`; what `run` was given, or the line on stderr. */
async function ealign(...args: string[]) {
  const program = createProgram();
  let config: TrainConfig | undefined;
  let options: TrainOptions | ChatOptions | DemoOptions | undefined;
  addTrainCommand(program, async (...given) => void ([config, options] = given));
  addChatCommand(program, async (given) => void (options = given));
  addDemoCommand(
    program,
    async (given) => void (options = given),
    async () => {},
  );
  try {
    await program.parseAsync(withHyphens(args), { from: 'user' });
  } catch (error) {
    return { error: failure(error).text };
  }
  return { config: config!, options };
}

const train = (...args: string[]) => ealign('train', '--model', 'm', '--data', 'rows.jsonl', ...args);

describe('ealign train', () => {
  it.each<[string[], (config: TrainConfig) => unknown, unknown]>([
    [['--training.learning-rate', '1e-4'], (c) => c.training.learning_rate, 1e-4],
    [['--learning-rate=1e-4'], (c) => c.training.learning_rate, 1e-4],
    [['--training.learning_rate', '1e-4'], (c) => c.training.learning_rate, 1e-4],
    [['--steps', '5'], (c) => [c.training.steps, c.training.epochs], [5, undefined]],
    [['--data', 'more.jsonl'], (c) => c.data, ['rows.jsonl', 'more.jsonl']],
    [['--targets', 'q_proj,v_proj'], (c) => c.lora.targets, ['q_proj', 'v_proj']],
    [['--labels', 'fine, wrong'], (c) => c.conscience.labels, ['fine', 'wrong']],
    [['--no-conscience'], (c) => c.conscience.enabled, false],
    [['--no-conscience', '--conscience'], (c) => c.conscience.enabled, true],
    [['--no-conscience.enabled'], (c) => c.conscience.enabled, false],
    [['--rslora'], (c) => c.lora.rslora, true],
    [['--checkpointing', 'true'], (c) => c.training.checkpointing, true],
    [['--checkpointing', 'auto'], (c) => c.training.checkpointing, 'auto'],
    [['--roles.reference', 'frozen-start'], (c) => c.conscience.roles.reference, 'frozen-start'],
    [['--conscience.roles.conscience', 'policy'], (c) => c.conscience.roles.conscience, 'policy'],
    [
      ['--custom-question', '12?', '--question=custom', '--labels=a,b'],
      (c) => c.conscience.custom_question,
      '12?',
    ],
  ])('%j', async (args, read, expected) => {
    const { config, error } = await train(...args);
    expect(error).toBeUndefined();
    expect(read(config!)).toEqual(expected);
  });

  it.each([
    [['--learnig-rate', '1'], "error: unknown option '--learnig-rate'; did you mean '--learning-rate'?\n"],
    [['--max-steps', '9'], "error: unknown option '--max-steps'; did you mean '--steps'?\n"],
    [['--no-consience'], "error: unknown option '--no-consience'; did you mean '--conscience'?\n"],
    [['--qqqqqq=1'], "error: unknown option '--qqqqqq'; `ealign train --help` lists them\n"],
    [['--lambda', '-1'], 'error: --lambda: expected a number >= 0, got -1\n'],
    [['--lambda'], "error: option '--lambda <value>' argument missing\n"],
    [
      ['more.jsonl', 'most.jsonl'],
      'error: more.jsonl: no configuration, which is a YAML file. Give each path a flag of its own: --data rows.jsonl --data more.jsonl --data most.jsonl\n',
    ],
  ])('%j is refused', async (args, line) => {
    expect(await train(...args)).toEqual({ error: line });
  });

  it('takes switches before the configuration file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ealign-cli-'));
    const file = join(folder, 'poet.yaml');
    writeFileSync(file, 'model: m\ndata: d.jsonl\nloss: {lambda: 0.3}\n');
    for (const before of [['--rslora'], ['--preview'], ['--resume']]) {
      const { config } = await ealign('train', ...before, file);
      expect(config).toMatchObject({ output: 'runs/poet', loss: { lambda: 0.3 } });
    }
    expect((await ealign('train', '--resume', file)).options).toMatchObject({ resume: true });
  });

  it('finds the configuration that was saved with a checkpoint', async () => {
    const output = mkdtempSync(join(tmpdir(), 'ealign-cli-'));
    const checkpoint = join(output, 'checkpoint-10');
    mkdirSync(checkpoint);
    writeFileSync(join(output, 'config.yaml'), 'model: m\ndata: d.jsonl\nseed: 7\n');
    for (const resume of [output, checkpoint]) {
      const { config, options } = await ealign('train', '--resume', resume, '--steps', '3');
      expect(config).toMatchObject({ seed: 7, training: { steps: 3 } });
      expect(options).toMatchObject({ resume, preview: false });
    }
  });

  it('says what --resume lacks', async () => {
    const output = mkdtempSync(join(tmpdir(), 'ealign-cli-'));
    const checkpoint = join(output, 'checkpoint-10');
    mkdirSync(checkpoint);
    for (const resume of [output, checkpoint]) {
      const { error } = await ealign('train', '--resume', resume);
      expect(error).toContain(`error: ${join(output, 'config.yaml')}: no such file`);
      expect((await train('--resume', resume)).options).toMatchObject({ resume: checkpoint });
    }
    expect((await ealign('train', '--resume')).error).toMatch(
      /^error: --resume: .*config\.yaml.*<folder>\n$/,
    );
    const rows = join(output, 'rows.jsonl');
    writeFileSync(rows, '');
    const { error } = await ealign('train', '--resume', rows);
    expect(error).toContain(`error: ${rows}: a file, not a checkpoint or output folder`);
  });
});

describe('other commands', () => {
  it('chat has the defaults of the field', async () => {
    expect((await ealign('chat')).options).toMatchObject({
      model: 'pinocchio',
      temperature: 1,
      topP: 1,
      topK: 0,
    });
  });

  it('chat --review-input turns the conscience on, and no other flag of it is needed', async () => {
    expect((await ealign('chat', '--review-input')).options).toMatchObject({
      conscience: { reviewInput: true },
    });
    expect((await ealign('chat')).options).not.toHaveProperty('conscience');
  });

  it.each([
    [['chat', '--top-p', '2'], 'Expected a number >= 0 and <= 1.'],
    [['chat', '--max-tokens', '1.5'], 'Expected a whole number >= 1.'],
    [['chat', '--device', 'tpu'], 'Allowed choices are cpu, webgpu.'],
    [['demo', '--seeds', ''], 'Expected a whole number >= 1.'],
    [['trian'], "error: unknown command 'trian'; did you mean 'train'?"],
    [['qqqqqq'], "error: unknown command 'qqqqqq'; `ealign --help` lists them"],
    [['chat', '--qqqqqq'], "error: unknown option '--qqqqqq'; `ealign chat --help` lists them"],
    [['chat', '--sytem', 'x'], "error: unknown option '--sytem'; did you mean '--system'?"],
  ])('%j is refused', async (args, part) => {
    const { error } = await ealign(...args);
    expect(error).toContain(part);
    expect(error!.trimEnd()).not.toContain('\n');
  });
});
