/** `ealign worker` and `ealign doctor`: command lines, and what reaches the code behind them. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { addDoctorCommand, type DoctorCommand } from '../../src/cli/doctor.js';
import { failure } from '../../src/cli/terminal/failure.js';
import { createProgram, withHyphens } from '../../src/cli/terminal/program.js';
import { addWorkerCommand, type WorkerInstallOptions, type WorkerOptions } from '../../src/cli/worker.js';

async function ealign(...args: string[]) {
  const program = createProgram();
  const given: { worker?: WorkerOptions; install?: WorkerInstallOptions; doctor?: DoctorCommand } = {};
  addWorkerCommand(
    program,
    async (options) => void (given.worker = options),
    async (options) => void (given.install = options),
  );
  addDoctorCommand(program, async (options) => void (given.doctor = options));
  try {
    await program.parseAsync(withHyphens(args), { from: 'user' });
  } catch (error) {
    return { error: failure(error).text };
  }
  return given;
}

describe('ealign worker', () => {
  it('has every option of the worker, and passes it on', async () => {
    const source = readFileSync('python/worker/ealign_worker/__main__.py', 'utf8');
    const own = [...source.matchAll(/add_argument\(\s*"(--[\w-]+)"/g)].map(([, name]) => name);
    expect(own.length).toBeGreaterThan(10);
    const program = createProgram();
    addWorkerCommand(
      program,
      async () => {},
      async () => {},
    );
    const ours = program.commands[0].options.map(({ long }) => long);
    expect(ours.filter((name) => !['--gpus', '--nodes', '--rendezvous'].includes(name!)).sort()).toEqual(
      own.sort(),
    );
    const { worker } = (await ealign(
      ...['worker', '--model', 'm', '--host', '0.0.0.0', '--port', '7000', '--device', 'cuda'],
      ...['--token_budget', '4096', '--checkpointing', '--gpus', '8', '--shard', '--api-key-env', 'KEY'],
    )) as { worker?: WorkerOptions };
    expect(worker).toMatchObject({ model: 'm', gpus: 8, nodes: 1, keyed: true });
    expect(worker!.passed).toEqual([
      ...['--host', '0.0.0.0', '--port', '7000', '--api-key-env', 'KEY', '--device', 'cuda'],
      ...['--checkpointing', '--token-budget', '4096', '--shard'],
    ]);
  });

  it.each([
    [['worker'], 'error: --model: is missing. Give --model <folder or name>\n'],
    [['worker', '--model', 'm', '--nodes', '2'], 'error: --rendezvous: several machines need both'],
    [['worker', '--model', 'm', '--rendezvous', 'a:1'], 'error: --nodes: several machines need both'],
    [['worker', '--model', 'm', '--shard'], 'error: --shard: there is one process to shard over'],
    [['worker', '--model', 'm', '--device', 'tpu'], 'Allowed choices are cpu, cuda, auto.'],
    [['worker', '--modell', 'm'], "error: unknown option '--modell'; did you mean '--model'?"],
    [['worker', 'install', '--cuda', '--cpu'], 'error: --cuda: and --cpu: keep one'],
  ])('%j is refused', async (args, line) => {
    const { error } = (await ealign(...args)) as { error: string };
    expect(error).toContain(line);
    expect(error.trimEnd()).not.toContain('\n');
  });

  it('install needs no model', async () => {
    expect((await ealign('worker', 'install', '--cpu', '--folder', 'f')) as object).toMatchObject({
      install: { build: 'cpu', folder: 'f', yes: false },
    });
    expect(((await ealign('worker', 'install')) as { install: object }).install).not.toHaveProperty('build');
  });
});

describe('ealign doctor', () => {
  it('asks about this machine, a server, or a run', async () => {
    const asked = async (...args: string[]) =>
      ((await ealign('doctor', ...args)) as { doctor: DoctorCommand }).doctor;
    expect(await asked()).toEqual({ hasData: false, json: false });
    expect(await asked('--url', 'http://h:1', '--json')).toEqual({
      hasData: false,
      url: 'http://h:1',
      json: true,
    });
    const run = await asked('--model', 'm', '--batch-size', '2');
    expect(run).toMatchObject({ hasData: false, config: { model: 'm', training: { batch_size: 2 } } });
    expect(await asked('--model', 'm', '--data', 'd.jsonl')).toMatchObject({ hasData: true });
  });

  it('refuses what training refuses', async () => {
    expect(await ealign('doctor', '--model', 'm', '--engine', 'tpu')).toEqual({
      error: expect.stringContaining('--engine: expected one of onnx, torch, tinker'),
    });
    expect(await ealign('doctor', '--modell', 'm')).toEqual({
      error: expect.stringContaining('unknown option'),
    });
  });
});
