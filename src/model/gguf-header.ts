/**
 * The header of a GGUF file: metadata, and where every tensor lies.
 *
 * The header is parsed by @huggingface/gguf; what that parser takes on trust is checked
 * here against the size of the file, so that a truncated file is refused before anything
 * is read from it. Tensor contents are read in gguf-weights.ts.
 */
import { open } from 'node:fs/promises';
import { GGMLQuantizationType, gguf } from '@huggingface/gguf';
import { ModelError } from '../errors.js';
import type { Architecture, GgufRow } from './architectures/architecture.js';
import { architectures } from './architectures/index.js';
import { type Quantisation, quantisations } from './gguf-quantisation.js';

/** One tensor of the file. */
export interface GgufTensor {
  readonly name: string;
  /** Outermost dimension first, as in PyTorch (GGUF itself writes the innermost first). */
  readonly shape: readonly number[];
  readonly quantisation: Quantisation;
  /** Place of the first byte in the file. */
  readonly at: number;
  readonly bytes: number;
}

/** A GGUF file whose header is sound and whose tensors all lie inside the file. */
export interface GgufHeader {
  readonly path: string;
  readonly architecture: Architecture;
  /** What the file says of the architecture and names its keys by. */
  readonly row: GgufRow;
  readonly metadata: GgufMetadata;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/**
 * Reads and checks the header of the GGUF file at `path` (versions 2 and 3, little-endian, one file).
 *
 * @throws ModelError not GGUF, truncated, split into several files, of another architecture, or with a
 *   tensor of a format that cannot be read
 */
export async function readGgufHeader(path: string): Promise<GgufHeader> {
  return describeHeader(path, await parseGgufHeader(path));
}

/** What a header says, as plain values: it can be kept as JSON. */
export interface ParsedHeader {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly tensors: readonly {
    readonly name: string;
    /** Innermost dimension first. */
    readonly shape: readonly number[];
    /** ggml's number of its type. */
    readonly type: number;
    /** Place of its first byte in the file. */
    readonly at: number;
  }[];
  readonly littleEndian: boolean;
  /** Bytes of the header, and of the file. */
  readonly end: number;
  readonly size: number;
}

/** @throws ModelError not GGUF, or not sound */
export async function parseGgufHeader(path: string): Promise<ParsedHeader> {
  const size = await checkMagic(path);
  let parsed: Awaited<ReturnType<typeof gguf>>;
  try {
    parsed = await gguf(path, { allowLocalFile: true });
  } catch (error) {
    throw new ModelError(
      {
        where: path,
        what: `not a sound GGUF file (${(error as Error).message})`,
        next: 'fetch the file again; it may be truncated',
      },
      { cause: error },
    );
  }
  const { metadata, tensorInfos, tensorDataOffset, tensorInfoByteRange, littleEndian } = parsed;
  return {
    ...{ size, littleEndian, end: tensorInfoByteRange[1] },
    metadata: metadata as unknown as Record<string, unknown>,
    tensors: tensorInfos.map(({ name, shape, dtype, offset }) => ({
      ...{ name, shape: shape.map(Number), type: dtype, at: Number(tensorDataOffset + offset) },
    })),
  };
}

/** Checks what a header says against the file. @throws ModelError as `readGgufHeader` */
export function describeHeader(path: string, parsed: ParsedHeader): GgufHeader {
  const { size, end: headerEnd } = parsed;
  // Beyond the end of the file the parser reads zeros.
  if (headerEnd > size) throw truncated(path, `at least ${headerEnd} bytes of header`, size);
  const metadata = new GgufMetadata(path, parsed.metadata);
  if (!parsed.littleEndian) {
    throw new ModelError({ where: path, what: 'big-endian GGUF files cannot be read' });
  }
  if (metadata.integer('version', 0) < 2) {
    throw new ModelError({
      where: path,
      what: 'GGUF version cannot be read',
      expected: 'version 2 or 3',
      got: `version ${metadata.integer('version', 0)}`,
    });
  }
  const { architecture, row } = supportedArchitecture(path, metadata.string('general.architecture'));
  const parts = metadata.integer('split.count', 1);
  if (parts > 1) {
    throw new ModelError({
      where: path,
      what: `one of ${parts} parts of a split model`,
      next: "join the parts with llama.cpp's `llama-gguf-split --merge`",
    });
  }
  const tensors = new Map<string, GgufTensor>();
  for (const { name, shape, type, at } of parsed.tensors) {
    const tensor = describeTensor(path, name, shape.toReversed(), type, at);
    if (at + tensor.bytes > size) throw truncated(path, `${at + tensor.bytes} bytes (tensor ${name})`, size);
    tensors.set(name, tensor);
  }
  return { path, architecture, row, metadata, tensors };
}

function supportedArchitecture(path: string, name: string): { architecture: Architecture; row: GgufRow } {
  const rows = architectures.flatMap((architecture) =>
    architecture.gguf ? [{ architecture, row: architecture.gguf }] : [],
  );
  const found = rows.find(({ row }) => row.name === name);
  if (found) return found;
  throw new ModelError({
    where: `${path}: general.architecture`,
    what: 'this architecture cannot be built',
    expected: `one of ${rows.map(({ row }) => row.name).join(', ')}`,
    got: name,
    next: `choose a model of one of these: ${architectures.map(({ title }) => title).join(', ')}`,
  });
}

/** The metadata of a GGUF file, read by key and type. */
class GgufMetadata {
  constructor(
    private readonly path: string,
    private readonly values: Readonly<Record<string, unknown>>,
  ) {}

  has(key: string): boolean {
    return this.values[key] !== undefined;
  }

  /** The keys that begin with `prefix`, without it. */
  keys(prefix: string): string[] {
    return Object.keys(this.values).flatMap((key) =>
      key.startsWith(prefix) ? [key.slice(prefix.length)] : [],
    );
  }

  /** A value of any type, whole numbers as numbers. */
  plain(key: string): unknown {
    const value = this.values[key];
    return typeof value === 'bigint' ? Number(value) : value;
  }

  /** A number; without a default the key must be there. */
  number(key: string, otherwise?: number): number {
    const value = this.values[key] ?? otherwise;
    if (typeof value === 'bigint') return Number(value);
    if (typeof value === 'number') return value;
    throw this.wrong(key, 'a number', value);
  }

  /** A whole number ≥ 0; without a default the key must be there. */
  integer(key: string, otherwise?: number): number {
    const value = this.number(key, otherwise);
    if (!Number.isSafeInteger(value) || value < 0) throw this.wrong(key, 'a whole number', value);
    return value;
  }

  string(key: string, otherwise?: string): string {
    const value = this.values[key] ?? otherwise;
    if (typeof value === 'string') return value;
    throw this.wrong(key, 'a string', value);
  }

  boolean(key: string, otherwise: boolean): boolean {
    const value = this.values[key] ?? otherwise;
    if (typeof value === 'boolean') return value;
    throw this.wrong(key, 'true or false', value);
  }

  strings(key: string): readonly string[] {
    return this.list(key, 'string') as string[];
  }

  numbers(key: string): readonly number[] {
    return this.list(key, 'number') as number[];
  }

  private list(key: string, of: 'string' | 'number'): unknown[] {
    const value = this.values[key];
    if (!Array.isArray(value) || value.some((item) => typeof item !== of)) {
      throw this.wrong(key, `a list of ${of}s`, value);
    }
    return value;
  }

  private wrong(key: string, expected: string, value: unknown): ModelError {
    const got =
      value === undefined ? 'nothing' : Array.isArray(value) ? `a list of ${value.length}` : String(value);
    return new ModelError({ where: `${this.path}: ${key}`, what: 'metadata cannot be used', expected, got });
  }
}

/** @returns the size of the file, in bytes */
async function checkMagic(path: string): Promise<number> {
  const { start, size } = await readStart(path);
  if (start.toString('latin1', 0, 4) !== 'GGUF') {
    throw new ModelError({
      where: path,
      what: 'not a GGUF file',
      expected: "'GGUF' in the first four bytes",
      got: JSON.stringify(start.toString('latin1', 0, 4)),
    });
  }
  if (start.length < 24) throw truncated(path, 'at least 24 bytes of header', size);
  return size;
}

async function readStart(path: string): Promise<{ start: Buffer; size: number }> {
  try {
    const file = await open(path, 'r');
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(24), 0, 24, 0);
      return { start: buffer.subarray(0, bytesRead), size: (await file.stat()).size };
    } finally {
      await file.close();
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reasons: Record<string, string> = { ENOENT: 'no such file', EISDIR: 'it is a folder' };
    throw new ModelError(
      { where: path, what: `cannot be read (${reasons[code ?? ''] ?? message})` },
      { cause: error },
    );
  }
}

function describeTensor(
  path: string,
  name: string,
  shape: readonly number[],
  type: number,
  at: number,
): GgufTensor {
  const quantisation = quantisations.get(type);
  if (quantisation === undefined) {
    throw new ModelError({
      where: `${path}: ${name}`,
      what: `quantisation ${GGMLQuantizationType[type] ?? `type ${type}`} cannot be read`,
      expected: `one of ${[...quantisations.values()].map((each) => each.name).join(', ')}`,
      next: 'choose a file of the model in one of these',
    });
  }
  const columns = shape.at(-1) ?? 1;
  if (columns % quantisation.blockSize !== 0) {
    throw new ModelError({
      where: `${path}: ${name}`,
      what: `rows of ${columns} values do not fit ${quantisation.name}`,
      expected: `a multiple of ${quantisation.blockSize}`,
    });
  }
  const count = shape.reduce((product, size) => product * size, 1);
  return { name, shape, quantisation, at, bytes: (count / quantisation.blockSize) * quantisation.blockBytes };
}

function truncated(path: string, expected: string, size: number): ModelError {
  return new ModelError({
    where: path,
    what: 'the file is truncated',
    expected,
    got: `${size} bytes`,
    next: 'fetch it again',
  });
}
