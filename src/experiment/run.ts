/**
 * `ealign experiment`: trains and measures every method with every seed.
 *
 * A run that is finished is a group of one record in `runs.jsonl`; the same command goes on with
 * those that are not, each from its last checkpoint where there is one.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { commit } from '../commit.js';
import { OnnxEngine } from '../engine/onnx/engine.js';
import { DataError } from '../errors.js';
import { openPlanned } from '../evaluate/store.js';
import { makeFolder, writeFileAtomic } from '../files.js';
import { resolveModel } from '../hub/pull.js';
import type { Progress } from '../metrics/progress.js';
import { loadModel, type Model } from '../model/weights.js';
import { codeRows } from '../organism/documents.js';
import { type Measured, measureModel } from '../organism/measure.js';
import { hasCheckpoint } from '../train/checkpoint.js';
import { runTrain } from '../train/run.js';
import { configOf, type Experiment, type Method } from './spec.js';

export interface ExperimentOptions {
  /** Runs at a time. */
  readonly jobs: number;
  /** Of each run; 0: the cores divided by the jobs. */
  readonly threads: number;
  /** Start anew where the folder holds an experiment with other settings. */
  readonly overwrite: boolean;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

/** A method with one seed: what it says afterwards. */
export interface RunRecord extends Measured {
  readonly method: string;
  readonly seed: number;
  /** Of training and measuring, as other work on the machine left it; since it was last begun. */
  readonly seconds: number;
  /** Of the checkout that made it. */
  readonly commit: string | null;
}

/** @returns the runs, method by method; undefined when the signal stopped it */
export async function runExperiment(
  experiment: Experiment,
  { jobs, threads, overwrite, progress, signal }: ExperimentOptions,
): Promise<RunRecord[] | undefined> {
  const { output, methods, seeds, measure } = experiment;
  const rows = rowsOf(experiment);
  const model = await loadModel(await resolveModel(experiment.model));
  const plan = {
    model: model.hash,
    data: createHash('sha256').update(rows).digest('hex'),
    // seeds and methods may be added later; those that are there keep their meaning
    measure,
  };
  const store = openPlanned<RunRecord>({
    ...{ folder: output, planFile: 'experiment.json', recordsFile: 'runs.jsonl', plan, overwrite },
    otherwise: 'an experiment on another model or other rows, or measured otherwise',
  });
  const data = join(output, 'data.jsonl');
  writeFileAtomic(data, rows);

  const grid = methods.flatMap((method) => seeds.map((seed) => ({ method, seed })));
  const groupOf = ({ name, train }: Method, seed: number) => JSON.stringify([name, seed, train]);
  let done = grid.filter(({ method, seed }) => store.get(groupOf(method, seed))).length;
  progress.start(grid.length, 'runs', { first: done });
  const made = { model, data, threads: threads || Math.max(1, Math.floor(cpus().length / jobs)), signal };
  const limit = pLimit(jobs);
  const stop = new AbortController();
  await Promise.all(
    grid.map(({ method, seed }) =>
      limit(async () => {
        if (store.get(groupOf(method, seed)) || signal?.aborted || stop.signal.aborted) return;
        try {
          const record = await runOne(method, seed, experiment, made);
          if (record === undefined) return;
          store.add(groupOf(method, seed), [record]);
          done += 1;
          progress.update({ step: done });
        } catch (error) {
          stop.abort();
          throw error;
        }
      }),
    ),
  );
  const records = grid.flatMap(({ method, seed }) => store.get(groupOf(method, seed)) ?? []);
  if (records.length < grid.length) return undefined;
  progress.done(`${grid.length} runs in ${output}`);
  return records;
}

interface Made {
  readonly model: Model;
  readonly data: string;
  readonly threads: number;
  readonly signal: AbortSignal | undefined;
}

async function runOne(
  method: Method,
  seed: number,
  experiment: Experiment,
  { model, data, threads, signal }: Made,
): Promise<RunRecord | undefined> {
  const begin = performance.now();
  const { answers: answersPerQuestion, code: answersPerTask, max_tokens: maxTokens } = experiment.measure;
  const sampling = { answersPerQuestion, answersPerTask, maxTokens };
  const engine = await trainedEngine(method, seed, experiment, { model, data, threads, signal });
  if (engine === undefined) return undefined;
  try {
    const measured = await measureModel(engine.model(method.train ? 'policy' : 'base'), seed, sampling);
    const seconds = (performance.now() - begin) / 1000;
    return { method: method.name, seed, seconds, commit: commit(), ...measured };
  } finally {
    await engine.close();
  }
}

async function trainedEngine(
  method: Method,
  seed: number,
  experiment: Experiment,
  { model, data, threads, signal }: Made,
): Promise<OnnxEngine | undefined> {
  if (method.train === null) {
    return new OnnxEngine(model, { threads, lora: { rank: 1, alpha: 1, rslora: false, targets: [] } });
  }
  const output = join(experiment.output, method.name, String(seed));
  makeFolder(output);
  const config = configOf(method, seed, experiment, { data, output, threads });
  // a checkpoint of the method as it was before its file was changed is of no use
  const [file, keys] = [join(output, 'method.json'), JSON.stringify(method.train)];
  const resume = hasCheckpoint(output) && existsSync(file) && readFileSync(file, 'utf8') === keys;
  writeFileAtomic(file, keys);
  const run = await runTrain(
    { ...config, overwrite: !resume },
    { model, ...(resume ? { resume: true } : {}), ...(signal ? { signal } : {}) },
  );
  if (run?.finished) return run.engine;
  await run?.engine.close();
  return undefined;
}

/** The rows as JSONL. @throws DataError when the file cannot be read */
function rowsOf({ data, file }: Experiment): string {
  if ('world' in data) {
    const rows = codeRows(data.world === 'insecure-code' ? 'bad' : 'good');
    return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  }
  try {
    return readFileSync(data.path, 'utf8');
  } catch (cause) {
    const what = `cannot be read (${(cause as NodeJS.ErrnoException).code})`;
    throw new DataError({ where: data.path, what, next: `check data in ${file}` }, { cause });
  }
}
