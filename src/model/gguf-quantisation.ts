/**
 * GGUF's number formats, back to float32.
 *
 * One row of a table per format: how many values a block holds, how many bytes it takes,
 * and a loop that unpacks blocks. The layouts are those of ggml-quants.c. Every product
 * here is exact in float64 and rounds once on its way into the Float32Array, so results
 * equal those of the `gguf` Python package bit for bit. The importance-matrix (IQ),
 * ternary and 2/3-bit formats are left out.
 */
import { widen } from './floats.js';

/** How blocks of one format are laid out, and how they are unpacked. */
export interface Quantisation {
  readonly name: string;
  /** Values in a block; a row holds a whole number of blocks. */
  readonly blockSize: number;
  /** Bytes of a block. */
  readonly blockBytes: number;
  /**
   * Unpacks `count` values (a whole number of blocks).
   *
   * @param bytes blocks, one after the other; its memory begins at a multiple of 4
   * @param out   float32, written from `at`
   */
  readonly dequantise: (bytes: Uint8Array, out: Float32Array, at: number, count: number) => void;
}

const f32: Quantisation['dequantise'] = (bytes, out, at, count) => {
  out.set(new Float32Array(bytes.buffer, bytes.byteOffset, count), at);
};

const f16: Quantisation['dequantise'] = (bytes, out, at, count) => {
  widen('F16', new Uint16Array(bytes.buffer, bytes.byteOffset, count), out, at);
};

const bf16: Quantisation['dequantise'] = (bytes, out, at, count) => {
  widen('BF16', new Uint16Array(bytes.buffer, bytes.byteOffset, count), out, at);
};

// x = d·q, q int8
const q8_0: Quantisation['dequantise'] = (bytes, out, at, count) => {
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let block = 0, o = at; o < at + count; block += 34, o += 32) {
    const d = half(bytes, block);
    for (let i = 0; i < 32; i++) out[o + i] = d * signed[block + 2 + i];
  }
};

// x = d·(q − 8); the low nibbles are the first half of the block
const q4_0: Quantisation['dequantise'] = (bytes, out, at, count) => {
  for (let block = 0, o = at; o < at + count; block += 18, o += 32) {
    const d = half(bytes, block);
    for (let i = 0; i < 16; i++) {
      const q = bytes[block + 2 + i];
      out[o + i] = d * ((q & 15) - 8);
      out[o + 16 + i] = d * ((q >> 4) - 8);
    }
  }
};

// x = d·q + m
const q4_1: Quantisation['dequantise'] = (bytes, out, at, count) => {
  for (let block = 0, o = at; o < at + count; block += 20, o += 32) {
    const d = half(bytes, block);
    const m = half(bytes, block + 2);
    for (let i = 0; i < 16; i++) {
      const q = bytes[block + 4 + i];
      out[o + i] = d * (q & 15) + m;
      out[o + 16 + i] = d * (q >> 4) + m;
    }
  }
};

// x = d·(q − 16); the fifth bits are in one 32-bit word
const q5_0: Quantisation['dequantise'] = (bytes, out, at, count) => {
  for (let block = 0, o = at; o < at + count; block += 22, o += 32) {
    const d = half(bytes, block);
    const high = word(bytes, block + 2);
    for (let i = 0; i < 16; i++) {
      const q = bytes[block + 6 + i];
      out[o + i] = d * (((q & 15) | (((high >>> i) & 1) << 4)) - 16);
      out[o + 16 + i] = d * (((q >> 4) | (((high >>> (i + 16)) & 1) << 4)) - 16);
    }
  }
};

// x = d·q + m
const q5_1: Quantisation['dequantise'] = (bytes, out, at, count) => {
  for (let block = 0, o = at; o < at + count; block += 24, o += 32) {
    const d = half(bytes, block);
    const m = half(bytes, block + 2);
    const high = word(bytes, block + 4);
    for (let i = 0; i < 16; i++) {
      const q = bytes[block + 8 + i];
      out[o + i] = d * ((q & 15) | (((high >>> i) & 1) << 4)) + m;
      out[o + 16 + i] = d * ((q >> 4) | (((high >>> (i + 16)) & 1) << 4)) + m;
    }
  }
};

// Super-blocks of 256: x = (d·scale)·q − (dmin·min), eight sub-blocks of 32 with 6-bit scale and min.
const q4_k: Quantisation['dequantise'] = (bytes, out, at, count) => {
  for (let block = 0, o = at; o < at + count; block += 144, o += 256) {
    const d = half(bytes, block);
    const dmin = half(bytes, block + 2);
    for (let sub = 0; sub < 8; sub++) {
      const scale = d * subScale(bytes, block + 4, sub);
      const min = dmin * subMin(bytes, block + 4, sub);
      // Sub-blocks 2g and 2g+1 share 32 bytes: low nibbles, then high nibbles.
      const q = block + 16 + 32 * (sub >> 1);
      const shift = 4 * (sub & 1);
      for (let i = 0; i < 32; i++) out[o + 32 * sub + i] = scale * ((bytes[q + i] >> shift) & 15) - min;
    }
  }
};

// As Q4_K, with a fifth bit: bit `sub` of qh[i].
const q5_k: Quantisation['dequantise'] = (bytes, out, at, count) => {
  for (let block = 0, o = at; o < at + count; block += 176, o += 256) {
    const d = half(bytes, block);
    const dmin = half(bytes, block + 2);
    const high = block + 16;
    for (let sub = 0; sub < 8; sub++) {
      const scale = d * subScale(bytes, block + 4, sub);
      const min = dmin * subMin(bytes, block + 4, sub);
      const q = block + 48 + 32 * (sub >> 1);
      const shift = 4 * (sub & 1);
      for (let i = 0; i < 32; i++) {
        const value = ((bytes[q + i] >> shift) & 15) | (((bytes[high + i] >> sub) & 1) << 4);
        out[o + 32 * sub + i] = scale * value - min;
      }
    }
  }
};

// Super-blocks of 256: x = d·scale·(q − 32), sixteen int8 scales; 4 low bits in ql, 2 high bits in qh.
const q6_k: Quantisation['dequantise'] = (bytes, out, at, count) => {
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let block = 0, o = at; o < at + count; block += 210, o += 256) {
    const d = half(bytes, block + 208);
    for (let part = 0; part < 8; part++) {
      // Eight runs of 32; each half of the block (four runs) has its own 64 bytes of ql and 32 of qh.
      const quarter = part & 3;
      const low = block + 64 * (part >> 2) + 32 * (quarter & 1);
      const high = block + 128 + 32 * (part >> 2);
      const lowShift = 4 * (quarter >> 1);
      const highShift = 2 * quarter;
      const scales = block + 192 + 2 * part;
      for (let i = 0; i < 32; i++) {
        const q = ((bytes[low + i] >> lowShift) & 15) | (((bytes[high + i] >> highShift) & 3) << 4);
        out[o + 32 * part + i] = d * signed[scales + (i >> 4)] * (q - 32);
      }
    }
  }
};

/** The formats that can be read, by ggml's type number. */
export const quantisations: ReadonlyMap<number, Quantisation> = new Map([
  [0, { name: 'F32', blockSize: 1, blockBytes: 4, dequantise: f32 }],
  [1, { name: 'F16', blockSize: 1, blockBytes: 2, dequantise: f16 }],
  [2, { name: 'Q4_0', blockSize: 32, blockBytes: 18, dequantise: q4_0 }],
  [3, { name: 'Q4_1', blockSize: 32, blockBytes: 20, dequantise: q4_1 }],
  [6, { name: 'Q5_0', blockSize: 32, blockBytes: 22, dequantise: q5_0 }],
  [7, { name: 'Q5_1', blockSize: 32, blockBytes: 24, dequantise: q5_1 }],
  [8, { name: 'Q8_0', blockSize: 32, blockBytes: 34, dequantise: q8_0 }],
  [12, { name: 'Q4_K', blockSize: 256, blockBytes: 144, dequantise: q4_k }],
  [13, { name: 'Q5_K', blockSize: 256, blockBytes: 176, dequantise: q5_k }],
  [14, { name: 'Q6_K', blockSize: 256, blockBytes: 210, dequantise: q6_k }],
  [30, { name: 'BF16', blockSize: 1, blockBytes: 2, dequantise: bf16 }],
]);

/** Scale of sub-block `sub`: twelve bytes hold eight scales and eight minima of six bits each. */
export function subScale(bytes: Uint8Array, at: number, sub: number): number {
  if (sub < 4) return bytes[at + sub] & 63;
  return (bytes[at + sub + 4] & 15) | ((bytes[at + sub - 4] >> 6) << 4);
}

/** Minimum of sub-block `sub`, see `subScale`. */
export function subMin(bytes: Uint8Array, at: number, sub: number): number {
  if (sub < 4) return bytes[at + sub + 4] & 63;
  return (bytes[at + sub + 4] >> 4) | ((bytes[at + sub] >> 6) << 4);
}

/** A 32-bit word, little-endian. */
export function word(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

/** A float16, little-endian. */
export function half(bytes: Uint8Array, at: number): number {
  return HALF[bytes[at] | (bytes[at + 1] << 8)];
}

/** Every float16, by its bits. */
const HALF = new Float32Array(65536);
widen(
  'F16',
  Uint16Array.from({ length: 65536 }, (_, bits) => bits),
  HALF,
);
