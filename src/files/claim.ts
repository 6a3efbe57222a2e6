/**
 * One process at a time in an output folder.
 *
 * A file in it names the process that writes there, until that ends. What a killed one left behind
 * counts for nothing, so that the same command goes on at once.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { SaveError } from '../errors.js';
import { asSaveError } from './files.js';
import { removeLeftovers } from './leftovers.js';

const CLAIM_FILE = '.in-use.json';

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
  if (holder.host === hostname() && !isRunning(holder)) return;
  throw new SaveError({
    where: folder,
    what: `process ${holder.pid} on ${holder.host} is writing there`,
    next: `wait until it ends, or choose another output; if it has ended, delete ${path}`,
  });
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

/** Linux; elsewhere null. The name of a process, in parentheses, may hold blanks. */
function beginningOf(pid: number): string | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return fields.slice(fields.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
