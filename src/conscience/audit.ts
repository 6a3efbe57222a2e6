/**
 * The audit trail: `audit.jsonl`, one record a review, with everything that led to it.
 *
 * Append-only, the records of a step in one call, so that a killed run leaves whole lines
 * and at most one torn one. A record counts once its newline is written; what stands
 * after the last newline is ignored by the reader and cut off by the next writer. JSON
 * has no infinity: a log-probability of −∞ is read back as null.
 */
import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { join } from 'node:path';
import { DataError, SaveError } from '../errors.js';
import { makeFolder } from '../files/files.js';
import type { ReviewRecord } from './record.js';

export const AUDIT_FILE = 'audit.jsonl';

/** Writes the audit trail of one run into its output folder. */
export class AuditWriter {
  private readonly path: string;

  /**
   * @param folder made when missing
   * @param resumedStep last step that the checkpoint contains: records taken up later are dropped.
   *   Without it the run starts from the beginning and an earlier trail is deleted
   * @throws SaveError when the folder cannot be written
   * @throws DataError when the existing trail is damaged
   */
  constructor(folder: string, resumedStep?: number) {
    this.path = join(folder, AUDIT_FILE);
    this.saving(() => {
      makeFolder(folder);
      if (resumedStep === undefined) rmSync(this.path, { force: true });
      else if (existsSync(this.path)) truncateSync(this.path, endOfStep(this.path, resumedStep));
      appendFileSync(this.path, '');
    });
  }

  /**
   * Adds records; a failed call leaves the file as it was.
   *
   * @throws SaveError when the disk is full
   */
  append(records: readonly ReviewRecord[]): void {
    if (records.length === 0) return;
    const lines = records.map((record) => `${JSON.stringify(record)}\n`).join('');
    this.saving(() => {
      const { size } = statSync(this.path);
      try {
        appendFileSync(this.path, lines);
      } catch (error) {
        truncateSync(this.path, size);
        throw error;
      }
    });
  }

  /** Waits until all records are on the disk, e.g. before a checkpoint names their step. */
  sync(): void {
    this.saving(() => {
      const file = openSync(this.path, 'r+');
      try {
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    });
  }

  private saving(action: () => void): void {
    try {
      action();
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException;
      if (code === undefined) throw cause;
      throw new SaveError(
        {
          where: this.path,
          what: `the audit trail cannot be written (${message})`,
          next: 'free some space or set another output folder, then resume',
        },
        { cause },
      );
    }
  }
}

/**
 * All records of a run, in the order in which they were written. A torn last line is left out.
 *
 * @throws DataError when there is no trail, or a line in it is damaged
 */
export function readAudit(folder: string): ReviewRecord[] {
  const path = join(folder, AUDIT_FILE);
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const what = code === 'ENOENT' ? 'no such audit trail' : `cannot be read (${message})`;
    throw new DataError({ where: path, what }, { cause });
  }
  return Array.from(lines(bytes, path), ({ record }) => record);
}

/** Bytes up to the first record that was taken up after `step`, or up to the last newline. */
function endOfStep(path: string, step: number): number {
  let size = 0;
  for (const { record, end } of lines(readFileSync(path), path)) {
    if (record.step + (record.age ?? 0) > step) break;
    size = end;
  }
  return size;
}

function* lines(bytes: Buffer, path: string): Generator<{ record: ReviewRecord; end: number }> {
  for (
    let start = 0, end: number, number = 1;
    (end = bytes.indexOf(10, start) + 1) > 0;
    start = end, number++
  ) {
    let record: ReviewRecord;
    try {
      record = JSON.parse(bytes.toString('utf8', start, end));
    } catch (cause) {
      throw new DataError(
        { where: `${path}:${number}`, what: `not a review record (${(cause as Error).message})` },
        { cause },
      );
    }
    yield { record, end };
  }
}
