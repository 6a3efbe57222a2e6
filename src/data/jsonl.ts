/**
 * JSONL files: one JSON value a line, plain or gzip, told apart by content.
 *
 * Streams, so that a file may be larger than memory. Byte-order marks, CRLF and blank
 * lines are accepted. What the values mean is not this file's business.
 */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { TextDecoder } from 'node:util';
import { createGunzip } from 'node:zlib';
import { DataError } from '../errors.js';
import type { Problems } from './problems.js';

/** One parsed line and its place, e.g. `data/train.jsonl:17`. */
export interface JsonLine {
  readonly where: string;
  readonly value: unknown;
}

/**
 * The values of a JSONL file, in order.
 *
 * @param problems takes the lines that are not JSON; reading continues after them
 * @throws DataError when the file cannot be read at all
 */
export async function* readJsonl(path: string, problems: Problems): AsyncGenerator<JsonLine> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let number = 0;
  for await (const bytes of splitLines(await openBytes(path), path)) {
    number++;
    const where = `${path}:${number}`;
    const line = problems.attempt(() => parseLine(bytes, decoder, where));
    if (line !== undefined) yield line;
  }
}

/** `undefined` for a blank line. */
function parseLine(bytes: Uint8Array, decoder: TextDecoder, where: string): JsonLine | undefined {
  let text: string;
  try {
    text = decoder.decode(bytes).trim();
  } catch (cause) {
    throw new DataError({ where, what: 'not UTF-8 text', next: 'save the file as UTF-8' }, { cause });
  }
  if (text === '') return undefined;
  try {
    return { where, value: JSON.parse(text) };
  } catch (cause) {
    const next =
      text === '[' ? 'write one JSON object per line instead of one array (jq -c ".[]")' : undefined;
    throw new DataError({ where, what: `not valid JSON (${(cause as Error).message})`, next }, { cause });
  }
}

/** First bytes of formats that people pass by mistake. */
const OTHER_FORMATS: readonly { readonly magic: readonly number[]; readonly name: string }[] = [
  { magic: [0x50, 0x41, 0x52, 0x31], name: 'a Parquet file' },
  { magic: [0x50, 0x4b, 0x03, 0x04], name: 'a zip archive' },
  { magic: [0x28, 0xb5, 0x2f, 0xfd], name: 'a zstd file' },
  { magic: [0xff, 0xfe], name: 'UTF-16 text' },
  { magic: [0xfe, 0xff], name: 'UTF-16 text' },
];

async function openBytes(path: string): Promise<AsyncIterable<Buffer>> {
  const head = await readHead(path);
  const begins = (magic: readonly number[]) => magic.every((byte, i) => head[i] === byte);
  const other = OTHER_FORMATS.find(({ magic }) => begins(magic));
  if (other) {
    throw new DataError({
      where: path,
      what: 'not a JSONL file',
      expected: 'JSONL in UTF-8, plain or gzip',
      got: other.name,
    });
  }
  const file = createReadStream(path);
  if (!begins([0x1f, 0x8b])) return file;
  const gunzip = createGunzip();
  // The pipeline's error also reaches the reader of `gunzip`, who reports it.
  pipeline(file, gunzip, () => {});
  return gunzip;
}

async function readHead(path: string): Promise<Buffer> {
  try {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

async function* splitLines(bytes: AsyncIterable<Buffer>, path: string): AsyncGenerator<Uint8Array> {
  const unfinished: Buffer[] = [];
  try {
    for await (const chunk of bytes) {
      let start = 0;
      for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
        unfinished.push(chunk.subarray(start, end));
        yield unfinished.length === 1 ? unfinished[0] : Buffer.concat(unfinished);
        unfinished.length = 0;
        start = end + 1;
      }
      if (start < chunk.length) unfinished.push(chunk.subarray(start));
    }
  } catch (cause) {
    throw unreadable(path, cause);
  }
  if (unfinished.length > 0) yield Buffer.concat(unfinished);
}

/** What the system's error codes mean to a person. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EISDIR: 'this is a folder, not a JSONL file',
  EACCES: 'no permission to read this file',
  Z_BUF_ERROR: 'the gzip data ends too early: the file is incomplete',
  Z_DATA_ERROR: 'the gzip data is damaged',
};

function unreadable(where: string, cause: unknown): unknown {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === undefined) return cause;
  return new DataError({ where, what: REASONS[code] ?? `cannot be read (${message})` }, { cause });
}
