/**
 * The record of a run: `metrics.jsonl` and a TensorBoard event file, side by side.
 *
 * Both are append-only, one record a step, each written in one call, so that a killed
 * run leaves whole records and at most one cut one. Resuming cuts both files back to the
 * checkpoint's step and continues in the same files.
 */
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { asSaveError, makeFolder } from '../files/files.js';
import type { MetricRecord, Metrics } from './names.js';
import { decodeEvent, encodeEvent, type ScalarEvent } from './tensorboard.js';
import { frame, unframe } from './tfrecord.js';

export const METRICS_FILE = 'metrics.jsonl';
const EVENT_FILE = /^events\.out\.tfevents\.\d+\.ealign$/;

/** Writes the metrics of one run into its output folder. */
export class MetricsWriter {
  private readonly lines: string;
  private readonly events: string;

  /**
   * @param folder made when missing
   * @param resumedStep last step that the checkpoint contains: later records are dropped.
   *   Without it the run starts from the beginning and earlier records are deleted
   * @param now clock, milliseconds since 1970; only TensorBoard's records carry a time
   * @throws SaveError when the folder cannot be written
   */
  constructor(
    private readonly folder: string,
    resumedStep?: number,
    private readonly now: () => number = Date.now,
  ) {
    this.lines = join(folder, METRICS_FILE);
    this.events = this.saving(() => {
      makeFolder(folder);
      const old = readdirSync(folder).filter((name) => EVENT_FILE.test(name));
      if (resumedStep === undefined) {
        for (const name of [METRICS_FILE, ...old]) rmSync(join(folder, name), { force: true });
      } else {
        cut(this.lines, lineEnds, resumedStep);
        for (const name of old) cut(join(folder, name), eventEnds, resumedStep);
        if (old.length > 0) return join(folder, old.sort().at(-1)!);
      }
      const seconds = String(Math.floor(now() / 1000)).padStart(10, '0');
      const path = join(folder, `events.out.tfevents.${seconds}.ealign`);
      writeFileSync(path, this.event({ step: 0, fileVersion: 'brain.Event:2', scalars: {} }));
      return path;
    });
  }

  /**
   * Adds a record.
   *
   * @param step optimiser steps done; never less than in the record before
   * @throws SaveError when the disk is full
   * @throws Error when a metric is not finite: the loop stops before it logs such a loss
   */
  write(step: number, metrics: Metrics): void {
    const scalars: Record<string, number> = {};
    for (const [name, value] of Object.entries(metrics)) {
      if (value === null || value === undefined) continue;
      if (!Number.isFinite(value)) throw new Error(`metric '${name}' is ${value} at step ${step}`);
      scalars[name] = value;
    }
    this.saving(() => {
      appendFileSync(this.lines, `${JSON.stringify({ step, ...metrics })}\n`);
      appendFileSync(this.events, this.event({ step, scalars }));
    });
  }

  private event(event: Omit<ScalarEvent, 'wallTime'>): Uint8Array {
    return frame(encodeEvent({ wallTime: this.now() / 1000, ...event }));
  }

  private saving<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw asSaveError(this.folder, error);
    }
  }
}

/** All whole records of a run, in the order in which they were written. @throws DataError for a damaged line */
export function readMetrics(folder: string): MetricRecord[] {
  const path = join(folder, METRICS_FILE);
  return [...lineEnds(readFileSync(path), path)].map(({ record }) => record);
}

/** Cuts a file after its last whole record of at most `step`. */
function cut(
  path: string,
  records: (bytes: Uint8Array, path: string) => Iterable<{ step: number; end: number }>,
  step: number,
): void {
  if (!existsSync(path)) return;
  let end = 0;
  for (const record of records(readFileSync(path), path)) {
    if (record.step > step) break;
    end = record.end;
  }
  truncateSync(path, end);
}

function* lineEnds(
  bytes: Uint8Array,
  path: string,
): Generator<{ step: number; end: number; record: MetricRecord }> {
  for (
    let start = 0, number = 1, end: number;
    (end = bytes.indexOf(10, start) + 1) > 0;
    start = end, number++
  ) {
    const record = parseRecord(new TextDecoder().decode(bytes.subarray(start, end)));
    if (record === undefined) {
      const next = 'remove the line, or train again';
      throw new DataError({ where: `${path}:${number}`, what: 'not a record of metrics', next });
    }
    yield { step: record.step, end, record };
  }
}

function parseRecord(text: string): MetricRecord | undefined {
  try {
    const record: MetricRecord = JSON.parse(text);
    return Number.isInteger(record.step) ? record : undefined;
  } catch {
    return undefined;
  }
}

function* eventEnds(bytes: Uint8Array): Generator<{ step: number; end: number }> {
  for (const { data, end } of unframe(bytes)) yield { step: decodeEvent(data).step, end };
}
