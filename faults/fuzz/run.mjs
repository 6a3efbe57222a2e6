/**
 * The fuzz driver: a worker process reads damaged files; this one watches its clock and its memory.
 *
 * Every case is drawn from (seed, index) alone, so that `--only INDEX` makes it again.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What must never happen. */
export const FAULTS = ['stack trace', 'hang', 'memory', 'silent damage', 'crash'];

/**
 * @param {{ cases: number, seed?: number, first?: number, hang?: number, memory?: number, onCase?: (outcome: object) => void }} options
 *   hang in seconds, memory in MB
 * @returns {Promise<{ index: number, target: string, file: string, what: string, result: string, message?: string }[]>}
 */
export async function fuzz({ cases, seed = 1, first = 0, hang = 10, memory = 2048, onCase }) {
  const scratch = mkdtempSync(join(tmpdir(), 'ealign-fuzz-'));
  const outcomes = [];
  try {
    let worker = await begin(scratch);
    for (let index = -worker.targets; index < 0; index++) {
      const { target, result, message } = await one(worker, { index, seed, hang, memory });
      if (result !== 'accepted')
        throw new Error(`${target}: the undamaged files end in: ${result} ${message}`);
    }
    for (let index = first; index < first + cases; index++) {
      const outcome = await one(worker, { index, seed, hang, memory });
      if (outcome.ended) {
        worker.child.kill('SIGKILL');
        worker = await begin(scratch);
      }
      const { ended: _, peak: __, ...said } = outcome;
      outcomes.push(said);
      onCase?.(said);
    }
    worker.child.kill('SIGKILL');
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return outcomes;
}

async function begin(scratch) {
  const child = fork(join(import.meta.dirname, 'worker.mjs'), [scratch], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: ['--max-old-space-size=4096'],
  });
  let errors = '';
  child.stderr.on('data', (piece) => {
    errors = (errors + piece).slice(-4000);
  });
  const { targets } = await new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) =>
      reject(new Error(`the worker ended with ${code} before its first case:\n${errors}`)),
    );
  });
  child.removeAllListeners('exit');
  return { child, targets, errors: () => errors };
}

/** One case. `ended`: the worker is of no further use. */
function one({ child, errors }, { index, seed, hang, memory }) {
  return new Promise((resolve) => {
    let begun = { index, target: '?', file: '?', what: '?' };
    const end = (outcome) => {
      clearTimeout(clock);
      clearInterval(watch);
      child.removeAllListeners('message');
      child.removeAllListeners('exit');
      resolve(outcome);
    };
    const clock = setTimeout(() => end({ ...begun, result: 'hang', ended: true }), 1000 * hang);
    const watch = setInterval(() => {
      if (residentMegabytes(child.pid) > memory) end({ ...begun, result: 'memory', ended: true });
    }, 100);
    child.on('message', (message) => {
      if (message.begun) begun = message.begun;
      else if (message.unhandled)
        end({ ...begun, result: 'stack trace', message: message.unhandled, ended: true });
      else if (message.peak > memory) end({ ...message, result: 'memory', ended: true });
      // a worker keeps what it has grown to: the next case is to be measured by itself
      else end({ ...message, ended: message.peak > memory / 2 });
    });
    child.on('exit', (code, signal) =>
      end({ ...begun, result: 'crash', message: `${signal ?? code}: ${errors()}`, ended: true }),
    );
    child.send({ index, seed });
  });
}

function residentMegabytes(pid) {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
