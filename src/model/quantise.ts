/**
 * Float weights quantised for a frozen copy: symmetric blocks of 32, as GGUF's Q8_0 and Q4_0.
 *
 * Norms, biases and the embedding stay float32, as do matrices whose rows are no whole number of blocks.
 */
import { isNorm } from './layout.js';
import type { Model } from './model.js';
import type { BlockFormat, RowPlace } from './quantised-blocks.js';
import type { MatrixSource, StoreSource } from './quantised-store.js';

/** What float weights are rounded to. */
export type Quantisation = 'q8' | 'q4';

const formats: Readonly<Record<Quantisation, BlockFormat>> = {
  q8: { bits: 8, blockSize: 32, offsets: false },
  q4: { bits: 4, blockSize: 32, offsets: false },
};

/** @param to absent: everything stays float32 */
export function floatSource(model: Model, to?: Quantisation): StoreSource {
  const { config, path, hash, weights } = model;
  return {
    ...{ path, hash },
    tables: ['model.embed_tokens.weight'],
    matrix: (name) => {
      const { shape, data } = weights.get(`${name}.weight`)!;
      // the embedding as a head lies [vocab, width], linear layers [in, out]
      const [rows, K] = name === 'model.embed_tokens' ? shape : [shape[1], shape[0]];
      const at =
        name === 'model.embed_tokens'
          ? (r: number, k: number) => r * K + k
          : (r: number, k: number) => k * rows + r;
      return matrixOf(rows, K, (r, k) => data[at(r, k)], to);
    },
    vector: (name) => {
      const { data } = weights.get(name)!;
      const { normOffset } = config.architecture;
      return isNorm(name) && normOffset !== 0 ? data.map((x) => x + normOffset) : data;
    },
  };
}

function matrixOf(
  rows: number,
  K: number,
  weight: (row: number, k: number) => number,
  to: Quantisation | undefined,
): MatrixSource {
  const fits = to !== undefined && K % 32 === 0;
  return {
    ...{ rows, K },
    ...(fits ? { format: formats[to] } : {}),
    repack: ({ into, rowOf }) => {
      const block = new Float64Array(32);
      for (let row = 0; row < rows; row++) {
        for (let b = 0; b < K / 32; b++) {
          for (let i = 0; i < 32; i++) block[i] = weight(row, 32 * b + i);
          (to === 'q8' ? writeEights : writeFours)(block, into, rowOf(row) * (K / 32) + b);
        }
      }
    },
    floats: (into, stride, at) => {
      for (let k = 0; k < K; k++)
        for (let row = 0; row < rows; row++) into[k * stride + at + row] = weight(row, k);
    },
  };
}

/** scale = max|w| / 127 */
function writeEights(block: Float64Array, { q, scales }: RowPlace['into'], at: number): void {
  const scale = Math.fround(block.reduce((most, w) => Math.max(most, Math.abs(w)), 0) / 127);
  scales[at] = scale;
  for (let i = 0; i < 32; i++) q[32 * at + i] = scale === 0 ? 128 : 128 + Math.round(block[i] / scale);
}

/** scale = w of the largest magnitude / −8, so that this one is exact */
function writeFours(block: Float64Array, { q, scales }: RowPlace['into'], at: number): void {
  const largest = block.reduce((most, w) => (Math.abs(w) > Math.abs(most) ? w : most), 0);
  const scale = Math.fround(largest / -8);
  scales[at] = scale;
  const level = (w: number) => (scale === 0 ? 8 : Math.min(15, Math.max(0, Math.round(w / scale) + 8)));
  for (let i = 0; i < 16; i++) q[16 * at + i] = level(block[2 * i]) | (level(block[2 * i + 1]) << 4);
}
