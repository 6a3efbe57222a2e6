/**
 * The bytes of a text file as UTF-8, in pieces: plain, gzip or zstd, told apart by content.
 *
 * UTF-16 with a byte order mark, as Excel saves it, becomes UTF-8. What the text means is not this file's business.
 */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { TextDecoder } from 'node:util';
import { createGunzip } from 'node:zlib';
import { Decompress, ZstdErrorCode } from 'fzstd';
import { DataError } from '../../errors.js';

export type Bytes = AsyncIterable<Uint8Array>;

/** The name that a compressed file has without this ending of it. */
export const unpackedName = (name: string): string => name.replace(/\.(gz|gzip|zst|zstd)$/i, '');

/** First bytes of formats that hold no rows, or none that are read. */
const OTHERS: readonly (readonly [magic: readonly number[], name: string, next: string])[] = [
  [[0x50, 0x4b, 0x03, 0x04], 'a zip archive', 'unpack it first'],
  [[0x42, 0x5a, 0x68], 'a bzip2 file', 'unpack it first, or pack it with gzip or zstd'],
  [[0xfd, 0x37, 0x7a, 0x58], 'an xz file', 'unpack it first, or pack it with gzip or zstd'],
];

/** Whether a file's first bytes are these. */
export const begins = (head: Uint8Array, magic: readonly number[]): boolean =>
  magic.every((byte, i) => head[i] === byte);

/** The first bytes of a file, fewer where it is shorter. @throws DataError when it cannot be read */
export async function readHead(path: string, length: number, name = path): Promise<Uint8Array> {
  try {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw unreadable(name, cause);
  }
}

/**
 * The text of a file in pieces, which may end within a character.
 *
 * @param name of the file in errors
 * @throws DataError for another kind of file, and while reading for one that is damaged
 */
export async function* textBytes(path: string, name: string): AsyncGenerator<Uint8Array> {
  try {
    yield* asUtf8(await unpacked(path, name));
  } catch (cause) {
    throw unreadable(name, cause);
  }
}

async function unpacked(path: string, name: string): Promise<Bytes> {
  const head = await readHead(path, 4, name);
  const other = OTHERS.find(([magic]) => begins(head, magic));
  if (other) {
    const expected = 'JSONL, a JSON array, CSV, Parquet or Arrow; text plain, gzip or zstd';
    throw new DataError({ where: name, what: 'not a file of rows', expected, got: other[1], next: other[2] });
  }
  const file = createReadStream(path);
  if (begins(head, [0x28, 0xb5, 0x2f, 0xfd])) return unzstd(file);
  if (!begins(head, [0x1f, 0x8b])) return file;
  const gunzip = createGunzip();
  // The pipeline's error also reaches the reader of `gunzip`, who reports it.
  pipeline(file, gunzip, () => {});
  return gunzip;
}

async function* unzstd(bytes: Bytes): Bytes {
  const ready: Uint8Array[] = [];
  const zstd = new Decompress((piece) => ready.push(piece));
  for await (const piece of bytes) {
    zstd.push(piece);
    yield* ready.splice(0);
  }
  zstd.push(new Uint8Array(0), true);
  yield* ready;
}

async function* asUtf8(bytes: Bytes): Bytes {
  let decoder: TextDecoder | undefined;
  let isFirst = true;
  for await (const piece of bytes) {
    if (isFirst && begins(piece, [0xff, 0xfe])) decoder = new TextDecoder('utf-16le');
    if (isFirst && begins(piece, [0xfe, 0xff])) decoder = new TextDecoder('utf-16be');
    isFirst = false;
    yield decoder === undefined ? piece : Buffer.from(decoder.decode(piece, { stream: true }));
  }
}

/** The first bytes that are no white space, and the whole from its beginning. */
export async function peeked(bytes: Bytes): Promise<{ first: string; whole: Bytes }> {
  const iterator = bytes[Symbol.asyncIterator]();
  const before: Uint8Array[] = [];
  let first = '';
  while (first === '') {
    const { done, value } = await iterator.next();
    if (done) break;
    before.push(value);
    first = Buffer.concat(before)
      .toString('utf8')
      .replace(/^\uFEFF?\s*/, '')
      .slice(0, 1);
  }
  async function* whole() {
    yield* before;
    yield* { [Symbol.asyncIterator]: () => iterator };
  }
  return { first, whole: whole() };
}

/** What error codes of the system, of zlib and of zstd mean to a person. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  ENOTDIR: 'no such file: part of its path is a file, not a folder',
  EISDIR: 'this is a folder, not a file',
  EACCES: 'no permission to read this file',
  Z_BUF_ERROR: 'the gzip data ends too early: the file is incomplete',
  Z_DATA_ERROR: 'the gzip data is damaged',
  [ZstdErrorCode.UnexpectedEOF]: 'the zstd data ends too early: the file is incomplete',
  [ZstdErrorCode.WindowSizeTooLarge]: 'the zstd data needs a larger window than can be read (zstd --long)',
};

/** The error of a table that ends or is damaged after `rows` rows. @param format as people call it */
export function damagedTable(where: string, format: string, rows: number, cause: unknown): DataError {
  const known = unreadable(where, cause);
  if (known instanceof DataError) return known;
  const after = rows === 0 ? '' : ` after row ${rows}`;
  return new DataError(
    {
      where,
      what: `the ${format} file cannot be read${after} (${(cause as Error).message})`,
      next: 'the file may be incomplete: write or fetch it again',
    },
    { cause },
  );
}

/** The error of a file that the system, or a decompressor, does not read; others pass through. */
export function unreadable(where: string, cause: unknown): unknown {
  const { code, message } = cause as { code?: string | number; message: string };
  if (code === undefined || cause instanceof DataError) return cause;
  const what = REASONS[code] ?? (typeof code === 'number' ? 'the zstd data is damaged' : undefined);
  return new DataError({ where, what: what ?? `cannot be read (${message})` }, { cause });
}
