/** Starts the learner's process, and restarts it when it dies. */
import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { UserError } from '../errors.js';
import type { LearnerMessage, LearnerTask } from './learner-process.js';

export interface LearnerHost {
  /** Ends the process; only the work in progress is lost. */
  stop(): Promise<void>;
}

export interface HostHooks {
  onEvent(what: string, detail: object): void;
  /** Called when it has died, with the time until the restart. */
  onDeath(detail: {
    readonly code: number | null;
    readonly signal: string | null;
    readonly seconds: number;
    /** The learner's own error, if it sent one. */
    readonly reason?: string;
  }): void;
}

const program = fileURLToPath(new URL('./learner-process.js', import.meta.url));
const longestPause = 60;
const stopMs = 2000;

/** @throws UserError when the learner cannot work with what it is given */
export async function startLearner(task: LearnerTask, hooks: HostHooks): Promise<LearnerHost> {
  const ending = new AbortController();
  let child: ChildProcess;
  let exited: Promise<readonly [code: number | null, signal: string | null]>;
  let reason: string | undefined;

  /** Starts the process. @returns when it is ready */
  const start = () =>
    new Promise<void>((resolve, reject) => {
      reason = undefined;
      child = fork(program, [JSON.stringify(task)]);
      child.on('message', (message: LearnerMessage) => {
        if (message.type === 'ready') resolve();
        else if (message.type === 'event') hooks.onEvent(message.what, message.detail);
        else {
          const error = new UserError(message.parts);
          reason = error.message;
          reject(error);
        }
      });
      child.once('error', reject);
      exited = new Promise((done) => child.once('exit', (code, signal) => done([code, signal])));
      exited.then(([code, signal]) => reject(new Error(`the learner ended with ${signal ?? code}`)));
    });

  const watch = async () => {
    let pause = 1;
    while (!ending.signal.aborted) {
      const [code, signal] = await exited;
      if (ending.signal.aborted) return;
      hooks.onDeath({ code, signal, seconds: pause, ...(reason === undefined ? {} : { reason }) });
      await sleep(1000 * pause, undefined, { signal: ending.signal }).catch(() => {});
      if (ending.signal.aborted) return;
      const begin = performance.now();
      await start().catch(() => {});
      // a process that lived long did not die of its configuration
      pause = performance.now() - begin > 10_000 ? 1 : Math.min(2 * pause, longestPause);
    }
  };

  await start();
  const watching = watch();
  return {
    async stop() {
      ending.abort();
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), stopMs);
      await exited;
      clearTimeout(late);
      await watching;
    },
  };
}
