/**
 * Quantised matrices as onnxruntime multiplies with them, and GGUF's blocks brought into that form
 * without loss.
 *
 * A row of K weights is cut into blocks. A weight is scale·(q − 2^(bits−1)) + offset, with one
 * scale and, in formats that have a minimum, one offset for its block. q and the scales are what
 * `MatMulNBits` takes; the offsets are a matrix of their own, since y = x·W gains
 * Σ_blocks offset·Σ x over the block, which is a product of K/block sums. The number formats are
 * described in gguf-quantisation.ts.
 */
import { half, subMin, subScale, word } from './gguf-quantisation.js';

/** How a matrix is quantised. */
export interface BlockFormat {
  readonly bits: 4 | 8;
  /** Weights along K that share a scale. */
  readonly blockSize: 16 | 32;
  /** Whether blocks have an offset. */
  readonly offsets: boolean;
}

/** Rows of quantised matrices, one after another; each is an output of the product. */
export interface QuantisedRows {
  /** [rows, K/block, block·bits/8]; of two nibbles the lower is the earlier weight. */
  readonly q: Uint8Array;
  /** [rows, K/block] */
  readonly scales: Float32Array;
  /** [K/block, stride]: column r is row r's. */
  readonly offsets?: Float32Array;
}

/** Where repacked rows go. */
export interface RowPlace {
  readonly into: QuantisedRows;
  /** Columns of `into.offsets`. */
  readonly stride: number;
  /** Row of `into` for each row that is unpacked. */
  readonly rowOf: (row: number) => number;
}

/** A GGUF format's form, and how its blocks are brought into it. */
export interface Repacking {
  readonly format: BlockFormat;
  /** @param bytes `rows` rows of K weights in the file's form; their memory begins at a multiple of 4 */
  repack(bytes: Uint8Array, rows: number, K: number, place: RowPlace): void;
}

/** Unpacks one block of the file: writes q of `count` weights, and scale and offset of each block that it becomes. */
type Block = (bytes: Uint8Array, at: number, out: BlockOut) => void;

interface BlockOut {
  readonly q: Uint8Array;
  qAt: number;
  readonly scales: Float32Array;
  scaleAt: number;
  /** Offsets of the block's sub-blocks, in order. */
  readonly offsets: Float64Array;
}

function repacking(
  format: BlockFormat,
  file: { readonly size: number; readonly bytes: number },
  block: Block,
): Repacking {
  const { bits, blockSize } = format;
  return {
    format,
    repack(bytes, rows, K, { into, stride, rowOf }) {
      const perRow = K / file.size;
      const parts = file.size / blockSize;
      const out: BlockOut = {
        ...{ q: into.q, scales: into.scales, qAt: 0, scaleAt: 0 },
        offsets: new Float64Array(parts),
      };
      for (let row = 0; row < rows; row++) {
        const to = rowOf(row);
        out.qAt = (to * K * bits) / 8;
        out.scaleAt = (to * K) / blockSize;
        for (let b = 0; b < perRow; b++) {
          block(bytes, (row * perRow + b) * file.bytes, out);
          out.qAt += (file.size * bits) / 8;
          out.scaleAt += parts;
          if (!into.offsets) continue;
          for (let part = 0; part < parts; part++) {
            into.offsets[(b * parts + part) * stride + to] = out.offsets[part];
          }
        }
      }
    },
  };
}

const plain = (bits: 4 | 8, blockSize: 16 | 32 = 32): BlockFormat => ({ bits, blockSize, offsets: false });
const shifted = (bits: 4 | 8): BlockFormat => ({ bits, blockSize: 32, offsets: true });

/** 32 nibbles: the lower ones of 16 bytes, then the higher ones. */
function nibbles(bytes: Uint8Array, from: number, q: Uint8Array, at: number): void {
  for (let i = 0; i < 8; i++) {
    const [a, b] = [bytes[from + 2 * i], bytes[from + 2 * i + 1]];
    q[at + i] = (a & 15) | ((b & 15) << 4);
    q[at + 8 + i] = (a >> 4) | (b & 0xf0);
  }
}

/** 32 weights of 5 bits: nibbles as above, the fifth bits in one word. @returns q + 112: 16 becomes 128 */
function fives(bytes: Uint8Array, from: number, high: number, q: Uint8Array, at: number): void {
  for (let i = 0; i < 16; i++) {
    const byte = bytes[from + i];
    q[at + i] = ((byte & 15) | (((high >>> i) & 1) << 4)) + 112;
    q[at + 16 + i] = ((byte >> 4) | (((high >>> (i + 16)) & 1) << 4)) + 112;
  }
}

/** Formats by their name in gguf-quantisation.ts. */
export const repackings: ReadonlyMap<string, Repacking> = new Map([
  [
    'Q8_0',
    repacking(plain(8), { size: 32, bytes: 34 }, (bytes, at, out) => {
      out.scales[out.scaleAt] = half(bytes, at);
      for (let i = 0; i < 32; i++) out.q[out.qAt + i] = bytes[at + 2 + i] ^ 128;
    }),
  ],
  [
    'Q4_0',
    repacking(plain(4), { size: 32, bytes: 18 }, (bytes, at, out) => {
      out.scales[out.scaleAt] = half(bytes, at);
      nibbles(bytes, at + 2, out.q, out.qAt);
    }),
  ],
  [
    'Q4_1',
    repacking(shifted(4), { size: 32, bytes: 20 }, (bytes, at, out) => {
      const d = half(bytes, at);
      out.scales[out.scaleAt] = d;
      out.offsets[0] = 8 * d + half(bytes, at + 2);
      nibbles(bytes, at + 4, out.q, out.qAt);
    }),
  ],
  [
    'Q5_0',
    repacking(plain(8), { size: 32, bytes: 22 }, (bytes, at, out) => {
      out.scales[out.scaleAt] = half(bytes, at);
      fives(bytes, at + 6, word(bytes, at + 2), out.q, out.qAt);
    }),
  ],
  [
    'Q5_1',
    repacking(shifted(8), { size: 32, bytes: 24 }, (bytes, at, out) => {
      const d = half(bytes, at);
      out.scales[out.scaleAt] = d;
      out.offsets[0] = 16 * d + half(bytes, at + 2);
      fives(bytes, at + 8, word(bytes, at + 4), out.q, out.qAt);
    }),
  ],
  [
    'Q4_K',
    repacking(shifted(4), { size: 256, bytes: 144 }, (bytes, at, out) => {
      kScales(bytes, at, 8, out);
      for (let pair = 0; pair < 4; pair++) {
        // two sub-blocks share 32 bytes: the lower nibbles, then the higher ones
        const from = at + 16 + 32 * pair;
        const to = out.qAt + 32 * pair;
        for (let i = 0; i < 16; i++) {
          const [a, b] = [bytes[from + 2 * i], bytes[from + 2 * i + 1]];
          out.q[to + i] = (a & 15) | ((b & 15) << 4);
          out.q[to + 16 + i] = (a >> 4) | (b & 0xf0);
        }
      }
    }),
  ],
  [
    'Q5_K',
    repacking(shifted(8), { size: 256, bytes: 176 }, (bytes, at, out) => {
      kScales(bytes, at, 16, out);
      for (let sub = 0; sub < 8; sub++) {
        const from = at + 48 + 32 * (sub >> 1);
        const shift = 4 * (sub & 1);
        const to = out.qAt + 32 * sub;
        for (let i = 0; i < 32; i++) {
          const high = ((bytes[at + 16 + i] >> sub) & 1) << 4;
          out.q[to + i] = (((bytes[from + i] >> shift) & 15) | high) + 112;
        }
      }
    }),
  ],
  [
    'Q6_K',
    repacking(plain(8, 16), { size: 256, bytes: 210 }, (bytes, at, out) => {
      const d = half(bytes, at + 208);
      for (let s = 0; s < 16; s++) out.scales[out.scaleAt + s] = (d * (bytes[at + 192 + s] << 24)) / 2 ** 24;
      for (let part = 0; part < 8; part++) {
        const quarter = part & 3;
        const low = at + 64 * (part >> 2) + 32 * (quarter & 1);
        const high = at + 128 + 32 * (part >> 2);
        const [lowShift, highShift] = [4 * (quarter >> 1), 2 * quarter];
        const to = out.qAt + 32 * part;
        for (let i = 0; i < 32; i++) {
          const q = ((bytes[low + i] >> lowShift) & 15) | (((bytes[high + i] >> highShift) & 3) << 4);
          // q − 32 around 128
          out.q[to + i] = q + 96;
        }
      }
    }),
  ],
]);

/** Scales and offsets of a K-quant's eight sub-blocks. @param middle the q that the offset is taken from */
function kScales(bytes: Uint8Array, at: number, middle: number, out: BlockOut): void {
  const [d, dmin] = [half(bytes, at), half(bytes, at + 2)];
  for (let sub = 0; sub < 8; sub++) {
    const scale = d * subScale(bytes, at + 4, sub);
    out.scales[out.scaleAt + sub] = scale;
    out.offsets[sub] = middle * scale - dmin * subMin(bytes, at + 4, sub);
  }
}
