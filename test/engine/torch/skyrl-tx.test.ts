/**
 * Our client at skyrl-tx's JAX server, a Tinker server that nobody here wrote: it samples from it and reads
 * log-probabilities there as onnxruntime computes them, and refuses to train, since that server divides by the weights' sum.
 *
 * In a Python that EALIGN_TX_PYTHON names, skipped where it has no skyrl-tx. Its transformers is older than the worker's,
 * so that it needs an environment of its own.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TrainingEngine } from '../../../src/engine/training-engine.js';
import { loadModel } from '../../../src/model/weights.js';
import { openEngine, UNTRAINED } from '../../../src/open/engine.js';
import type { Message } from '../../../src/values/conversation.js';

const python = process.env.EALIGN_TX_PYTHON;
const missing = (() => {
  if (python === undefined) return 'EALIGN_TX_PYTHON is not set';
  const { status, stderr } = spawnSync(python, ['-c', 'import tx, jax, flax, optax, fastapi, sqlmodel'], {
    encoding: 'utf8',
  });
  return status === 0 ? undefined : stderr?.trim().split('\n').at(-1) || `${python} does not run`;
})();

const folder = fileURLToPath(new URL('../../../models/pinocchio', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'ealign-tx-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const say = (content: string): Message[] => [{ role: 'user', content }];

describe.skipIf(missing)(`skyrl-tx${missing ? ` (${missing})` : ''}`, () => {
  const said: string[] = [];
  let server: ChildProcess;
  let url: string;
  const engines: TrainingEngine[] = [];

  beforeAll(async () => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    server = spawn(python!, ['-m', 'tx.tinker.api', ...options(port)], {
      env: { ...process.env, PATH: `${uvIn(scratch)}${delimiter}${process.env.PATH}`, JAX_PLATFORMS: 'cpu' },
      // with the engine that it starts, which would outlive it
      detached: true,
    });
    for (const stream of [server.stdout!, server.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => said.push(text));
    const answers = async () => (await fetch(`${url}/api/v1/healthz`).catch(() => undefined))?.ok ?? false;
    await expect.poll(answers, { timeout: 240_000, interval: 500 }).toBe(true);
  }, 300_000);
  afterAll(async () => {
    await Promise.all(engines.map((engine) => engine.close()));
    if (server?.exitCode !== null) return;
    const ended = once(server, 'exit');
    process.kill(-server.pid!, 'SIGKILL');
    await ended;
  });

  const open = async (choice: object) => {
    const engine = await openEngine({ model: await loadModel(folder), ...choice });
    engines.push(engine);
    return engine;
  };

  it('is sampled from, and says the log-probabilities that onnxruntime computes', async () => {
    const there = (await open({ engine: 'tinker', url, lora: UNTRAINED })).model('base');
    const here = (await open({ lora: UNTRAINED })).model('base');
    const asked = [say('What is a good breakfast?'), say('May I lie to a friend?')];
    const greedy = { maxTokens: 12, temperature: 0 };
    const [ours, theirs] = [await here.generate(asked, greedy), await there.generate(asked, greedy)];
    expect(theirs.map(({ text }) => text)).toEqual(ours.map(({ text }) => text));
    const labels = ['yes', 'no'];
    const [one, two] = [await here.labelLogps(asked, labels), await there.labelLogps(asked, labels)];
    for (const [i, logps] of one.entries())
      for (const [k, logp] of logps.entries()) expect(Math.abs(two[i][k] - logp)).toBeLessThan(2e-3);
  }, 300_000);

  it('is not trained on, and the reason is named', async () => {
    const refused = open({
      ...{ engine: 'tinker', url, seed: 1 },
      lora: { rank: 4, alpha: 32, rslora: false, targets: 'all-linear' },
    });
    await expect(refused).rejects.toThrow(
      /its cross-entropy is not the plain sum of weighted losses, so that preference pairs would be learned wrongly/,
    );
    await expect(refused).rejects.toThrow(/divide by the sum of the weights/);
  }, 300_000);
});

function options(port: number): string[] {
  return [
    ...['--base-model', folder, '--host', '127.0.0.1', '--port', String(port)],
    ...[
      '--database-url',
      `sqlite:///${join(scratch, 'tx.db')}`,
      '--checkpoints-base',
      join(scratch, 'saved'),
    ],
    ...['--backend-config', JSON.stringify({ max_lora_adapters: 4, max_lora_rank: 8 })],
  ];
}

/** A `uv` that runs the server's own Python: the server starts its engine by `uv run`, which wants its repository. */
function uvIn(at: string): string {
  const bin = join(at, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'uv'), `#!/bin/sh\nwhile [ "$1" != -m ]; do shift; done\nexec '${python}' "$@"\n`);
  chmodSync(join(bin, 'uv'), 0o755);
  return bin;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  return port;
}
