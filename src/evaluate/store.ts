/**
 * Results that survive a kill: a JSONL file to which whole groups of records are appended.
 *
 * A group is what is computed together, e.g. all samples of one question. It is in the file
 * whole or, after a kill in the middle of a write, is dropped when the file is opened again. Each
 * line carries its checksum, so that a damaged score is a named line and not another result.
 */
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { crc32 } from 'node:zlib';
import { DataError } from '../errors.js';
import { claimFolder } from '../files/claim.js';
import { asSaveError, makeFolder, writeFileAtomic } from '../files/files.js';

/** What a folder of results is made from, and where it keeps it. */
export interface Planned {
  readonly folder: string;
  /** Name of the file that holds the plan. */
  readonly planFile: string;
  /** Name of the file that holds the records. */
  readonly recordsFile: string;
  /** Plain JSON. Records of another plan may not be mixed in. */
  readonly plan: object;
  readonly overwrite?: boolean;
  /** What the folder holds if its plan is another one, for the error. */
  readonly otherwise: string;
}

/** The store of a folder, new or from a call that was killed. @throws DataError when it has another plan */
export function openPlanned<T>(options: Planned): GroupStore<T> {
  const { folder, planFile, recordsFile, plan, overwrite = false, otherwise } = options;
  const path = join(folder, planFile);
  const found = existsSync(path) && !overwrite;
  if (found && !isDeepStrictEqual(readPlanFile(path), plan)) {
    throw new DataError({
      where: folder,
      what: `the folder holds ${otherwise}`,
      next: 'choose another --output, or start again with --overwrite',
    });
  }
  makeFolder(folder);
  claimFolder(folder);
  if (!found) writeFileAtomic(path, `${JSON.stringify(plan, null, 2)}\n`);
  return new GroupStore(join(folder, recordsFile), { fresh: !found });
}

/** The plan of a folder of results, as plain JSON. @throws DataError when it is damaged */
export function readPlanFile(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    const what = `not a plan of results (${(cause as Error).message})`;
    throw new DataError({ where: path, what, next: 'start again with --overwrite' }, { cause });
  }
}

/** Name of the group of what was asked: the same plain JSON has the same name. */
export const groupOf = (asked: unknown): string =>
  createHash('sha256').update(JSON.stringify(asked)).digest('hex').slice(0, 32);

interface Line<T> {
  readonly group: string;
  /** Records in the group; a group without any is a line with 0 and null. */
  readonly of: number;
  readonly record: T;
  /** CRC-32 of the line's JSON without this key, in hexadecimal; older files have none. */
  readonly crc?: string;
}

const RESTORE = 'restore the file, or start again with --overwrite';

const checksum = ({ group, of, record }: Line<unknown>) =>
  crc32(JSON.stringify({ group, of, record })).toString(16).padStart(8, '0');

/** The records of a JSONL file, group by group. */
export class GroupStore<T> {
  private readonly groups = new Map<string, T[]>();
  private readonly added = new Map<string, number>();
  /** Bytes of the file that are whole groups; after them stands what a kill left. */
  private size = 0;

  /**
   * @param fresh start with an empty file
   * @param next  what to do about a damaged file
   * @throws DataError for a line that is damaged
   */
  constructor(
    private readonly path: string,
    { fresh = false, next = RESTORE }: { fresh?: boolean; next?: string } = {},
  ) {
    if (fresh) rmSync(path, { force: true });
    if (!existsSync(path)) return;
    const { text, whole } = wholeGroups(readFileSync(path, 'utf8'), path, next);
    for (const lines of whole as Line<T>[][]) {
      this.keep(
        lines[0].group,
        lines.flatMap(({ of, record }) => (of === 0 ? [] : [record])),
      );
    }
    this.size = Buffer.byteLength(text);
  }

  get(group: string): readonly T[] | undefined {
    return this.groups.get(group);
  }

  /** How often the group was added. */
  times(group: string): number {
    return this.added.get(group) ?? 0;
  }

  /** All records, or those of some groups, in the order in which the groups came. */
  all(wanted: (group: string) => boolean = () => true): T[] {
    return [...this.groups].filter(([group]) => wanted(group)).flatMap(([, records]) => records);
  }

  /**
   * Appends a group and waits until it is on the disk. It takes the place of one of the same name, also where it has no
   * records.
   *
   * @throws SaveError, also when another process writes into the folder; the file is as before then
   */
  add(group: string, records: readonly T[]): void {
    const lines = (records.length === 0 ? [null] : records).map((record) => {
      const line: Line<T | null> = { group, of: records.length, record };
      return `${JSON.stringify({ ...line, crc: checksum(line) })}\n`;
    });
    const text = lines.join('');
    this.saving(() => {
      claimFolder(dirname(this.path));
      if (existsSync(this.path)) truncateSync(this.path, this.size);
      try {
        appendFileSync(this.path, text);
        const file = openSync(this.path, 'r+');
        fsyncSync(file);
        closeSync(file);
      } catch (error) {
        if (existsSync(this.path)) truncateSync(this.path, this.size);
        throw error;
      }
      this.size += Buffer.byteLength(text);
    });
    this.keep(group, [...records]);
  }

  private keep(group: string, records: T[]): void {
    this.groups.set(group, records);
    this.added.set(group, this.times(group) + 1);
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
function wholeGroups(text: string, path: string, next: string): { text: string; whole: Line<unknown>[][] } {
  const whole: Line<unknown>[][] = [];
  let pending: Line<unknown>[] = [];
  let length = 0;
  let end = 0;
  for (const [i, line] of text.split(/(?<=\n)/).entries()) {
    if (!line.endsWith('\n')) break;
    const parsed = parseLine(line);
    if (parsed === undefined || (pending.length > 0 && pending[0].group !== parsed.group)) {
      throw new DataError({ where: `${path}:${i + 1}`, what: 'the line is damaged', next });
    }
    length += line.length;
    pending.push(parsed);
    if (pending.length < parsed.of) continue;
    whole.push(pending);
    pending = [];
    end = length;
  }
  return { text: text.slice(0, end), whole };
}

/** A line that is whole; undefined for one that is damaged. */
function parseLine(text: string): Line<unknown> | undefined {
  try {
    const line: Line<unknown> = JSON.parse(text);
    const whole = typeof line.group === 'string' && Number.isInteger(line.of) && 'record' in line;
    return whole && (line.crc === undefined || line.crc === checksum(line)) ? line : undefined;
  } catch {
    return undefined;
  }
}
