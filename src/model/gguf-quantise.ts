/**
 * Float32 to GGUF's number formats: F32, F16, BF16, Q8_0 and Q4_0.
 *
 * Bit for bit what ggml's reference (ggml-quants.c) and the `gguf` Python package write, float32 arithmetic included.
 * The K-quants need a search, and are left to llama.cpp's llama-quantize; reading them is in gguf-quantisation.ts.
 */
import { narrow } from './floats.js';

/** The formats that can be written, with the values that share a block. */
const encoders = {
  F32: { block: 1, encode: (values: Float32Array) => bytesOf(values) },
  F16: { block: 1, encode: (values: Float32Array) => bytesOf(narrow('F16', values)) },
  BF16: { block: 1, encode: (values: Float32Array) => bytesOf(narrow('BF16', values)) },
  Q8_0: { block: 32, encode: q8_0 },
  Q4_0: { block: 32, encode: q4_0 },
} as const;

/** A number format that can be written. */
export type WritableFormat = keyof typeof encoders;

/** Whether rows of so many values are whole numbers of the format's blocks. */
export const fitsFormat = (format: WritableFormat, columns: number): boolean =>
  columns % encoders[format].block === 0;

/** @param values whole rows, float32; those of F32 are not copied */
export function encodeValues(format: WritableFormat, values: Float32Array): Uint8Array {
  return encoders[format].encode(values);
}

const bytesOf = (array: Float32Array | Uint16Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

// d = max|x| / 127, q = round(x / d), halves away from zero
function q8_0(values: Float32Array): Uint8Array {
  const blocks = values.length / 32;
  const bytes = new Uint8Array(34 * blocks);
  const scales = new Float32Array(blocks);
  for (let b = 0, at = 2; b < blocks; b++, at += 34) {
    let most = 0;
    for (let i = 32 * b; i < 32 * b + 32; i++) most = Math.max(most, Math.abs(values[i]));
    const d = Math.fround(most / 127);
    const inverse = d === 0 ? 0 : Math.fround(1 / d);
    scales[b] = d;
    for (let i = 0; i < 32; i++) {
      const x = Math.fround(values[32 * b + i] * inverse);
      bytes[at + i] = x < 0 ? -Math.floor(-x + 0.5) : Math.floor(x + 0.5);
    }
  }
  return withScales(bytes, scales, 34);
}

// d = x / −8 for the x of largest magnitude, q = x / d + 8, to the nearest of 0 … 15
function q4_0(values: Float32Array): Uint8Array {
  const blocks = values.length / 32;
  const bytes = new Uint8Array(18 * blocks);
  const scales = new Float32Array(blocks);
  for (let b = 0, at = 2; b < blocks; b++, at += 18) {
    let largest = 0;
    for (let i = 32 * b; i < 32 * b + 32; i++)
      if (Math.abs(values[i]) > Math.abs(largest)) largest = values[i];
    const d = Math.fround(largest / -8);
    const inverse = d === 0 ? 0 : Math.fround(1 / d);
    scales[b] = d;
    const level = (x: number) => Math.min(15, Math.trunc(Math.fround(Math.fround(x * inverse) + 8.5)));
    for (let i = 0; i < 16; i++)
      bytes[at + i] = level(values[32 * b + i]) | (level(values[32 * b + 16 + i]) << 4);
  }
  return withScales(bytes, scales, 18);
}

/** Puts each block's scale, as float16, before it. */
function withScales(bytes: Uint8Array, scales: Float32Array, stride: number): Uint8Array {
  const halves = narrow('F16', scales);
  for (let b = 0; b < halves.length; b++) {
    bytes[b * stride] = halves[b] & 0xff;
    bytes[b * stride + 1] = halves[b] >> 8;
  }
  return bytes;
}
