/** The matrices of a GGUF file as a store takes them: blocks as they are, in another order. */
import { closeSync, openSync } from 'node:fs';
import { readExactly } from '../files/read-exactly.js';
import type { ModelConfig } from './config.js';
import type { GgufHeader, GgufTensor, ParsedHeader } from './gguf-header.js';
import { rowOrder } from './gguf-weights.js';
import { type BlockFormat, repackings } from './quantised-blocks.js';
import type { MatrixSource, StoreSource } from './quantised-store.js';

/** Whether linear layers of a file are in blocks. */
export const isQuantised = ({ tensors }: GgufHeader): boolean =>
  [...tensors].some(
    ([name, { quantisation }]) => name.startsWith('blk.') && repackings.has(quantisation.name),
  );

/** Bytes of the file that are unpacked at a time. */
const bandBytes = 1 << 22;

export class GgufSource implements StoreSource {
  constructor(
    private readonly described: GgufHeader,
    private readonly config: ModelConfig,
    private readonly plan: ReadonlyMap<string, GgufTensor>,
    readonly header: ParsedHeader,
  ) {}

  get path(): string {
    return this.described.path;
  }

  matrix(name: string): MatrixSource {
    const tensor = this.plan.get(`${name}.weight`)!;
    const [rows, K] = tensor.shape;
    const order = rowOrder(this.described, this.config, `${name}.weight`);
    const repacking = repackings.get(tensor.quantisation.name);
    const format: BlockFormat | undefined = repacking?.format;
    return {
      ...{ rows, K },
      ...(format ? { format } : {}),
      repack: ({ into, stride, rowOf }) => {
        this.bands(tensor, (bytes, first, count) => {
          const place = (row: number) => rowOf(order ? order[first + row] : first + row);
          repacking!.repack(bytes, count, K, { into, stride, rowOf: place });
        });
      },
      floats: (into, stride, at) => {
        const values = new Float32Array(Math.ceil(bandBytes / (tensor.bytes / rows)) * K);
        this.bands(tensor, (bytes, first, count) => {
          tensor.quantisation.dequantise(bytes, values, 0, count * K);
          for (let row = 0; row < count; row++) {
            const to = at + (order ? order[first + row] : first + row);
            for (let k = 0; k < K; k++) into[k * stride + to] = values[row * K + k];
          }
        });
      },
    };
  }

  vector(name: string): Float32Array {
    const tensor = this.plan.get(name)!;
    const order = rowOrder(this.described, this.config, name);
    const data = new Float32Array(tensor.shape[0]);
    this.bands({ ...tensor, shape: [1, data.length] }, (bytes) =>
      tensor.quantisation.dequantise(bytes, data, 0, data.length),
    );
    return order ? Float32Array.from(data, (_, i) => data[order.indexOf(i)]) : data;
  }

  /** Reads a tensor's rows some at a time. */
  private bands(
    { shape: [rows], bytes: size, at }: Pick<GgufTensor, 'shape' | 'bytes' | 'at'>,
    unpack: (bytes: Uint8Array, first: number, count: number) => void,
  ): void {
    const rowBytes = size / rows;
    const most = Math.max(1, Math.floor(bandBytes / rowBytes));
    const bytes = new Uint8Array(most * rowBytes);
    const file = openSync(this.path, 'r');
    try {
      for (let first = 0; first < rows; first += most) {
        const count = Math.min(most, rows - first);
        readExactly(file, bytes.subarray(0, count * rowBytes), at + first * rowBytes);
        unpack(bytes, first, count);
      }
    } finally {
      closeSync(file);
    }
  }
}
