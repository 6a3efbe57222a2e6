/**
 * Temporary files and folders: how they are named, and which of them a killed process left.
 *
 * The name says who writes: a tag of the machine, and the process. Nothing of another process that
 * still runs is touched, nor of another machine before a day has passed.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

const machine = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
const DAY = 24 * 60 * 60 * 1000;

/** A hidden name in the same folder, e.g. `.state.json.1f0c63aa-4711-9b2d51c07e4a.tmp`. */
export function temporaryName(name: string): string {
  return `.${name}.${machine}-${process.pid}-${randomBytes(6).toString('hex')}.tmp`;
}

/** Earlier versions wrote neither machine nor process. */
const TEMPORARY = /^\.(.+)\.(?:([0-9a-f]{8})-(\d+)-)?[0-9a-f]{12}\.tmp$/;

/**
 * Deletes what killed processes left half-written in a folder. What cannot be deleted stays.
 *
 * @param of only what would have got this name; absent: everything
 */
export function removeLeftovers(folder: string, of?: string): void {
  try {
    for (const found of readdirSync(folder)) {
      const [, name, host, pid] = TEMPORARY.exec(found) ?? [];
      if (name === undefined || (of !== undefined && name !== of)) continue;
      const path = join(folder, found);
      const { mtimeMs } = statSync(path);
      const abandoned = host === machine ? !writes(Number(pid), mtimeMs) : Date.now() - mtimeMs > DAY;
      if (abandoned) rmSync(path, { recursive: true, force: true });
    }
  } catch {
    // tidying up: what reads or writes the folder in earnest says what is wrong with it
  }
}

/** Whether the process that wrote at a time may still be at it. */
function writes(pid: number, at: number): boolean {
  // of a former process with this number, as in a container that was started again
  if (pid === process.pid) return at >= performance.timeOrigin;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
