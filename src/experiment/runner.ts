/**
 * What makes the runs of an experiment: this process, or one of its own for each that runs at a
 * time. A graph that runs keeps its whole process waiting, so that two in one would take turns.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { UserError } from '../errors.js';
import { resolveModel } from '../hub/pull.js';
import { type Progress, silent } from '../metrics/progress.js';
import type { Model } from '../model/model.js';
import type { QuantisedModel } from '../model/quantised-model.js';
import { loadModel } from '../model/weights.js';
import { openActor } from '../open/actor.js';
import { quantisedAt } from '../open/quantised.js';
import { type Made, type Run, runMethod } from './method-run.js';
import type { RunnerMessage, RunRecord } from './record.js';
import type { Experiment } from './spec.js';
import type { World } from './world.js';

/** Makes one run at a time. */
export interface Runner {
  /** @returns undefined when the signal stopped it */
  run(run: Run): Promise<RunRecord | undefined>;
  close(): Promise<void>;
}

/** What a runner needs to know; all but the world and the signal is plain JSON. */
export interface RunnerOptions {
  readonly experiment: Experiment;
  readonly world: World;
  /** CPU threads of each run. */
  readonly threads: number;
  readonly signal?: AbortSignal;
}

/**
 * A runner in this process.
 *
 * @param here.loaded the experiment's model, where it has been read already
 * @param here.progress is told where each run stands
 */
export async function openRunner(
  { experiment, world, threads, signal }: RunnerOptions,
  { loaded, progress = silent }: { loaded?: Model | QuantisedModel; progress?: Progress } = {},
): Promise<Runner> {
  const model = loaded ?? (await experimentModel(experiment.model));
  const judge = experiment.judge === undefined ? undefined : await openActor(experiment.judge, { threads });
  const made: Made = {
    ...{ model, world, threads, progress },
    ...(judge ? { judge } : {}),
    ...(signal ? { signal } : {}),
  };
  return {
    run: (run) => runMethod(run, experiment, made),
    close: async () => judge?.model.close(),
  };
}

/** The model that an experiment is about: its weights stay as its file has them. @throws UserError where it cannot be opened */
export async function experimentModel(name: string): Promise<Model | QuantisedModel> {
  const path = await resolveModel(name);
  return (await quantisedAt(path)) ?? (await loadModel(path));
}

/** A runner in a process of its own, which ends with this one. */
export function startRunner({ experiment, world, threads, signal }: RunnerOptions): Runner {
  const child = fork(fileURLToPath(world.program), [JSON.stringify({ experiment, threads })]);
  const stop = () => tell(child, 'stop');
  signal?.addEventListener('abort', stop);
  const exited = new Promise<string>((done) => {
    child.once('error', (error) => done(error.message));
    child.once('exit', (code, by) => done(`it ended with ${by ?? `code ${code}`}`));
  });
  return {
    async run(run) {
      const answered = new Promise<RunnerMessage>((resolve) => child.once('message', resolve));
      tell(child, run);
      const message = await Promise.race([answered, exited]);
      if (typeof message === 'string') {
        throw new UserError({
          where: `${run.method.name}, seed ${run.seed}`,
          what: `the process of this run is gone: ${message}`,
          next: 'run the same command again: it resumes from the last checkpoint; with fewer --jobs if memory was short',
        });
      }
      if (message.type === 'refused') throw new UserError(message.parts);
      if (message.type === 'failed') throw new Error(message.stack);
      return message.record;
    },
    async close() {
      signal?.removeEventListener('abort', stop);
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}

/** One that is gone is not told anything. */
function tell(child: ChildProcess, message: Run | 'stop'): void {
  if (child.connected) child.send(message, () => {});
}
