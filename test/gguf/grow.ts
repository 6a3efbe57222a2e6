/** GGUF files with more in them: metadata keys and float32 tensors put into the bytes of a whole file. */
import { readFileSync } from 'node:fs';
import { gguf } from '@huggingface/gguf';

/** Whole numbers are written as uint32, others as float32; lists as texts, int32 or float32. */
type Value =
  | number
  | string
  | boolean
  | { readonly float: number }
  | readonly string[]
  | { readonly ints: readonly number[] }
  | { readonly floats: readonly number[] };

/** The bytes of the file with these keys and tensors after the others; of two equal keys the reader takes the last. */
export async function grow(
  path: string,
  keys: Readonly<Record<string, Value>>,
  tensors: Readonly<Record<string, readonly number[]>> = {},
): Promise<Buffer> {
  const bytes = readFileSync(path);
  const { tensorInfoByteRange, tensorDataOffset } = await gguf(path, { allowLocalFile: true });
  const [infoStart, infoEnd] = tensorInfoByteRange;
  const dataStart = Number(tensorDataOffset);
  const parts = Object.entries(keys).map(([key, value]) => Buffer.concat([text(key), typed(value)]));
  const data = [bytes.subarray(dataStart)];
  const infos: Buffer[] = [];
  let at = aligned(bytes.length - dataStart);
  data.push(Buffer.alloc(at - (bytes.length - dataStart)));
  for (const [name, values] of Object.entries(tensors)) {
    const content = Buffer.alloc(aligned(4 * values.length));
    for (const [i, value] of values.entries()) content.writeFloatLE(value, 4 * i);
    infos.push(Buffer.concat([text(name), u32(1), u64(values.length), u32(0), u64(at)]));
    data.push(content);
    at += content.length;
  }
  const head = Buffer.from(bytes.subarray(0, 24));
  head.writeBigUInt64LE(head.readBigUInt64LE(8) + BigInt(infos.length), 8);
  head.writeBigUInt64LE(head.readBigUInt64LE(16) + BigInt(parts.length), 16);
  const header = [
    head,
    bytes.subarray(24, infoStart),
    ...parts,
    bytes.subarray(infoStart, infoEnd),
    ...infos,
  ];
  const size = header.reduce((sum, { length }) => sum + length, 0);
  return Buffer.concat([...header, Buffer.alloc(aligned(size) - size), ...data]);
}

const aligned = (size: number): number => Math.ceil(size / 32) * 32;

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function text(value: string): Buffer {
  return Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
}

function typed(value: Value): Buffer {
  if (typeof value === 'string') return Buffer.concat([u32(8), text(value)]);
  if (typeof value === 'boolean') return Buffer.concat([u32(7), Buffer.from([Number(value)])]);
  if (typeof value === 'number') return Buffer.concat([u32(4), u32(value)]);
  if ('float' in value) return Buffer.concat([u32(6), f32(value.float)]);
  if ('ints' in value) return list(5, value.ints.map(u32));
  if ('floats' in value) return list(6, value.floats.map(f32));
  return list(8, value.map(text));
}

const list = (type: number, items: readonly Buffer[]): Buffer =>
  Buffer.concat([u32(9), u32(type), u64(items.length), ...items]);

function f32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}
