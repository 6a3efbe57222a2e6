/** `ealign` as a process group of its own, which is killed whole: what it started ends with it. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const bin = join(import.meta.dirname, '..', '..', 'bin', 'ealign.js');
const hook = pathToFileURL(join(import.meta.dirname, 'kill-at.mjs')).href;

/**
 * @param {readonly string[]} args
 * @param {{ cwd: string, crash?: object }} options crash: see kill-at.mjs
 */
export function start(args, { cwd, crash }) {
  const { NODE_OPTIONS: options = '', ...env } = process.env;
  const loaded = crash && { NODE_OPTIONS: `${options} --import ${hook}`, CRASH: JSON.stringify(crash) };
  const child = spawn(process.execPath, [bin, ...args], {
    ...{ cwd, detached: true, stdio: ['ignore', 'ignore', 'pipe'] },
    env: { ...env, NODE_OPTIONS: options, ...loaded },
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    errors = (errors + text).slice(-20_000);
  });
  const ended = new Promise((resolve) => {
    child.once('exit', async (code, signal) => {
      // of a group whose leader has gone, the others go as well
      kill(child.pid);
      resolve({ code, signal, errors });
    });
  });
  return { child, ended, kill: () => kill(child.pid), errors: () => errors };
}

/** Ends the group. */
function kill(pid) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // it has ended by itself
  }
}
