/**
 * Runs one Python program where it can do no harm, and says how it went.
 *
 * Limits of wall time, CPU time, memory, processes and file size; no network, no environment, an
 * empty folder that is gone afterwards. What counts as passing is that the program reaches its end
 * without an exception: leaving early, with whatever exit code, does not count.
 *
 * What it does not do: a program that searches its own interpreter's memory can forge its end, and
 * one that hoards memory in the kernel (shared segments, open memory files) is not stopped until the
 * kernel runs short; it is the first to go then. Neither reaches anything outside.
 */
import { spawnSync } from 'node:child_process';
import { chownSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '../errors.js';
import { asSaveError } from '../files/files.js';
import { findPython, type Interpreter, programIdentity } from './interpreter.js';
import { COMMANDS, type Isolation, SYSTEM_PATH, WALLS } from './isolation.js';
import { type Supervision, supervise } from './supervise.js';
import type { SupervisorJob, SupervisorReport } from './supervisor.js';

/** What a program may use. */
export interface SandboxLimits {
  readonly wallSeconds: number;
  /** A whole number; of each process. */
  readonly cpuSeconds: number;
  /** Address space of each process, and memory of all together. Not enforced on macOS. */
  readonly memoryMiB: number;
  /** Processes and threads at one time, the program's first one included. */
  readonly processes: number;
  /** Largest size of each file, in MiB; four times this for all in the folder, unless isolated by `rlimits`. */
  readonly fileMiB: number;
}

const DEFAULT_LIMITS: SandboxLimits = {
  wallSeconds: 10,
  cpuSeconds: 8,
  memoryMiB: 1024,
  processes: 32,
  fileMiB: 16,
};

/** How a program went. */
export interface SandboxResult {
  readonly status: SupervisorReport['status'];
  /** Why, in a few words, e.g. `AssertionError` or `wall time over 10 s`; empty when it passed. */
  readonly reason: string;
  /** The last lines that it wrote to stderr. */
  readonly stderr: string;
  /** Wall time from its start. */
  readonly seconds: number;
  /** What kept it in. */
  readonly isolation: Isolation;
}

/** Which interpreter and isolation a sandbox has, and its limits. */
export interface SandboxOptions {
  /** Path of a Python 3.8 or newer. Default: found on PATH. */
  readonly python?: string;
  /** Default: the stronger of the two walls that works here, never `rlimits`. */
  readonly isolation?: Isolation;
  readonly limits?: Partial<SandboxLimits>;
}

/** A way to run programs that was tried and works. */
export interface Sandbox {
  readonly isolation: Isolation;
  readonly python: Interpreter;
  readonly limits: SandboxLimits;
  /**
   * Never throws for what the program does.
   *
   * @param signal kills it; the promise then rejects
   * @throws ConfigError the isolation has ceased to work
   */
  run(program: string, signal?: AbortSignal): Promise<SandboxResult>;
}

/**
 * Finds Python and an isolation that works, by running an empty program.
 *
 * @throws ConfigError no usable Python, or the isolation asked for, or any wall, does not work here
 */
export async function openSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const python = findPython(options.python);
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const failures: string[] = [];
  for (const isolation of options.isolation ? [options.isolation] : WALLS) {
    const attempt = (program: string, signal?: AbortSignal) =>
      runOnce(program, python, isolation, limits, signal);
    const { report, stderr } = await attempt('');
    if (report?.status === 'passed') {
      const run: Sandbox['run'] = async (program, signal) => {
        const { report = await withoutReport(attempt), stderr } = await attempt(program, signal);
        return { ...report, stderr, isolation };
      };
      return { isolation, python, limits, run };
    }
    failures.push(`${isolation}: ${stderr.split('\n').at(-1) || report?.reason}`);
  }
  throw new ConfigError({
    what: `code of a model only runs in isolation, and none works here (${failures.join('; ')})`,
    next: 'install bubblewrap 0.8 or newer and allow user namespaces, or take --isolation rlimits, which guards against accidents only',
  });
}

/** What to say of a program after which nothing was heard. @throws ConfigError it is not the program's fault */
async function withoutReport(attempt: (program: string) => Promise<Supervision>): Promise<SupervisorReport> {
  const { report, stderr } = await attempt('');
  if (report?.status === 'passed')
    return { status: 'crashed', reason: 'ended with all around it', seconds: 0 };
  throw new ConfigError({
    what: `programs no longer run in isolation: ${stderr.split('\n').at(-1) || report?.reason}`,
    next: 'call the same command again when it works',
  });
}

async function runOnce(
  program: string,
  python: Interpreter,
  isolation: Isolation,
  limits: SandboxLimits,
  signal?: AbortSignal,
): Promise<Supervision> {
  signal?.throwIfAborted();
  const identity = programIdentity();
  const folder = emptyFolder(identity.uid, identity.gid);
  try {
    const fileBytes = limits.fileMiB * 2 ** 20;
    const place = { interpreter: python, folder, folderBytes: 4 * fileBytes };
    const { argv, work } = COMMANDS[isolation](place);
    const job: SupervisorJob = {
      program,
      wallSeconds: limits.wallSeconds,
      cpuSeconds: limits.cpuSeconds,
      memoryBytes: limits.memoryMiB * 2 ** 20,
      fileBytes,
      // The supervisor is one more. Without a count of its own, the user's other tasks count too.
      processes: limits.processes + 1 + (countsApart(isolation) ? 0 : tasksOf(identity.uid)),
      guard: isolation === 'rlimits',
    };
    return await supervise(argv, {
      cwd: isolation === 'rlimits' ? folder : '/',
      env: environment(work),
      ...identity,
      job,
      signal,
    });
  } finally {
    remove(folder);
  }
}

function emptyFolder(uid?: number, gid?: number): string {
  const parent = realpathSync(tmpdir());
  try {
    const folder = mkdtempSync(join(parent, 'ealign-sandbox-'));
    if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid);
    return folder;
  } catch (error) {
    throw asSaveError(parent, error);
  }
}

/** Removes what a program may have left: folders without permissions, or nested deeper than paths are long. */
function remove(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch {
    // Neither follows links.
    spawnSync('chmod', ['-R', 'u+rwX', folder], { stdio: 'ignore' });
    spawnSync('rm', ['-rf', folder], { stdio: 'ignore' });
  }
}

/** All that a program sees; nothing of ours. */
function environment(work: string): Record<string, string> {
  return { PATH: SYSTEM_PATH, HOME: work, PWD: work, TMPDIR: work, LANG: 'C.UTF-8', PYTHONHASHSEED: '0' };
}

/** Whether the kernel counts processes per user namespace: Linux 5.14 and newer. */
function countsApart(isolation: Isolation): boolean {
  const [major, minor] = release().split('.').map(Number);
  return isolation !== 'rlimits' && (major > 5 || (major === 5 && minor >= 14));
}

/** Processes and threads of a user; a generous guess where there is no /proc. */
function tasksOf(uid = process.getuid?.()): number {
  let names: string[];
  try {
    names = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return 1000;
  }
  let tasks = 0;
  for (const name of names) {
    try {
      const status = readFileSync(`/proc/${name}/status`, 'utf8');
      if (Number(/^Uid:\s+(\d+)/m.exec(status)?.[1]) === uid)
        tasks += Number(/^Threads:\s+(\d+)/m.exec(status)?.[1]);
    } catch {
      // Ended in the meantime.
    }
  }
  return tasks;
}
