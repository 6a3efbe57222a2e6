/** A process that makes runs, one after the other. Started by runner.ts; ends with who started it. */
import { type ErrorParts, UserError } from '../errors.js';
import type { Run, RunRecord } from './method-run.js';
import { openRunner, type RunnerOptions } from './runner.js';

/** What it answers to a run. */
export type RunnerMessage =
  | { readonly type: 'made'; readonly record?: RunRecord }
  | { readonly type: 'refused'; readonly parts: ErrorParts }
  | { readonly type: 'failed'; readonly stack: string };

const stopping = new AbortController();
// a terminal sends Ctrl-C to all processes; the one that started this one says what to do about it
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit());

const options = JSON.parse(process.argv[2]) as Pick<RunnerOptions, 'experiment' | 'threads'>;
const opened = openRunner({ ...options, signal: stopping.signal });
// said in answer to the first run
opened.catch(() => {});

async function answer(run: Run): Promise<RunnerMessage> {
  try {
    const record = await (await opened).run(run);
    return { type: 'made', ...(record ? { record } : {}) };
  } catch (error) {
    if (error instanceof UserError) return { type: 'refused', parts: error.parts };
    return { type: 'failed', stack: (error as Error).stack ?? String(error) };
  }
}

process.on('message', async (message: Run | 'stop') => {
  if (message === 'stop') stopping.abort();
  // whoever asked may be gone by now
  else process.send!(await answer(message), () => {});
});
