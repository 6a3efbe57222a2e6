/**
 * Results that survive a kill: a JSONL file to which whole groups of records are appended.
 *
 * A group is what is computed together, e.g. all samples of one question. It is in the file
 * whole or, after a kill in the middle of a write, is dropped when the file is opened again.
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
import { DataError } from '../errors.js';
import { asSaveError } from '../files.js';

interface Line<T> {
  readonly group: string;
  /** Records in the group. */
  readonly of: number;
  readonly record: T;
}

export class GroupStore<T> {
  private readonly groups = new Map<string, T[]>();

  /** @param fresh start with an empty file */
  constructor(
    private readonly path: string,
    { fresh = false }: { fresh?: boolean } = {},
  ) {
    if (fresh) rmSync(path, { force: true });
    if (!existsSync(path)) return;
    const { text, whole } = wholeGroups(readFileSync(path, 'utf8'), path);
    for (const { group, record } of whole as Line<T>[]) {
      this.groups.set(group, [...(this.groups.get(group) ?? []), record]);
    }
    this.saving(() => truncateSync(path, Buffer.byteLength(text)));
  }

  get(group: string): readonly T[] | undefined {
    return this.groups.get(group);
  }

  /** All records, in the order in which their groups came. */
  all(): T[] {
    return [...this.groups.values()].flat();
  }

  /** Appends a group and waits until it is on the disk. @throws SaveError; the file is as before then */
  add(group: string, records: readonly T[]): void {
    const lines = records.map((record) => `${JSON.stringify({ group, of: records.length, record })}\n`);
    this.saving(() => {
      const size = existsSync(this.path) ? statSync(this.path).size : 0;
      try {
        appendFileSync(this.path, lines.join(''));
        const file = openSync(this.path, 'r+');
        fsyncSync(file);
        closeSync(file);
      } catch (error) {
        if (existsSync(this.path)) truncateSync(this.path, size);
        throw error;
      }
    });
    this.groups.set(group, [...records]);
  }

  private saving(work: () => void): void {
    try {
      work();
    } catch (error) {
      throw asSaveError(this.path, error);
    }
  }
}

/** The beginning of the file that consists of whole groups. @throws DataError for a line that is damaged */
function wholeGroups(text: string, path: string): { text: string; whole: Line<unknown>[] } {
  const whole: Line<unknown>[] = [];
  let pending: Line<unknown>[] = [];
  let length = 0;
  let end = 0;
  for (const [i, line] of text.split(/(?<=\n)/).entries()) {
    if (!line.endsWith('\n')) break;
    let parsed: Line<unknown>;
    try {
      parsed = JSON.parse(line);
    } catch (cause) {
      const next = 'restore the file, or start anew with --overwrite';
      throw new DataError({ where: `${path}:${i + 1}`, what: 'the line is damaged', next }, { cause });
    }
    length += line.length;
    pending.push(parsed);
    if (pending.length < parsed.of) continue;
    whole.push(...pending);
    pending = [];
    end = length;
  }
  return { text: text.slice(0, end), whole };
}
