/** A command in a terminal of its own, by `script` of util-linux: what it shows, and keys typed into it. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { stripVTControlCharacters } from 'node:util';

/** Whether there is a `script` that takes a command (that of util-linux; BSD's does not). */
export const hasTerminal = spawnSync('script', ['-qec', 'true', '/dev/null']).status === 0;

/** Keys that have no letter. */
export const KEYS = { enter: '\r', down: '\x1b[B', interrupt: '\x03' } as const;

/**
 * Runs a shell command in a terminal, and types when something is shown.
 *
 * @param typing what to wait for, in what was shown since the last keys, and the keys to type then
 * @returns what was shown, without control sequences, and the exit code
 */
export async function inTerminal(
  command: string,
  typing: readonly (readonly [shown: RegExp, keys: string])[],
  { cwd, env = process.env }: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<{ shown: string; status: number; waited: number[] }> {
  const child = spawn('script', ['-qec', `stty cols 100 rows 40; ${command}`, '/dev/null'], { cwd, env });
  // keys that were never asked for must not hold up all tests
  const limit = setTimeout(() => child.kill('SIGKILL'), 60_000);
  const waited: number[] = [];
  let [shown, since] = ['', 0];
  let typedAt = performance.now();
  let next = 0;
  child.stdout.setEncoding('utf8').on('data', (text) => {
    shown += stripVTControlCharacters(text);
    if (next === typing.length || !typing[next][0].test(shown.slice(since))) return;
    waited.push(performance.now() - typedAt);
    since = shown.length;
    typedAt = performance.now();
    child.stdin.write(typing[next][1]);
    next += 1;
  });
  const [status] = await once(child, 'close');
  clearTimeout(limit);
  return { shown, status, waited };
}
