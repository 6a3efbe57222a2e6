/** A process that makes runs, one after the other. Started by runner.ts; ends with the process that started it. */
import { UserError } from '../errors.js';
import type { Run } from './method-run.js';
import type { RunnerMessage } from './record.js';
import { openRunner, type RunnerOptions } from './runner.js';
import type { World } from './world.js';

/** Makes the runs that the parent process sends, in a world, with the experiment that the first argument holds. */
export function serveRuns(world: World): void {
  const stopping = new AbortController();
  // a terminal sends Ctrl-C to all processes; the one that started this one says what to do about it
  process.on('SIGINT', () => {});
  process.on('disconnect', () => process.exit());

  const options = JSON.parse(process.argv[2]) as Pick<RunnerOptions, 'experiment' | 'threads'>;
  const opened = openRunner({ ...options, world, signal: stopping.signal });
  // said in answer to the first run
  opened.catch(() => {});

  const answer = async (run: Run): Promise<RunnerMessage> => {
    try {
      const record = await (await opened).run(run);
      return { type: 'made', ...(record ? { record } : {}) };
    } catch (error) {
      if (error instanceof UserError) return { type: 'refused', parts: error.parts };
      return { type: 'failed', stack: (error as Error).stack ?? String(error) };
    }
  };

  process.on('message', async (message: Run | 'stop') => {
    if (message === 'stop') stopping.abort();
    // the parent process may be gone by now
    else process.send!(await answer(message), () => {});
  });
}
