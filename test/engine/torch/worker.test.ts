/** The worker's process: what is said when it cannot start, dies, or is left. A script stands for Python. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { requireWorker } from '../../../src/engine/tinker/python.js';
import { startWorker } from '../../../src/engine/tinker/worker.js';
import { ConfigError, UserError } from '../../../src/errors.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-worker-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A program that answers the look for packages, and else does as it is told. */
function python(name: string, does: string, missing = ''): Record<string, string> {
  const path = join(folder, name);
  const look = `case "$2" in *find_spec*) echo "3.11.0 ${missing}"; exit 0;; esac`;
  writeFileSync(path, `#!/bin/sh\n${look}\n${does}\n`);
  chmodSync(path, 0o755);
  return { EALIGN_PYTHON: path, PATH: process.env.PATH! };
}

const start = (env: Record<string, string>, notes: string[] = []) =>
  startWorker({ model: 'm', device: 'cpu', env, onNote: (line) => notes.push(line) });
const READY = `echo '{"port": 1, "url": "http://127.0.0.1:1", "model": "m", "pid": 1}'`;

it('needs a Python, with its packages', () => {
  expect(() => requireWorker({ EALIGN_PYTHON: join(folder, 'none') })).toThrow(ConfigError);
  expect(() => requireWorker({ EALIGN_PYTHON: join(folder, 'none') })).toThrow(
    /^engine: torch: needs Python, and '.*none' does not run\. Set EALIGN_PYTHON/,
  );
  expect(() => requireWorker(python('bare', '', 'torch peft'))).toThrow(
    /needs Python packages that '.*bare' \(3\.11\.0\) does not have: torch, peft\. Install them there/,
  );
  expect(() => requireWorker(python('whole', ''))).not.toThrow();
});

const noPython = spawnSync('python3', ['--version']).status !== 0;
describe.skipIf(noPython)('modules in the folder that we are in', () => {
  const packages = ['torch', 'transformers', 'peft', 'safetensors', 'aiohttp', 'google', 'numpy'];
  /** A folder of modules that end Python with a word. */
  const modules = (name: string, names: readonly string[]): string => {
    const path = join(folder, name);
    mkdirSync(path);
    for (const one of names) writeFileSync(join(path, `${one}.py`), `raise SystemExit("${name}")\n`);
    return path;
  };
  const here = modules('here', [...packages, 'importlib', 'runpy', 'threading']);
  // without the packages that this Python may have
  const bare = `cd '${here}' && exec python3 -S "$@"`;

  it('are not taken for packages', () => {
    const path = join(folder, 'real');
    writeFileSync(path, `#!/bin/sh\n${bare}\n`);
    chmodSync(path, 0o755);
    expect(() => requireWorker({ EALIGN_PYTHON: path, PATH: process.env.PATH! })).toThrow(
      / does not have: torch, transformers, peft, safetensors, aiohttp, google\.protobuf, numpy\. /,
    );
  });

  it('are not what the worker imports', async () => {
    const env = { ...python('lives here', bare), PYTHONPATH: modules('installed', packages) };
    await expect(start(env)).rejects.toThrow(/^the worker: does not start, got status 1: installed$/);
  });
});

it('tells of its progress, and ends when it is stopped', async () => {
  const notes: string[] = [];
  // as the real one, it ends when its standard input does
  const worker = await start(python('good', `echo loading m; ${READY}; cat`), notes);
  expect(notes).toEqual(['The worker: loading m.']);
  expect(worker.url).toBe('http://127.0.0.1:1');
  expect(worker.env.EALIGN_TINKER_API_KEY).toMatch(/^[0-9a-f]{48}$/);
  expect(worker.signal.aborted).toBe(false);
  await worker.stop();
  expect(worker.signal.aborted).toBe(true);
});

it('that does not start is named with its last words', async () => {
  const words = `echo 'ealign_worker: --device cuda: this machine has no CUDA; use --device cpu' >&2; exit 1`;
  await expect(start(python('refuses', words))).rejects.toThrow(
    /^the worker: does not start, got status 1: --device cuda: this machine has no CUDA; use --device cpu$/,
  );
  const trace = `printf 'Traceback\\n  File "x"\\nOutOfMemoryError: CUDA out of memory\\n' >&2; exit 1`;
  const refused = start(python('full', trace));
  await expect(refused).rejects.toThrow(/CUDA out of memory\. Train with a smaller training.batch_size/);
  await expect(refused).rejects.toThrow(UserError);
});

it('that dies is named to whoever waits for it', async () => {
  const worker = await start(python('dies', `${READY}; echo 'MemoryError' >&2; sleep 0.2; exit 3`));
  await expect.poll(() => worker.signal.aborted, { timeout: 5000 }).toBe(true);
  expect(String(worker.signal.reason)).toMatch(/the worker: has ended by itself, got status 3: MemoryError/);
  const killed = await start(python('killed', `${READY}; kill -9 $$`));
  await expect.poll(() => killed.signal.aborted, { timeout: 5000 }).toBe(true);
  expect(String(killed.signal.reason)).toMatch(
    /it was killed, as a rule because the memory is full\. Give it more/,
  );
});

it('is given its arguments, and its key in the environment alone', async () => {
  const given = join(folder, 'given');
  const worker = await start(python('shows', `shift 2; echo "$@" > ${given}; ${READY}; cat`));
  await worker.stop();
  expect(existsSync(given)).toBe(true);
  const said = readFileSync(given, 'utf8');
  expect(said).toMatch(
    /^--model m --host 127\.0\.0\.1 --port 0 --device cpu --api-key-env EALIGN_TINKER_API_KEY/,
  );
  expect(said).not.toContain(worker.env.EALIGN_TINKER_API_KEY);
});
