/** Starts a supervisor, listens to it, and sees to it that nothing of it is left. */
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { SupervisorJob, SupervisorReport } from './supervisor.js';

/** How much longer than the program itself its surroundings may take to start and end. */
const GRACE_MS = 5_000;

/** What the supervisor is to run, where, and as whom. */
export interface Supervised {
  readonly cwd: string;
  readonly env: Record<string, string>;
  readonly uid?: number;
  readonly gid?: number;
  readonly job: SupervisorJob;
  readonly signal?: AbortSignal;
}

/** How a supervised process ended. */
export interface Supervision {
  /** Absent where it was ended from outside, or could not start. */
  readonly report?: SupervisorReport;
  /** The last lines, of at most 4,000 characters; or why it did not start. */
  readonly stderr: string;
}

/**
 * Runs the supervisor in a process group of its own, of which nothing is left when this returns.
 *
 * @throws what the signal says, when it stopped it
 */
export async function supervise(
  [command, ...args]: string[],
  { job, signal, ...options }: Supervised,
): Promise<Supervision> {
  const child = spawn(command, args, {
    ...options,
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
  });
  const kill = (name: NodeJS.Signals) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, name);
    } catch {
      // Nobody is left in the group.
    }
  };
  const [, , stderrPipe, reportPipe] = child.stdio as unknown as Readable[];
  const stderr = tail(stderrPipe, 16_384);
  const report = tail(reportPipe, 16_384);
  // A command that does not exist, or one that ends before it has read all: no report says so.
  child.stdin?.on('error', () => {});
  child.stdin?.end(JSON.stringify(job));
  const timers = [setTimeout(kill, job.wallSeconds * 1000 + GRACE_MS, 'SIGKILL')];
  // The supervisor sees to its children first; then the group goes.
  const abort = () => {
    kill('SIGTERM');
    timers.push(setTimeout(kill, 500, 'SIGKILL'));
  };
  signal?.addEventListener('abort', abort);
  const failure = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', () => resolve(''));
  });
  kill('SIGKILL');
  for (const timer of timers) clearTimeout(timer);
  signal?.removeEventListener('abort', abort);
  // A process that escaped may hold the pipes open: what has come by then is enough.
  const patience = new AbortController();
  await Promise.race([
    Promise.all([stderr.end, report.end]).then(() => patience.abort()),
    delay(2000, undefined, { signal: patience.signal }).catch(() => {}),
  ]);
  for (const stream of child.stdio) stream?.destroy();
  signal?.throwIfAborted();
  return { report: parseReport(report.text()), stderr: lastLines(stderr.text()) || failure };
}

function parseReport(text: string): SupervisorReport | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Keeps the last `most` bytes of a stream. */
function tail(stream: Readable, most: number): { text: () => string; end: Promise<unknown> } {
  let kept = Buffer.alloc(0);
  stream.on('data', (piece: Buffer) => {
    kept = Buffer.concat([kept, piece.subarray(-most)]).subarray(-most);
  });
  const end = new Promise((resolve) => {
    stream.once('close', resolve);
    stream.once('error', resolve);
  });
  return { text: () => kept.toString('utf8'), end };
}

/** At most 20 lines and 4,000 characters. */
function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-20).join('\n').slice(-4000);
}
