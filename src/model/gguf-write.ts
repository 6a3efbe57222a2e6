/**
 * Writing GGUF files (version 3, little-endian): metadata, where every tensor lies, the tensors.
 *
 * Produces pieces rather than one block of bytes: a tensor's own bytes are made while they are written. What the
 * metadata says is decided elsewhere (gguf-metadata.ts, gguf-tokenizer-write.ts); entries of another file are taken
 * over byte for byte (gguf-entries.ts). Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
 */
import type { ParsedHeader } from './gguf-header.js';
import { quantisations } from './gguf-quantisation.js';

/** A value of the metadata: what it says, and its bytes, the type before them. */
export interface GgufEntry {
  readonly value: unknown;
  readonly bytes: Uint8Array;
}

/** A tensor to be written. */
export interface GgufContent {
  readonly name: string;
  /** Outermost dimension first. */
  readonly shape: readonly number[];
  /** Number format, by its name in gguf-quantisation.ts. */
  readonly format: string;
  /** Its bytes in order, made when they are asked for. */
  readonly pieces: () => Iterable<Uint8Array>;
}

/** Where tensors begin: at multiples of so many bytes. */
const alignment = 32;

const bytesOf = (size: number, write: (view: DataView) => void): Uint8Array => {
  const bytes = new Uint8Array(size);
  write(new DataView(bytes.buffer));
  return bytes;
};
const u32Bytes = (value: number) => bytesOf(4, (view) => view.setUint32(0, value, true));
const i32Bytes = (value: number) => bytesOf(4, (view) => view.setInt32(0, value, true));
const f32Bytes = (value: number) => bytesOf(4, (view) => view.setFloat32(0, value, true));
const u64Bytes = (value: number) => bytesOf(8, (view) => view.setBigUint64(0, BigInt(value), true));
const textBytes = (value: string) => Buffer.concat([u64Bytes(Buffer.byteLength(value)), Buffer.from(value)]);

const entry = (type: number, value: unknown, ...bytes: Uint8Array[]): GgufEntry => ({
  value,
  bytes: Buffer.concat([u32Bytes(type), ...bytes]),
});
const list = (type: number, value: readonly unknown[], items: Uint8Array[]): GgufEntry =>
  entry(9, value, u32Bytes(type), u64Bytes(items.length), ...items);

/** Makers of metadata values, by their types in GGUF. */
export const ggufValue = {
  u32: (value: number): GgufEntry => entry(4, value, u32Bytes(value)),
  f32: (value: number): GgufEntry => entry(6, Math.fround(value), f32Bytes(value)),
  bool: (value: boolean): GgufEntry => entry(7, value, Uint8Array.of(value ? 1 : 0)),
  text: (value: string): GgufEntry => entry(8, value, textBytes(value)),
  i32s: (values: readonly number[]): GgufEntry => list(5, values, values.map(i32Bytes)),
  f32s: (values: readonly number[]): GgufEntry => list(6, values.map(Math.fround), values.map(f32Bytes)),
  texts: (values: readonly string[]): GgufEntry => list(8, values, values.map(textBytes)),
};

const numbers = new Map([...quantisations].map(([number, each]) => [each.name, { ...each, number }]));

/** Bytes of a tensor. @throws Error when a row is no whole number of blocks */
function sizeOf({ name, shape, format }: GgufContent): number {
  const { blockSize, blockBytes } = numbers.get(format)!;
  if (shape.at(-1)! % blockSize !== 0) throw new Error(`internal: rows of ${name} do not fit ${format}`);
  return (shape.reduce((product, size) => product * size, 1) / blockSize) * blockBytes;
}

const aligned = (size: number): number => Math.ceil(size / alignment) * alignment;

interface Header {
  readonly bytes: Uint8Array;
  /** Place of each tensor in the file. */
  readonly places: readonly number[];
  /** Bytes of the whole file. */
  readonly size: number;
}

function header(entries: ReadonlyMap<string, GgufEntry>, tensors: readonly GgufContent[]): Header {
  const start = [Buffer.from('GGUF'), u32Bytes(3), u64Bytes(tensors.length), u64Bytes(entries.size)];
  const metadata = [...entries].flatMap(([key, { bytes }]) => [textBytes(key), bytes]);
  const offsets: number[] = [];
  let at = 0;
  const infos = tensors.flatMap((tensor) => {
    const { name, shape, format } = tensor;
    offsets.push(at);
    const place = u64Bytes(at);
    at += aligned(sizeOf(tensor));
    const type = u32Bytes(numbers.get(format)!.number);
    return [textBytes(name), u32Bytes(shape.length), ...shape.toReversed().map(u64Bytes), type, place];
  });
  const whole = Buffer.concat([...start, ...metadata, ...infos]);
  const bytes = Buffer.concat([whole, new Uint8Array(aligned(whole.length) - whole.length)]);
  return { bytes, places: offsets.map((offset) => bytes.length + offset), size: bytes.length + at };
}

/** What our reader will find in the file: its header, before a byte of it is written. */
export function plannedHeader(
  entries: ReadonlyMap<string, GgufEntry>,
  tensors: readonly GgufContent[],
): ParsedHeader {
  const { bytes, places, size } = header(entries, tensors);
  const values = [...entries].map(([key, { value }]) => [key, value] as const);
  return {
    metadata: { version: 3, ...Object.fromEntries(values) },
    tensors: tensors.map(({ name, shape, format }, i) => ({
      ...{ name, shape: shape.toReversed(), type: numbers.get(format)!.number, at: places[i] },
    })),
    ...{ littleEndian: true, end: bytes.length, size },
  };
}

/** The bytes of a GGUF file. @throws whatever a tensor's pieces throw */
export function* ggufPieces(
  entries: ReadonlyMap<string, GgufEntry>,
  tensors: readonly GgufContent[],
): Generator<Uint8Array> {
  yield header(entries, tensors).bytes;
  for (const tensor of tensors) {
    const size = sizeOf(tensor);
    let written = 0;
    for (const piece of tensor.pieces()) {
      written += piece.length;
      yield piece;
    }
    if (written !== size) throw new Error(`internal: ${tensor.name} has ${written} bytes, not ${size}`);
    if (aligned(size) > size) yield new Uint8Array(aligned(size) - size);
  }
}

/** Bytes of the file that `ggufPieces` makes. */
export function ggufSize(entries: ReadonlyMap<string, GgufEntry>, tensors: readonly GgufContent[]): number {
  return header(entries, tensors).size;
}
