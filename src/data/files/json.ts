/**
 * Rows in JSON: one value a line (JSONL), or one array of values.
 *
 * Streams, so that a file may be larger than memory. Byte-order marks, CRLF and blank lines are
 * accepted. What the values mean is not this file's business.
 */
import { TextDecoder } from 'node:util';
import { DataError } from '../../errors.js';
import { ElementScanner } from './element-scanner.js';
import type { Problems } from './problems.js';
import { type Bytes, peeked, unpackedName } from './text-bytes.js';

/** One value of a file and its place, e.g. `data/train.jsonl:17`, or `data/train.parquet#17`, the 17th row. */
export interface FileRow {
  readonly where: string;
  readonly value: unknown;
}

/**
 * The values of a text in JSON, in order.
 *
 * An array yields its elements. Else every line is a value; where the first line of a file that is
 * called `.json` is none, the whole text is one value.
 *
 * @param name     of the file, for places and errors
 * @param problems takes the lines and elements that are not JSON; reading continues after them
 * @throws DataError when the text cannot be read further
 */
export async function* jsonRows(bytes: Bytes, name: string, problems: Problems): AsyncGenerator<FileRow> {
  const { first, whole } = await peeked(bytes);
  if (first === '[') yield* arrayElements(whole, name, problems);
  else if (/\.json$/i.test(unpackedName(name))) yield* oneOrLines(whole, name, problems);
  else yield* lineValues(splitLines(whole), name, problems);
}

async function* lineValues(
  lines: AsyncIterable<Uint8Array>,
  name: string,
  problems: Problems,
  done = 0,
): AsyncGenerator<FileRow> {
  let number = done;
  for await (const bytes of lines) {
    number++;
    const where = `${name}:${number}`;
    const line = problems.attempt(() => parseLine(bytes, where));
    if (line !== undefined) yield line;
  }
}

/** `undefined` for a blank line. */
function parseLine(bytes: Uint8Array, where: string): FileRow | undefined {
  const text = decode(bytes, where).trim();
  if (text === '') return undefined;
  try {
    return { where, value: JSON.parse(text) };
  } catch (cause) {
    throw new DataError({ where, what: `not valid JSON (${(cause as Error).message})` }, { cause });
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true });

function decode(bytes: Uint8Array, where: string): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new DataError({ where, what: 'not UTF-8 text', next: 'save the file as UTF-8' }, { cause });
  }
}

async function* splitLines(bytes: Bytes): AsyncGenerator<Uint8Array> {
  const unfinished: Uint8Array[] = [];
  for await (const chunk of bytes) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      unfinished.push(chunk.subarray(start, end));
      yield unfinished.length === 1 ? unfinished[0] : Buffer.concat(unfinished);
      unfinished.length = 0;
      start = end + 1;
    }
    if (start < chunk.length) unfinished.push(chunk.subarray(start));
  }
  if (unfinished.length > 0) yield Buffer.concat(unfinished);
}

/** Lines, where the first that is not blank is a value of its own; else the whole text is one. */
async function* oneOrLines(bytes: Bytes, name: string, problems: Problems): AsyncGenerator<FileRow> {
  const lines = splitLines(bytes);
  const blank: Uint8Array[] = [];
  for await (const line of lines) {
    const text = decode(line, name).trim();
    if (text === '') {
      blank.push(line);
      continue;
    }
    if (isJson(text)) {
      const where = `${name}:${blank.length + 1}`;
      const next = await lines.next();
      if (next.done) return yield { where: name, value: JSON.parse(text) };
      yield { where, value: JSON.parse(text) };
      const after = problems.attempt(() => parseLine(next.value, `${name}:${blank.length + 2}`));
      if (after !== undefined) yield after;
      yield* lineValues(lines, name, problems, blank.length + 2);
      return;
    }
    const rest = [...blank, line];
    for await (const more of lines) rest.push(more);
    yield { where: name, value: parseWhole(decode(Buffer.concat(rest.flatMap(withBreak)), name), name) };
    return;
  }
}

const withBreak = (line: Uint8Array) => [line, Buffer.from('\n')];

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function parseWhole(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const { message } = cause as Error;
    const line = lineOf(text, message);
    const where = line === undefined ? name : `${name}:${line}`;
    throw new DataError({
      where,
      what: `not valid JSON (${message})`,
      expected: 'an array, one object, or one object a line',
    });
  }
}

/** The line where the parser stopped, as far as it says: of a strange character it shows the surroundings instead. */
function lineOf(text: string, message: string): number | undefined {
  const [, position] = /at position (\d+)/.exec(message) ?? [];
  const ended = message.includes('end of JSON');
  if (position === undefined && !ended) return undefined;
  const before = ended ? text.trimEnd() : text.slice(0, Number(position));
  return before.split('\n').length;
}

const LINE_FEED = 0x0a;

/** The elements of an array, each parsed when its end is reached. Places count elements: `rows.json#3`. */
async function* arrayElements(bytes: Bytes, name: string, problems: Problems): AsyncGenerator<FileRow> {
  const scanner = new ElementScanner();
  let number = 0;
  for await (const chunk of bytes) {
    for (const { text, line } of scanner.scan(chunk)) {
      number++;
      const where = `${name}#${number}`;
      const row = problems.attempt(() => parseElement(text, where, name, line));
      if (row !== undefined) yield row;
    }
  }
  if (scanner.state === 'inside') {
    throw new DataError({
      where: `${name}:${scanner.line}`,
      what: 'not valid JSON (the array does not end)',
      next: 'the file may be incomplete: write or fetch it again',
    });
  }
  if (scanner.after !== undefined) {
    throw new DataError({
      where: `${name}:${scanner.after}`,
      what: 'there is more after the end of the array',
      expected: 'one array, or one JSON object a line',
    });
  }
}

function parseElement(bytes: Uint8Array, where: string, name: string, line: number): FileRow {
  const text = decode(bytes, where);
  try {
    return { where, value: JSON.parse(text) };
  } catch (cause) {
    const { message } = cause as Error;
    const at = line + (lineOf(text, message) ?? /^\s*/.exec(text)![0].split('\n').length) - 1;
    throw new DataError({ where, what: `not valid JSON at ${name}:${at} (${message})` }, { cause });
  }
}
