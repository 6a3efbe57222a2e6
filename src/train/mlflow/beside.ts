/**
 * Reports a run to MLflow in a thread of its own: a pass of training holds up everything else in its thread, and a
 * server that is slow or away must not hold up training.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { MetricRecord, Metrics } from '../../metrics/names.js';
import { METRICS_FILE, readMetrics } from '../../metrics/writer.js';
import type { TrainConfig } from '../config/schema.js';
import type { KeyValue, RunStatus } from './client.js';
import { paramsOf } from './params.js';

/** What the thread begins with. */
export interface ReportTask {
  readonly folder: string;
  readonly params: readonly KeyValue[];
  readonly before: readonly MetricRecord[];
}

/** What the thread is told. */
export type Told = { readonly record: MetricRecord; readonly time: number } | { readonly status: RunStatus };

export interface Reporting {
  /** Takes a record, as it is written. */
  write(step: number, values: Metrics): void;
  /** Says how the run ended. Resolves when all is sent, or after some seconds where the server takes nothing. */
  end(status: RunStatus): Promise<void>;
}

/**
 * Starts the thread.
 *
 * @param config of a run whose folder has its metrics.jsonl
 * @param note   told in a line what a person should know; nothing that fails here ends the run
 */
export function startReporting(config: TrainConfig, note: (line: string) => void): Reporting {
  const { output: folder } = config;
  const before = existsSync(join(folder, METRICS_FILE)) ? readMetrics(folder) : [];
  const task: ReportTask = { folder, params: paramsOf(config), before };
  const worker = new Worker(new URL('./thread.js', import.meta.url), { workerData: task });
  worker.on('message', note);
  worker.on('error', (error) => {
    note(
      `Warning: reporting to MLflow has failed: ${error.message}. To send the rest: ealign mlflow ${folder}`,
    );
  });
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const tell = (told: Told) => worker.postMessage(told);
  return {
    write: (step, values) => tell({ record: { step, ...values }, time: Date.now() }),
    async end(status) {
      tell({ status });
      await ended;
    },
  };
}
