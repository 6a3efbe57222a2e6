/**
 * The lines of a file that grows: each call reads those that were completed since the last.
 *
 * A resumed run cuts its files back and writes on. That is noticed by the length, and by the last bytes
 * that were read: where they are others now, everything is read again.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Bytes that are read at once: a thread that also answers must not be kept long. */
const CHUNK = 4_000_000;
/** Bytes before the place that was reached, by which it is recognised. */
const MARK = 256;
const NEWLINE = 10;

/** Where a line lies in its file. */
export interface Span {
  readonly start: number;
  /** Without the newline. */
  readonly length: number;
}

export interface Added {
  /** Whether what was read before is void. */
  readonly restarted: boolean;
  readonly lines: readonly { readonly text: string; readonly at: Span }[];
  /** Whether there is more to read at once. */
  readonly more: boolean;
}

const NOTHING: Added = { restarted: false, lines: [], more: false };

export class Tail {
  private offset = 0;
  private mark = Buffer.alloc(0);
  private room = CHUNK;

  constructor(readonly path: string) {}

  /**
   * Reads the next whole lines; a torn last one waits for its end. A file that is not there has none.
   *
   * @throws NodeJS.ErrnoException when the file is there and cannot be read
   */
  read(): Added {
    let file: number;
    try {
      file = openSync(this.path, 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      const restarted = this.offset > 0;
      this.restart();
      return { ...NOTHING, restarted };
    }
    try {
      const { size } = fstatSync(file);
      const restarted = size < this.offset || !this.recognised(file);
      if (restarted) this.restart();
      return { ...NOTHING, ...this.linesOf(file, size), restarted };
    } finally {
      closeSync(file);
    }
  }

  private linesOf(file: number, size: number): Pick<Added, 'lines' | 'more'> {
    const bytes = Buffer.alloc(Math.min(size - this.offset, this.room));
    const read = bytes.subarray(0, readSync(file, bytes, 0, bytes.length, this.offset));
    const end = read.lastIndexOf(NEWLINE) + 1;
    const more = read.length === this.room;
    if (end === 0) {
      // a line may be longer than the room for it
      if (more) this.room *= 2;
      return { lines: [], more };
    }
    const lines = Array.from(spans(read.subarray(0, end)), ({ start, length }) => ({
      text: read.toString('utf8', start, start + length),
      at: { start: this.offset + start, length },
    }));
    this.offset += end;
    this.mark = Buffer.from(read.subarray(Math.max(0, end - MARK), end));
    this.room = CHUNK;
    return { lines, more };
  }

  private recognised(file: number): boolean {
    const { mark, offset } = this;
    const now = Buffer.alloc(mark.length);
    return readSync(file, now, 0, now.length, offset - mark.length) === mark.length && now.equals(mark);
  }

  private restart(): void {
    this.offset = 0;
    this.mark = Buffer.alloc(0);
  }
}

/** @param bytes end with a newline */
function* spans(bytes: Buffer): Generator<Span> {
  for (let start = 0, end: number; start < bytes.length; start = end + 1) {
    end = bytes.indexOf(NEWLINE, start);
    yield { start, length: end - start };
  }
}
