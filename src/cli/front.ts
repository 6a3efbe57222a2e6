/**
 * Where `ealign` begins. Commands that compute for long work in a thread of their own, behind this one, which redraws
 * their progress and hears Ctrl-C while they compute; terminal/front.ts is their side. The others run here.
 */
import { Worker } from 'node:worker_threads';
import { type Backstage, INTERRUPT, type Screen, type Told } from './terminal/front.js';
import { type CommandProgress, createProgress } from './terminal/progress.js';

/** Commands that ask nothing of the keyboard, and compute. */
const LONG = ['train', 'calibrate', 'eval', 'experiment', 'demo', 'pretrain', 'review', 'export'];

/** Exit code of a process whose reader went away: 128 + SIGPIPE. */
const BROKEN_PIPE = 141;

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(BROKEN_PIPE);
    throw error;
  });
}

const [command, ...rest] = process.argv.slice(2);
const explains = rest.some((word) => word === '--help' || word === '-h');
if (LONG.includes(command) && !explains) await runBehind();
else await import('./main.js');

async function runBehind(): Promise<void> {
  const backstage: Backstage = {
    screens: { stdout: screenOf(process.stdout), stderr: screenOf(process.stderr) },
  };
  const thread = new Worker(new URL('./main.js', import.meta.url), {
    argv: process.argv.slice(2),
    workerData: { backstage },
  });
  let work: { readonly progress: CommandProgress; readonly stopping: string; asked: boolean } | undefined;
  const interrupt = (signal: NodeJS.Signals) => {
    if (!work || work.asked) {
      work?.progress.end();
      // not process.exit, which waits for what the thread computes
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
      return;
    }
    work.asked = true;
    thread.postMessage(INTERRUPT);
    work.progress.note(work.stopping);
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  thread.on('message', (told: Told) => {
    if (told.type === 'begin') {
      work = { progress: createProgress({ json: told.json }), stopping: told.stopping, asked: false };
    } else if (told.type === 'end') {
      work?.progress.end();
      work = undefined;
    } else if (told.type === 'write') {
      process[told.stream].write(told.chunk);
    } else {
      (work?.progress[told.call] as ((...of: readonly unknown[]) => void) | undefined)?.(...told.given);
    }
  });
  // what main.js could not catch: it could not be loaded, or its thread ran out of memory
  let broken: Error | undefined;
  thread.on('error', (error) => {
    broken = error;
  });
  const ended = await new Promise<number>((resolve) => thread.once('exit', resolve));
  work?.progress.end();
  process.off('SIGINT', interrupt);
  process.off('SIGTERM', interrupt);
  process.exitCode = ended;
  if (!broken) return;
  const { text, exitCode } = (await import('./terminal/failure.js')).failure(broken);
  process.stderr.write(text);
  process.exitCode = exitCode;
}

function screenOf({ isTTY = false, columns }: NodeJS.WriteStream): Screen {
  return { isTTY, columns };
}
