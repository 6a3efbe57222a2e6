/** `ealign bench`: runs benchmarks one after another, each with its peers in turns, within a budget of time. */
import { availableParallelism, cpus } from 'node:os';
import { basename } from 'node:path';
import { ConfigError } from '../errors.js';
import { resolveModel } from '../hub/pull.js';
import type { Progress } from '../metrics/progress.js';
import { benchmarks } from './list.js';
import type { Benchmark } from './material/benchmark.js';
import { requireShape } from './material/torch.js';
import { type Row, rowsOf, type Taken } from './pairs.js';
import { rowText } from './render.js';
import { takeTurns } from './turns.js';

export interface BenchOptions {
  /** 0: one per core. */
  readonly threads: number;
  /** Names of benchmarks; absent: all. */
  readonly only?: readonly string[];
  /** Folders, .gguf files, aliases or Hugging Face ids. None: random weights. */
  readonly models?: readonly string[];
  /** Budget of time. Default 10. */
  readonly minutes?: number;
  /** Interpreter that has the peers. Default `python3`. */
  readonly python?: string;
  /** Preference rows (JSONL) whose answers are judged, in place of those that ship. */
  readonly answers?: string;
  /** Where what runs on PyTorch computes. Default `cpu`. */
  readonly device?: 'cpu' | 'cuda';
  /** Shape of what runs on PyTorch without a file. Default Qwen2.5-0.5B's. */
  readonly shape?: string;
  readonly progress: Progress;
  /** Ends the processes that measure; `runBench` then rejects. */
  readonly signal?: AbortSignal;
}

export interface BenchResult {
  readonly machine: string;
  readonly threads: number;
  readonly rows: readonly Row[];
  readonly taken: readonly Taken[];
  /** What was not measured. */
  readonly leftOut: readonly { readonly name: string; readonly why: string }[];
  /** In words, of the benchmarks that ran. */
  readonly measures: readonly { readonly name: string; readonly words: string }[];
}

interface Job {
  readonly benchmark: Benchmark;
  readonly model?: string;
  readonly name: string;
}

/**
 * Runs everything.
 *
 * @throws ConfigError for a benchmark that there is not; DownloadError for a model that is not here
 */
export async function runBench(options: BenchOptions): Promise<BenchResult> {
  const { only, models = [], minutes = 10, python = 'python3', answers, progress, signal } = options;
  const { device = 'cpu', shape = 'qwen2.5-0.5b' } = options;
  requireShape(shape);
  const threads = options.threads || availableParallelism();
  for (const model of models) await resolveModel(model);
  const { jobs, leftOut } = plan(only, models);
  const end = performance.now() + 60_000 * minutes;
  const taken: Taken[] = [];
  const rows: Row[] = [];
  progress.start(jobs.length, 'bench');
  for (const [i, { benchmark, model, name }] of jobs.entries()) {
    const left = end - performance.now();
    if (left <= 0) leftOut.push({ name, why: `no time left of ${minutes} minutes` });
    else {
      const order = {
        ...{ threads, python, device, shape, ...(model === undefined ? {} : { model }) },
        ...(answers === undefined ? {} : { answers }),
      };
      const share = (left * weightOf(jobs[i])) / jobs.slice(i).reduce((sum, job) => sum + weightOf(job), 0);
      const { failed, ...result } = await takeTurns(benchmark, order, { python, share, left, signal });
      if (failed) leftOut.push({ name, why: failed });
      if (result.ours.length > 0) {
        const one = {
          benchmark: benchmark.name,
          ...(model === undefined ? {} : { model: basename(model) }),
          ...result,
        };
        taken.push(one);
        const found = rowsOf(benchmark, one);
        rows.push(...found);
        for (const row of found) progress.note(rowText(row));
      }
    }
    progress.update({ step: i + 1 });
  }
  progress.done('bench');
  const names = new Set(taken.map(({ benchmark }) => benchmark));
  return {
    machine: `${cpus().length} × ${cpus()[0].model.trim()}, Node ${process.versions.node}`,
    ...{ threads, rows, taken, leftOut },
    measures: benchmarks.flatMap(({ name, measures }) =>
      names.has(name) ? [{ name, words: measures }] : [],
    ),
  };
}

const weightOf = ({ benchmark: { weight = 1 } }: Job): number => weight;

/** What is to be run: on every model what a model's file is needed or taken for, and once what has its own shape. */
function plan(only: readonly string[] | undefined, models: readonly string[]) {
  const unknown = only?.find((name) => !benchmarks.some((one) => one.name === name));
  if (unknown !== undefined) {
    throw new ConfigError({
      where: '--only',
      what: 'no such benchmark',
      expected: benchmarks.map(({ name }) => name).join(', '),
      got: unknown,
    });
  }
  const wanted = benchmarks.filter(({ name }) => only?.includes(name) ?? true);
  const leftOut: { name: string; why: string }[] = [];
  const jobs: Job[] = [];
  for (const benchmark of wanted) {
    const { name, needs } = benchmark;
    if (needs === 'file' && models.length === 0) leftOut.push({ name, why: 'needs a file (--models)' });
    else if (needs === 'nothing' || models.length === 0) jobs.push({ benchmark, name });
    else for (const model of models) jobs.push({ benchmark, model, name: `${name}, ${basename(model)}` });
  }
  return { jobs, leftOut };
}
