/**
 * `npm run test:engines`: our worker on PyTorch, and the engine that drives it. Not part of `npm test`.
 *
 * In the Python that EALIGN_PYTHON names, else in the environment that `ealign worker install` made; recipes of
 * tinker-cookbook where it is installed there, and skyrl-tx's server in the Python that EALIGN_TX_PYTHON names. What is
 * missing is named, and what needs it is left out. Further arguments go to pytest, e.g. `npm run test:engines -- -k sampling`.
 */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { environmentOf, requireWorker } from '../dist/engine/tinker/python.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const TESTS = ['pytest', 'tinker', 'zstandard'];
const skipped = [];

function run(what, command, args, options) {
  process.stderr.write(`\n${what}: ${command} ${args.join(' ')}\n`);
  return spawnSync(command, args, { stdio: 'inherit', cwd: root, ...options }).status ?? 1;
}

function pythonOrNone() {
  try {
    return requireWorker();
  } catch (error) {
    skipped.push(`python/worker and the contract on PyTorch: ${error.message}`);
    return undefined;
  }
}

const python = pythonOrNone();
const env = { ...environmentOf(process.env), ...(python ? { EALIGN_PYTHON: python } : {}) };
const statuses = [];
if (python) {
  const look = `import importlib.util as u; print(*[n for n in ${JSON.stringify(TESTS)} if u.find_spec(n) is None])`;
  const missing = spawnSync(python, ['-c', look], { encoding: 'utf8', env }).stdout.trim();
  if (missing === '') {
    const args = ['-m', 'pytest', '-q', '-rs', ...process.argv.slice(2)];
    statuses.push(run('The worker', python, args, { env, cwd: join(root, 'python/worker') }));
  } else {
    skipped.push(
      `python/worker: ${python} has no ${missing}. Run: ${python} -m pip install ${TESTS.join(' ')}`,
    );
  }
}
if (process.env.EALIGN_TX_PYTHON === undefined) {
  skipped.push('the client at skyrl-tx: set EALIGN_TX_PYTHON to a Python that has it (docs/gpus.md)');
}
statuses.push(
  run('The engine', process.execPath, ['node_modules/vitest/vitest.mjs', 'run', 'test/engine/torch'], {
    env,
  }),
);
for (const one of skipped) process.stderr.write(`\nSKIPPED  ${one}\n`);
process.exitCode = statuses.find((status) => status !== 0) ?? 0;
