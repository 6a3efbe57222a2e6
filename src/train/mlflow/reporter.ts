/**
 * Reports one training run to MLflow: its parameters, its metrics as they are written, and how it ended.
 *
 * `mlflow.json` in the run's folder has the id of MLflow's run and the last record that was sent. So a resumed run
 * continues in the same one, and nothing is sent twice: steps that are trained again after a checkpoint were sent before.
 * While the server is away records wait in memory, and after a kill they are in metrics.jsonl.
 */
import { existsSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { backoff } from '../../engine/backoff.js';
import { UserError } from '../../errors.js';
import { writeFileAtomic } from '../../files/files.js';
import type { MetricRecord } from '../../metrics/names.js';
import {
  type KeyValue,
  type LoggedMetric,
  MlflowClient,
  MOST_METRICS,
  MOST_PARAMS,
  type RunStatus,
} from './client.js';
import type { Tracking } from './tracking.js';

export const MLFLOW_FILE = 'mlflow.json';

/** Pause between two batches while a run goes on, milliseconds. */
const INTERVAL = 3000;
/** After the end of the run, a failure is the last one if the server took nothing for this long, milliseconds. */
const PATIENCE = 10_000;
/** Failures in a row after which a person is told: a connection that was closed while idle is none of theirs. */
const WARN = 2;

export interface ReporterOptions {
  /** The run's folder. */
  readonly folder: string;
  /** Its configuration, flat. */
  readonly params: readonly KeyValue[];
  /** Records that the run has written before. */
  readonly before: readonly MetricRecord[];
  readonly tracking: Tracking;
  /** Told in a line what a person should know. */
  readonly note: (line: string) => void;
  /** Milliseconds; the defaults are for people. */
  readonly interval?: number;
  readonly patience?: number;
  /** Pause after so many failures in a row, milliseconds. Default: exponential, at most 30 s. */
  readonly pause?: (failures: number) => number;
}

/** What is kept in `mlflow.json`. */
interface Kept {
  readonly url: string;
  readonly experiment_id: string;
  readonly run_id: string;
  /** Whether the parameters were sent; MLflow never changes one. */
  readonly params: boolean;
  /** The last record that was sent: its step, and which of the records of this step it is, from 1. */
  readonly sent: Place;
  readonly status: 'RUNNING' | RunStatus;
}

interface Place {
  readonly step: number;
  readonly number: number;
}

interface Waiting {
  readonly place: Place;
  readonly metrics: readonly LoggedMetric[];
}

export class Reporter {
  private readonly client: MlflowClient;
  private kept?: Kept;
  private opened = false;
  private readonly queue: Waiting[] = [];
  private last: Place = { step: -1, number: 0 };
  private status?: RunStatus;
  /** When the run ended, or the server took something after that. */
  private alive = 0;
  private wake = () => {};

  constructor(private readonly options: ReporterOptions) {
    this.client = new MlflowClient(options.tracking);
    const path = join(options.folder, MLFLOW_FILE);
    const kept: Kept | undefined = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
    // another server gets a run of its own, with all that there is
    if (kept?.url === options.tracking.url) this.kept = kept;
    for (const record of options.before) this.write(record);
  }

  /** Takes a record, which is sent with the next batch. @param time when it was written, milliseconds since 1970 */
  write({ step, ...values }: MetricRecord, time: number = Date.now()): void {
    const place = { step, number: step === this.last.step ? this.last.number + 1 : 1 };
    this.last = place;
    if (this.kept && !isAfter(place, this.kept.sent)) return;
    const metrics = Object.entries(values).flatMap(([key, value]) =>
      typeof value === 'number' ? [{ key, value, timestamp: time, step }] : [],
    );
    this.queue.push({ place, metrics });
  }

  /** Says how the run ended: what waits is sent at once. */
  end(status: RunStatus): void {
    this.status = status;
    this.alive = Date.now();
    this.wake();
  }

  /**
   * Sends until the run has ended and all is sent, or the server takes nothing any more.
   *
   * @returns records that were not sent; null where all was, and how the run ended
   */
  async run(): Promise<number | null> {
    const { note, interval = INTERVAL, patience = PATIENCE, folder } = this.options;
    const { pause = (failures: number) => backoff(failures, Math.random) } = this.options;
    for (let failures = 0; ; ) {
      try {
        if (await this.send()) return null;
        if (failures >= WARN) note('MLflow answers again, and has all records so far.');
        failures = 0;
        await this.wait(interval);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        failures += 1;
        if (this.status && Date.now() - this.alive > patience) {
          const { length } = this.queue;
          const lacks = length > 0 ? `${length} ${length === 1 ? 'record' : 'records'} and how` : 'how';
          note(
            `Warning: ${error.message}. MLflow lacks ${lacks} the run ended. To send it: ealign mlflow ${folder}`,
          );
          return length;
        }
        if (failures === WARN && !this.status) {
          note(`Warning: ${error.message}. Training continues; MLflow gets all records once it takes them.`);
        }
        await this.wait(this.status ? Math.min(1000, patience / 4) : pause(failures));
      }
    }
  }

  /** Sends what waits. @returns whether the run has ended and MLflow knows it */
  private async send(): Promise<boolean> {
    if (this.status && this.kept?.status === this.status && this.queue.length === 0) return true;
    const kept = await this.open();
    while (this.queue.length > 0) {
      const batch = this.nextBatch();
      const metrics = batch.flatMap((waiting) => waiting.metrics);
      if (metrics.length > 0) await this.client.log(kept.run_id, { metrics });
      this.queue.splice(0, batch.length);
      this.keep({ sent: batch.at(-1)!.place });
    }
    const { status } = this;
    if (!status) return false;
    await this.client.update(kept.run_id, status);
    this.keep({ status });
    return true;
  }

  /** The run at MLflow: a new one with its parameters, or the one that was begun before. */
  private async open(): Promise<Kept> {
    const { client, opened } = this;
    if (!this.kept) {
      const { folder, tracking, note } = this.options;
      const experiment = await client.experiment();
      const tags = [
        { key: 'mlflow.source.name', value: 'ealign train' },
        { key: 'mlflow.source.type', value: 'LOCAL' },
      ];
      const name = tracking.runName ?? basename(resolve(folder));
      const run = await client.create(experiment, name, Date.now(), tags);
      this.keep({
        ...{ url: tracking.url, experiment_id: experiment, run_id: run },
        ...{ params: false, sent: { step: -1, number: 0 }, status: 'RUNNING' },
      });
      note(`MLflow: ${tracking.url}/#/experiments/${experiment}/runs/${run}`);
    } else if (!opened) {
      await client.update(this.kept.run_id, 'RUNNING');
      this.keep({ status: 'RUNNING' });
    }
    this.opened = true;
    const kept = this.kept!;
    if (!kept.params) {
      const { params } = this.options;
      for (let at = 0; at < params.length; at += MOST_PARAMS) {
        await client.log(kept.run_id, { params: params.slice(at, at + MOST_PARAMS) });
      }
      this.keep({ params: true });
    }
    return this.kept!;
  }

  private nextBatch(): readonly Waiting[] {
    let metrics = 0;
    const end = this.queue.findIndex((waiting) => (metrics += waiting.metrics.length) > MOST_METRICS);
    return this.queue.slice(0, end < 0 ? undefined : end);
  }

  private keep(news: Partial<Kept>): void {
    this.alive = Date.now();
    this.kept = { ...this.kept, ...news } as Kept;
    writeFileAtomic(join(this.options.folder, MLFLOW_FILE), `${JSON.stringify(this.kept)}\n`);
  }

  /** Waits, but no longer than until the run ends. */
  private async wait(milliseconds: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

const isAfter = (one: Place, other: Place): boolean =>
  one.step > other.step || (one.step === other.step && one.number > other.number);
