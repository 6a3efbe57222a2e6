/** GGUF's blocks in onnxruntime's form are the same weights. Blocks and values: fixtures/gguf/make.py. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { quantisations } from '../../src/model/gguf-quantisation.js';
import { type BlockFormat, type QuantisedRows, repackings } from '../../src/model/quantised-blocks.js';
import { relativeError } from '../relative-error.js';

const fixtures: Record<string, { bytes: string; values: string }> = JSON.parse(
  readFileSync(new URL('../fixtures/gguf/quantisations.json', import.meta.url), 'utf8'),
);

/** Weight k of a row, as MatMulNBits reads it and with its offset. */
function weightOf(rows: QuantisedRows, { bits, blockSize }: BlockFormat, K: number, row: number, k: number) {
  const at = row * K + k;
  const q = bits === 8 ? rows.q[at] : (rows.q[at >> 1] >> (4 * (at & 1))) & 15;
  const block = Math.floor(k / blockSize);
  const offset = rows.offsets ? rows.offsets[block * rowCount(rows, K, blockSize) + row] : 0;
  return rows.scales[(row * K) / blockSize + block] * (q - 2 ** (bits - 1)) + offset;
}
const rowCount = ({ scales }: QuantisedRows, K: number, blockSize: number) => (scales.length * blockSize) / K;

it.each([...repackings.keys()])('%s', (name) => {
  const { format, repack } = repackings.get(name)!;
  const packed = new Uint8Array(Buffer.from(fixtures[name].bytes, 'base64'));
  const values = new Float32Array(new Uint8Array(Buffer.from(fixtures[name].values, 'base64')).buffer);
  const { blockSize } = [...quantisations.values()].find((each) => each.name === name)!;
  const K = blockSize;
  const rows = values.length / K;
  const blocks = K / format.blockSize;
  const into: QuantisedRows = {
    q: new Uint8Array((rows * K * format.bits) / 8),
    scales: new Float32Array(rows * blocks),
    ...(format.offsets ? { offsets: new Float32Array(rows * blocks) } : {}),
  };
  // rows the other way around, as where a file has them in another order
  repack(packed, rows, K, { into, stride: rows, rowOf: (row) => rows - 1 - row });
  const unpacked = values.map((_, i) => weightOf(into, format, K, rows - 1 - Math.floor(i / K), i % K));
  expect(relativeError(unpacked, values)).toBeLessThanOrEqual(2e-7);
});

it('every format of blocks that can be read can be multiplied with', () => {
  const blocks = [...quantisations.values()].filter(({ blockSize }) => blockSize > 1);
  expect([...repackings.keys()].sort()).toEqual(blocks.map(({ name }) => name).sort());
});
