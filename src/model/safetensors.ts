/**
 * Reading safetensors files: 8 bytes header length, a JSON header, then the tensors.
 *
 * Values must be finite. The header is checked whole before any tensor is read, so that a damaged file fails at
 * once and by name. Tensors are read in file order, in chunks, straight into float32;
 * every byte passes through the hash on its way, and no file is read twice.
 * Format: https://huggingface.co/docs/safetensors. Writing is in safetensors-write.ts.
 */
import type { Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { ModelError } from '../errors.js';
import { requireFinite } from './finite.js';
import { bytesPer, type Dtype, widen } from './floats.js';
import { transposeBlock } from './layout.js';
import type { Tensor } from './model.js';

/** One tensor as the header announces it. */
export interface TensorEntry {
  readonly name: string;
  /** F32, F16, BF16, or one that cannot be read, e.g. I8. */
  readonly dtype: string;
  /** Shape in the file, where a linear layer is [out, in]. */
  readonly shape: readonly number[];
  /** Bytes from the start of the file. */
  readonly begin: number;
  readonly end: number;
}

/** What to do with a tensor while the file is read. */
export type Take = 'as-is' | 'transposed' | 'skip';

const chunkBytes = 8 << 20;
// The reference implementation refuses longer headers too: such a length is garbage, not a header.
const longestHeader = 100_000_000;
const damaged = 'the file is damaged or not whole; fetch it again';

/** Bytes per element of everything the format knows in whole bytes. */
const elementBytes: Readonly<Record<string, number>> = {
  ...bytesPer,
  ...{ BOOL: 1, U8: 1, I8: 1, F8_E4M3: 1, F8_E5M2: 1, F8_E8M0: 1, U16: 2, I16: 2 },
  ...{ U32: 4, I32: 4, F64: 8, U64: 8, I64: 8, C64: 8 },
};

/** An open file whose header has been read and checked. */
export class SafetensorsFile {
  private constructor(
    readonly path: string,
    /** Bytes of the whole file. */
    readonly size: number,
    /** Entries in file order. */
    readonly entries: readonly TensorEntry[],
    readonly metadata: Readonly<Record<string, string>>,
    private readonly handle: FileHandle,
    private readonly head: Uint8Array,
  ) {}

  /** @throws ModelError when the file is missing, cut off, or its header makes no sense */
  static async open(path: string): Promise<SafetensorsFile> {
    const handle = await openForReading(path);
    try {
      const { size } = await handle.stat();
      const head = await readHead(path, handle, size);
      const { entries, metadata } = parseHeader(path, head.subarray(8), head.length, size);
      return new SafetensorsFile(path, size, entries, metadata, handle, head);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /**
   * Reads the tensors as float32 and closes the file.
   *
   * @param take asked once for each tensor; `transposed` needs a matrix
   * @param hash is fed the whole file, skipped tensors included
   * @param onBytes told the number of bytes read since the last call
   * @throws ModelError on an element type other than F32, F16 and BF16, and on NaN and infinity
   */
  async read(
    take: (entry: TensorEntry) => Take,
    { hash, onBytes }: { hash?: Hash; onBytes?: (bytes: number) => void } = {},
  ): Promise<Map<string, Tensor>> {
    try {
      const tensors = new Map<string, Tensor>();
      hash?.update(this.head);
      onBytes?.(this.head.length);
      const reader = new ChunkReader(this.path, this.handle, hash, onBytes);
      for (const entry of this.entries) {
        const how = take(entry);
        if (how === 'skip') {
          if (hash !== undefined) await reader.skip(entry);
        } else tensors.set(entry.name, await reader.tensor(entry, how === 'transposed'));
      }
      return tensors;
    } finally {
      await this.close();
    }
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

/** Moves bytes from the file into float32, a chunk at a time. */
class ChunkReader {
  private scratch?: ArrayBuffer;

  constructor(
    private readonly path: string,
    private readonly handle: FileHandle,
    private readonly hash: Hash | undefined,
    private readonly onBytes: ((bytes: number) => void) | undefined,
  ) {}

  async skip({ begin, end }: TensorEntry): Promise<void> {
    for (let at = begin; at < end; at += chunkBytes) {
      await this.fill(new Uint8Array(this.buffer(chunkBytes), 0, Math.min(chunkBytes, end - at)), at);
    }
  }

  async tensor(entry: TensorEntry, transposed: boolean): Promise<Tensor> {
    const { name, shape, begin, end } = entry;
    const dtype = readableType(this.path, entry);
    if (transposed && shape.length !== 2) {
      throw new ModelError({
        where: this.path,
        what: `tensor '${name}' is no matrix`,
        got: `[${shape}]`,
        next: damaged,
      });
    }
    const data = new Float32Array((end - begin) / bytesPer[dtype]);
    if (dtype === 'F32' && !transposed) {
      const bytes = new Uint8Array(data.buffer);
      for (let at = 0; at < bytes.length; at += chunkBytes) {
        await this.fill(bytes.subarray(at, at + chunkBytes), begin + at);
        this.requireFinite(data.subarray(at / 4, (at + chunkBytes) / 4), name);
      }
      return { shape, data };
    }

    const [rows, columns] = transposed ? shape : [data.length, 1];
    const rowBytes = columns * bytesPer[dtype];
    const rowsPerChunk = Math.max(1, Math.floor(chunkBytes / rowBytes));
    const floats = dtype === 'F32' || !transposed ? undefined : new Float32Array(rowsPerChunk * columns);
    for (let row = 0; row < rows; row += rowsPerChunk) {
      const n = Math.min(rowsPerChunk, rows - row);
      const raw = this.buffer(Math.max(chunkBytes, rowBytes));
      await this.fill(new Uint8Array(raw, 0, n * rowBytes), begin + row * rowBytes);
      const values = dtype === 'F32' ? new Float32Array(raw, 0, n * columns) : (floats ?? data);
      if (dtype !== 'F32') widen(dtype, new Uint16Array(raw, 0, n * columns), values, transposed ? 0 : row);
      this.requireFinite(transposed ? values.subarray(0, n * columns) : data.subarray(row, row + n), name);
      if (transposed) transposeBlock(values, 0, columns, data, row, rows, n, columns);
    }
    return { shape: transposed ? [columns, rows] : shape, data };
  }

  private requireFinite(values: Float32Array, name: string): void {
    const next = 'the weights are broken or damaged; fetch or train them again';
    requireFinite(values, name, { where: this.path, next });
  }

  private buffer(bytes: number): ArrayBuffer {
    if (this.scratch === undefined || this.scratch.byteLength < bytes) this.scratch = new ArrayBuffer(bytes);
    return this.scratch;
  }

  private async fill(target: Uint8Array, position: number): Promise<void> {
    await readFully(this.path, this.handle, target, position);
    this.hash?.update(target);
    this.onBytes?.(target.length);
  }
}

/**
 * The element type of a tensor.
 *
 * @throws ModelError when it is none that can be made float32, e.g. I8
 */
export function readableType(path: string, { name, dtype }: TensorEntry): Dtype {
  if (dtype in bytesPer) return dtype as Dtype;
  throw new ModelError({
    where: path,
    what: `tensor '${name}' has an element type that cannot be read`,
    expected: Object.keys(bytesPer).join(', '),
    got: dtype,
    next: 'use the unquantised weights of this model, or a GGUF file',
  });
}

async function openForReading(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const what = code === 'ENOENT' ? 'no such file' : `cannot be read (${message})`;
    throw new ModelError({ where: path, what, next: 'check the path of the model' }, { cause: error });
  }
}

async function readFully(
  path: string,
  handle: FileHandle,
  target: Uint8Array,
  position: number,
): Promise<void> {
  for (let done = 0; done < target.length; ) {
    const { bytesRead } = await handle.read(target, done, target.length - done, position + done);
    if (bytesRead === 0) {
      throw new ModelError({
        where: path,
        what: 'the file ended while it was read',
        expected: `${target.length} bytes at ${position}`,
        got: String(done),
        next: damaged,
      });
    }
    done += bytesRead;
  }
}

/** The length field and the header, checked against the size of the file. */
async function readHead(path: string, handle: FileHandle, size: number): Promise<Uint8Array> {
  if (size < 8) {
    throw new ModelError({
      where: path,
      what: 'too short for a safetensors file',
      expected: 'at least 8 bytes',
      got: String(size),
      next: damaged,
    });
  }
  const length = new Uint8Array(8);
  await readFully(path, handle, length, 0);
  const headerBytes = Number(new DataView(length.buffer).getBigUint64(0, true));
  if (headerBytes > size - 8 || headerBytes > longestHeader) {
    throw new ModelError({
      where: path,
      what: 'the header is longer than the file',
      expected: `at most ${Math.min(size - 8, longestHeader)} bytes`,
      got: String(headerBytes),
      next: `${damaged}, and check that it is safetensors`,
    });
  }
  const head = new Uint8Array(8 + headerBytes);
  head.set(length);
  await readFully(path, handle, head.subarray(8), 8);
  return head;
}

function parseHeader(
  path: string,
  text: Uint8Array,
  dataStart: number,
  size: number,
): { entries: TensorEntry[]; metadata: Record<string, string> } {
  const fail = (what: string, expected?: string, got?: string): never => {
    throw new ModelError({ where: path, what, expected, got, next: damaged });
  };
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text));
  } catch {
    fail('the header is not JSON');
  }
  if (!isRecord(header)) return fail('the header is not a JSON object');
  const { __metadata__: metadata = {}, ...tensors } = header;
  const entries = Object.entries(tensors).map(([name, value]): TensorEntry => {
    const { dtype, shape, data_offsets: offsets } = isRecord(value) ? value : {};
    if (typeof dtype !== 'string' || !isCounts(shape) || !isCounts(offsets) || offsets.length !== 2) {
      return fail(`the header's entry for '${name}' lacks dtype, shape or data_offsets`);
    }
    return { name, dtype, shape, begin: dataStart + offsets[0], end: dataStart + offsets[1] };
  });
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);

  // The format allows neither holes nor overlaps, so the ends must meet, tensor by tensor.
  let at = dataStart;
  for (const { name, dtype, shape, begin, end } of entries) {
    const where = `bytes ${begin - dataStart} to ${end - dataStart} of the data`;
    if (end < begin) fail(`tensor '${name}' ends before it begins`, undefined, where);
    if (end > size) fail(`truncated inside tensor '${name}'`, `${end} bytes`, String(size));
    if (begin < at) fail(`tensor '${name}' overlaps the one before it`, undefined, where);
    if (begin > at) fail(`there is a hole before tensor '${name}'`, undefined, where);
    const bytes = shape.reduce((a, b) => a * b, elementBytes[dtype] ?? Number.NaN);
    if (bytes !== end - begin && !Number.isNaN(bytes)) {
      fail(`tensor '${name}' has the wrong size`, `${bytes} bytes for ${dtype} [${shape}]`, `${end - begin}`);
    }
    at = end;
  }
  if (at !== size) fail('the file continues after its last tensor', `${at} bytes`, String(size));
  const strings = isRecord(metadata) ? Object.entries(metadata) : [];
  return { entries, metadata: Object.fromEntries(strings.map(([key, value]) => [key, String(value)])) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}
