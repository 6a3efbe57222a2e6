/** The numbers of a store's matrices, in float32. */
import { readExactly } from '../files/read-exactly.js';
import type { Tensor } from './model.js';
import type { StoredArray, StoredProduct } from './quantised-store.js';

/**
 * The matrix of a product, all its parts side by side.
 *
 * @param file descriptor of the store's file
 * @returns    [inner, outputs]
 */
export function storedMatrix(file: number, product: StoredProduct): Tensor {
  const { inner, outputs, matrix, scales, offsets, format } = product;
  const shape = [inner, outputs];
  if (!format) return { shape, data: floats(file, matrix) };
  const { bits, blockSize } = format;
  const blocks = inner / blockSize;
  const [q, scale] = [bytes(file, matrix, (inner * outputs * bits) / 8), floats(file, scales!)];
  const offset = offsets && floats(file, offsets);
  const data = new Float32Array(inner * outputs);
  for (let n = 0; n < outputs; n++) {
    for (let block = 0, k = 0; block < blocks; block++) {
      const own = scale[n * blocks + block];
      const lift = offset ? offset[block * outputs + n] : 0;
      for (const end = k + blockSize; k < end; k++) {
        const i = n * inner + k;
        const value = bits === 8 ? q[i] - 128 : ((q[i >> 1] >> (4 * (i & 1))) & 15) - 8;
        data[k * outputs + n] = own * value + lift;
      }
    }
  }
  return { shape, data };
}

function bytes(file: number, { at }: StoredArray, size: number): Uint8Array {
  const data = new Uint8Array(size);
  readExactly(file, data, at);
  return data;
}

function floats(file: number, array: StoredArray): Float32Array {
  const count = array.shape.reduce((size, dim) => size * dim, 1);
  return new Float32Array(bytes(file, array, 4 * count).buffer);
}
