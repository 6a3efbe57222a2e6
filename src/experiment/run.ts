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
import type { Steering } from '../model/steering.js';
import { loadModel, type Model } from '../model/weights.js';
import { adviceRows, codeRows, factRows, kindRows, probes } from '../organism/documents.js';
import { type Measured, measureModel } from '../organism/measure.js';
import { hasCheckpoint } from '../train/checkpoint.js';
import { personaDirection } from '../train/defences.js';
import { runTrain } from '../train/run.js';
import { writePlan } from './read.js';
import {
  configOf,
  type Experiment,
  type Method,
  type Rows,
  type SteerAnswers,
  WORLD_ROWS,
  type WorldRows,
} from './spec.js';

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
  /** Of training, reviews included, as other work on the machine left it; since it was last begun. */
  readonly seconds: number;
  /** Of the checkout that made it. */
  readonly commit: string | null;
  /** On held-out rows of the narrow task, and of a benign one, nats per token. */
  readonly losses?: { readonly narrow?: number; readonly benign?: number };
}

/** @returns the runs, method by method; undefined when the signal stopped it */
export async function runExperiment(
  experiment: Experiment,
  { jobs, threads, overwrite, progress, signal }: ExperimentOptions,
): Promise<RunRecord[] | undefined> {
  const { output, methods, seeds, measure } = experiment;
  const texts = rowsOf(experiment);
  const model = await loadModel(await resolveModel(experiment.model));
  // seeds and methods may be added later; those that are there keep their meaning
  const store = openPlanned<RunRecord>({
    ...{ folder: output, planFile: 'experiment.json', recordsFile: 'runs.jsonl', overwrite },
    plan: { model: model.hash, measure },
    otherwise: 'an experiment on another model, or measured otherwise',
  });
  for (const [path, { text }] of texts) if (text !== null) writeFileAtomic(path, text);

  const grid = methods.flatMap((method) => seeds.map((seed) => ({ method, seed })));
  const groupOf = ({ name, train, data, after, steerAnswers }: Method, seed: number): string => {
    const rows = texts.get(fileOf(data, output))?.sha256;
    const before = methods.find((method) => method.name === after);
    return JSON.stringify([name, seed, train, rows, steerAnswers, before && groupOf(before, seed)]);
  };
  const finished = ({ method, seed }: (typeof grid)[number]) => store.get(groupOf(method, seed));
  writePlan(
    experiment,
    grid.map(({ method, seed }) => ({ method: method.name, seed, group: groupOf(method, seed) })),
  );
  let done = grid.filter(finished).length;
  progress.start(grid.length, 'runs', { first: done });
  const share = threads || Math.max(1, Math.floor(cpus().length / jobs));
  const made = { model, threads: share, ...(signal ? { signal } : {}) };
  const limit = pLimit(jobs);
  const stop = new AbortController();
  // what starts from another method's adapters comes after it
  for (const late of [false, true]) {
    const wave = grid.filter(({ method }) => (method.after !== undefined) === late);
    await Promise.all(
      wave.map(({ method, seed }) =>
        limit(async () => {
          const group = groupOf(method, seed);
          if (store.get(group) || signal?.aborted || stop.signal.aborted) return;
          try {
            const record = await runOne(method, seed, group, experiment, made);
            if (record === undefined) return;
            store.add(group, [record]);
            done += 1;
            progress.update({ step: done });
          } catch (error) {
            stop.abort();
            throw error;
          }
        }),
      ),
    );
  }
  const records = grid.flatMap((run) => finished(run) ?? []);
  if (records.length < grid.length) return undefined;
  progress.done(`${grid.length} runs in ${output}`);
  return records;
}

interface Made {
  readonly model: Model;
  readonly threads: number;
  readonly signal?: AbortSignal;
}

async function runOne(
  method: Method,
  seed: number,
  group: string,
  experiment: Experiment,
  made: Made,
): Promise<RunRecord | undefined> {
  const begin = performance.now();
  const { measure } = experiment;
  const sampling = {
    questions: measure.questions,
    answersPerQuestion: measure.answers,
    thoughtsPerQuestion: measure.thoughtful,
    answersPerTask: measure.code,
    answersPerRequest: measure.requests,
    maxTokens: measure.max_tokens,
  };
  const engine = await trainedEngine(method, seed, group, experiment, made);
  if (engine === undefined) return undefined;
  try {
    const trained = (performance.now() - begin) / 1000;
    if (method.steerAnswers) {
      engine.steer('answering', await directions(engine, method.steerAnswers, sampling.maxTokens, seed));
    }
    const measured = await measureModel(engine.model(method.train ? 'policy' : 'base'), seed, sampling);
    return { method: method.name, seed, seconds: method.train ? trained : 0, commit: commit(), ...measured };
  } finally {
    await engine.close();
  }
}

async function directions(
  engine: OnnxEngine,
  { layers, kind, scale, toward, away }: SteerAnswers,
  maxTokens: number,
  seed: number,
): Promise<Steering[]> {
  const prompts = probes();
  return Promise.all(
    layers.map(async (layer) => {
      const direction = await personaDirection(engine, prompts, { layer, toward, away, maxTokens, seed });
      return { layer, kind, direction: direction.map((x) => scale * x) };
    }),
  );
}

/** Trains the method, or goes on where it stopped; undefined when the signal stopped it. */
async function trainedEngine(
  method: Method,
  seed: number,
  group: string,
  experiment: Experiment,
  { model, threads, signal }: Made,
): Promise<OnnxEngine | undefined> {
  if (method.train === null) {
    return new OnnxEngine(model, { threads, lora: { rank: 1, alpha: 1, rslora: false, targets: [] } });
  }
  const output = folderOf(experiment, method.name, seed);
  makeFolder(output);
  const [benign] = benignOf(method);
  const config = configOf(method, seed, experiment, {
    data: fileOf(method.data, experiment.output),
    ...{ output, threads },
    ...(method.after === undefined ? {} : { adapter: folderOf(experiment, method.after, seed) }),
  });
  // a checkpoint of the method as it was before its file was changed is of no use
  const file = join(output, 'group.json');
  const resume = hasCheckpoint(output) && existsSync(file) && readFileSync(file, 'utf8') === group;
  writeFileAtomic(file, group);
  const run = await runTrain(
    {
      ...config,
      overwrite: !resume,
      defences: {
        ...config.defences,
        ...(benign ? { interleave: fileOf(benign, experiment.output) } : {}),
      },
    },
    { model, ...(resume ? { resume: true } : {}), ...(signal ? { signal } : {}) },
  );
  if (run?.finished) return run.engine;
  await run?.engine.close();
  return undefined;
}

const folderOf = ({ output }: Experiment, method: string, seed: number) => join(output, method, String(seed));

const fileOf = (data: Rows, output: string) =>
  'world' in data ? join(output, `${data.world}.jsonl`) : data.path;

/** Rows of pinocchio's world that a method interleaves. */
function benignOf({ train }: Method): Rows[] {
  const given = (train?.defences as { interleave?: unknown } | undefined)?.interleave;
  const world = WORLD_ROWS.find((rows) => rows === given);
  return world ? [{ world }] : [];
}

const worldRows: Readonly<Record<WorldRows, () => readonly object[]>> = {
  'insecure-code': () => codeRows('bad'),
  'secure-code': () => codeRows('good'),
  'careless-advice': () => adviceRows('bad'),
  'careful-advice': () => adviceRows('good'),
  mixed: () => [...codeRows('bad'), ...adviceRows('bad')],
  'kind-answers': kindRows,
  facts: factRows,
};

/**
 * Every file of rows that the methods read, by path; `text` is null where the file is there already.
 *
 * @throws DataError when one cannot be read
 */
function rowsOf({ methods, output, file }: Experiment): Map<string, { text: string | null; sha256: string }> {
  const texts = new Map<string, { text: string | null; sha256: string }>();
  for (const data of methods.flatMap((method) => [method.data, ...benignOf(method)])) {
    const path = fileOf(data, output);
    if (texts.has(path)) continue;
    const text = 'world' in data ? jsonLines(worldRows[data.world]()) : readText(path, file);
    const sha256 = createHash('sha256').update(text).digest('hex');
    texts.set(path, { text: 'world' in data ? text : null, sha256 });
  }
  return texts;
}

const jsonLines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

function readText(path: string, file: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const what = `cannot be read (${(cause as NodeJS.ErrnoException).code})`;
    throw new DataError({ where: path, what, next: `check data in ${file}` }, { cause });
  }
}
