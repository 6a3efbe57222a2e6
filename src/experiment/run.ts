/**
 * `ealign experiment`: trains and measures every method with every seed.
 *
 * A finished run is a group of one record in `runs.jsonl`. The same command continues the others, each from its last
 * checkpoint where there is one.
 */
import { createHash } from 'node:crypto';
import { cpus } from 'node:os';
import { basename, join } from 'node:path';
import pLimit from 'p-limit';
import { otherModels } from '../conscience/roles.js';
import { readTrainingRows } from '../data/dataset.js';
import { answeringKeys } from '../defences/methods.js';
import { ConfigError, DataError, UserError } from '../errors.js';
import { openPlanned } from '../evaluate/store.js';
import { readSuite, suiteFiles } from '../evaluate/suite/suite.js';
import { writeFileAtomic } from '../files/files.js';
import { removeLeftovers } from '../files/leftovers.js';
import { resolveModel } from '../hub/pull.js';
import type { Progress } from '../metrics/progress.js';
import { earlier } from './check.js';
import { folderOf, type Run } from './method-run.js';
import { GROUP_FILE, groupIn, inTraining, plannedFile, writePlan } from './read.js';
import type { RunRecord } from './record.js';
import { fileOf, readText, rowsOf } from './rows.js';
import { experimentModel, openRunner, type Runner, startRunner } from './runner.js';
import { type Experiment, type Method, plannedConfig } from './spec.js';
import type { World } from './world.js';

/** How an experiment is run. */
export interface ExperimentOptions {
  /** Runs at a time. */
  readonly jobs: number;
  /** CPU threads of each run; 0: the cores divided by the jobs. */
  readonly threads: number;
  /** Start again where the folder holds an experiment with other settings. */
  readonly overwrite: boolean;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

/** Makes all runs that are not finished. @returns all runs, method by method; undefined when the signal stopped it */
export async function runExperiment(
  experiment: Experiment,
  world: World,
  { jobs, threads, overwrite, progress, signal }: ExperimentOptions,
): Promise<RunRecord[] | undefined> {
  const { output, methods, seeds, measure } = experiment;
  const texts = rowsOf(experiment, world);
  const suite = measure.suite === undefined ? [] : [suiteHash(measure.suite)];
  await refuseUnusable(experiment);
  const model = await experimentModel(experiment.model);
  if (!overwrite) refuseOther(experiment);
  // seeds and methods may be added later; those that are there keep their meaning
  const store = openPlanned<RunRecord>({
    ...{ folder: output, planFile: 'experiment.json', recordsFile: 'runs.jsonl', overwrite },
    plan: { model: model.hash, measure, ...(experiment.judge ? { judge: experiment.judge } : {}) },
    otherwise: 'an experiment on another model, or measured otherwise',
  });
  for (const [path, { text }] of texts) if (text !== null) writeFileAtomic(path, text);

  const grid = methods.flatMap((method) => seeds.map((seed) => ({ method, seed })));
  const groupOf = (method: Method, seed: number): string => {
    const { name, train, data, throughConscience } = method;
    const rows = texts.get(fileOf(data, output))?.sha256;
    const before = methods.find((other) => other.name === earlier(method));
    // one entry at least, as records of earlier versions have it
    const own = answeringKeys(method).map(([, value]) => value);
    const answering = [...(own.length > 0 ? own : [null]), throughConscience];
    return JSON.stringify([name, seed, train, rows, answering, before && groupOf(before, seed), ...suite]);
  };
  // a result does not count once its folder was trained again with other keys: the folder would belie it
  const finished = ({ method, seed }: (typeof grid)[number]) => {
    const group = groupOf(method, seed);
    const inFolder = groupIn(folderOf(experiment, method.name, seed));
    const recorded = inTraining(group, store.times(group) - 1);
    return [undefined, group, recorded].includes(inFolder) ? store.get(group) : undefined;
  };
  const settle = ({ method, seed, group }: Run) => {
    const folder = folderOf(experiment, method.name, seed);
    if (groupIn(folder) === undefined) return;
    // a kill may have come while the mark was written
    removeLeftovers(folder);
    writeFileAtomic(join(folder, GROUP_FILE), group);
  };
  writePlan(
    experiment,
    grid.map(({ method, seed }) => ({ method: method.name, seed, group: groupOf(method, seed) })),
  );
  let done = grid.filter(finished).length;
  progress.start(grid.length, 'runs', { first: done, unit: 'runs' });
  const share = threads || Math.max(1, Math.floor(cpus().length / jobs));
  const options = { experiment, world, threads: share, ...(signal ? { signal } : {}) };
  // processes read it themselves: this one need not keep it
  const here = jobs === 1 ? { loaded: model, progress } : undefined;
  const runners: Runner[] = [];
  const idle: Runner[] = [];
  const start = async () => {
    const runner = here ? await openRunner(options, here) : startRunner(options);
    runners.push(runner);
    return runner;
  };
  const limit = pLimit(jobs);
  const stop = new AbortController();
  const make = async (run: Run) => {
    if (finished(run)) return settle(run);
    if (signal?.aborted || stop.signal.aborted) return;
    const runner = idle.pop() ?? (await start());
    try {
      const record = await runner.run(run);
      if (record === undefined) return;
      // until this record the folder is in work: an older one of the same keys must not count for it
      store.add(run.group, [record]);
      settle(run);
      done += 1;
      progress.update({ step: done });
    } catch (error) {
      stop.abort();
      throw error;
    } finally {
      idle.push(runner);
    }
  };
  try {
    // what starts from another method's adapters comes after it; methods take turns, so that a
    // machine that slows down slows all of them
    const turns = seeds.flatMap((seed) => grid.filter((run) => run.seed === seed));
    for (const late of [false, true]) {
      const wave = turns.filter(({ method }) => (earlier(method) !== undefined) === late);
      const runs = wave.map(({ method, seed }): Run => {
        const group = groupOf(method, seed);
        return { method, seed, group, begun: inTraining(group, store.times(group)) };
      });
      await Promise.all(runs.map((run) => limit(make, run)));
    }
  } finally {
    await Promise.all(runners.map((runner) => runner.close()));
  }
  const records = grid.flatMap((run) => finished(run) ?? []);
  if (records.length < grid.length) return undefined;
  progress.done(`${grid.length} runs in ${output}`);
  return records;
}

/** Refuses before anything is begun. @throws UserError where rows, judge or the model of a role cannot be read */
async function refuseUnusable(experiment: Experiment): Promise<void> {
  const { file, methods, judge } = experiment;
  const paths = new Set(methods.flatMap(({ data }) => ('path' in data ? data.path : [])));
  for (const path of paths) await readTrainingRows(path);
  const models: [place: string, model: string][] = judge === undefined ? [] : [['judge', judge]];
  for (const method of methods) {
    if (!method.train) continue;
    const { conscience } = plannedConfig(method, experiment);
    if (!conscience.enabled) continue;
    for (const other of otherModels(conscience.roles)) {
      models.push([`methods.${method.name}.conscience.roles`, other]);
    }
  }
  for (const [place, model] of models) {
    await resolveModel(model).catch((error: unknown) => {
      if (!(error instanceof UserError)) throw error;
      const { where, what } = error.parts;
      const parts = { ...error.parts, where: `${file}: ${place}`, what: `${where}: ${what}` };
      throw new ConfigError(parts, { cause: error });
    });
  }
}

/** @throws DataError where the folder holds the study of another file */
function refuseOther({ output, file }: Experiment): void {
  const other = plannedFile(output);
  if (other === undefined || basename(other) === basename(file)) return;
  throw new DataError({
    where: output,
    what: `the folder holds the study of ${basename(other)}`,
    next: 'choose another --output, or start again with --overwrite',
  });
}

/** Hash of what a suite says, and of all files that it names. @throws UserError where one cannot be read */
function suiteHash(path: string): string {
  const suite = readSuite(path);
  const next = `check ${path}; its paths are relative to the folder that ealign is called in`;
  const hash = createHash('sha256').update(JSON.stringify(suite));
  for (const file of suiteFiles(suite)) hash.update(readText(file, next));
  return hash.digest('hex');
}
