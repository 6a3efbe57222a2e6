/**
 * One process at a time in an output folder.
 *
 * A file in it names the process that writes there, until that ends. A stale claim is ignored: after
 * a kill, the same command continues.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { SaveError } from '../errors.js';
import { asSaveError } from './files.js';
import { removeLeftovers } from './leftovers.js';

const CLAIM_FILE = '.in-use.json';
/** How long a killed process may take to end: it gives its memory back first. */
const endingMs = 3000;

interface Holder {
  readonly host: string;
  readonly pid: number;
  /** When the process began, as the kernel counts; null where it does not say. */
  readonly began: string | null;
}

const claimed = new Set<string>();

/**
 * Claims a folder for this process, until it ends, and deletes what killed ones left half-written in it.
 * Claiming it again is free.
 *
 * @param folder exists
 * @throws SaveError when another process that still runs writes there
 */
export function claimFolder(folder: string): void {
  const path = join(resolve(folder), CLAIM_FILE);
  if (claimed.has(path)) return;
  const own: Holder = { host: hostname(), pid: process.pid, began: beginningOf(process.pid) };
  const text = `${JSON.stringify(own)}\n`;
  try {
    writeFileSync(path, text, { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw asSaveError(path, error);
    refuseLiving(folder, path);
    try {
      writeFileSync(path, text);
    } catch (cause) {
      throw asSaveError(path, cause);
    }
  }
  if (claimed.size === 0) process.on('exit', release);
  claimed.add(path);
  removeLeftovers(folder);
}

/** Whether a process that still runs, this one included, writes into a folder, as far as one can tell from here. */
export function isClaimed(folder: string): boolean {
  let holder: Holder;
  try {
    holder = JSON.parse(readFileSync(join(folder, CLAIM_FILE), 'utf8'));
  } catch {
    return false;
  }
  return holder.host !== hostname() || holder.pid === process.pid || isRunning(holder);
}

function release(): void {
  for (const path of claimed) rmSync(path, { force: true });
}

function refuseLiving(folder: string, path: string): void {
  let holder: Holder;
  try {
    holder = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return; // torn by a kill, or gone since
  }
  if (holder.host === hostname() && hasEnded(holder)) return;
  throw new SaveError({
    where: folder,
    what: `process ${holder.pid} on ${holder.host} is writing there`,
    next: `wait until it ends, or choose another output; if it has ended, delete ${path}`,
  });
}

/** Waits for a process that may be ending. */
function hasEnded(holder: Holder): boolean {
  const until = performance.now() + endingMs;
  while (isRunning(holder)) {
    if (performance.now() > until) return false;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  }
  return true;
}

function isRunning({ pid, began }: Holder): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return began === null || beginningOf(pid) === began;
}

/** When a process began; null where it has ended, or where there is no /proc. A zombie has ended. */
function beginningOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // the name of a process, in parentheses, may hold blanks
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}
