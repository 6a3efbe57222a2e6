/**
 * A model whose weights stay quantised: what a frozen copy needs that only answers.
 *
 * The linear layers lie in a store (quantised-store.ts), which onnxruntime maps; rows of the embedding
 * are read from the model file whenever tokens are.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import type { ChatTokenizer } from '../tokenizer/tokenizer.js';
import { createTokenizer } from '../tokenizer/tokenizer.js';
import type { ModelConfig } from './config.js';
import { configFromGguf } from './gguf-config.js';
import { type GgufHeader, type GgufTensor, readGgufHeader } from './gguf-header.js';
import type { Quantisation } from './gguf-quantisation.js';
import { tokenizerFromGguf } from './gguf-tokenizer.js';
import { ggufPlan, readRopeTensors, rowOrder } from './gguf-weights.js';
import { type BlockFormat, repackings } from './quantised-blocks.js';
import {
  findStore,
  type MatrixSource,
  openStore,
  type QuantisedStore,
  type StoreSource,
} from './quantised-store.js';

/** A model whose linear layers are quantised. */
export interface QuantisedModel {
  /** The file it came from. */
  readonly path: string;
  readonly config: ModelConfig;
  readonly tokenizer: ChatTokenizer;
  /** SHA-256 of the model file, hex. */
  readonly hash: string;
  readonly store: QuantisedStore;
  readonly embedding: EmbeddingRows;
}

/** Rows of the embedding matrix, read from the model file. */
export class EmbeddingRows {
  private readonly file: number;
  private readonly rowBytes: number;
  private readonly bytes: Uint8Array;

  /**
   * @param at    place of the first row in the file
   * @param width numbers of a row
   */
  constructor(
    path: string,
    private readonly at: number,
    private readonly quantisation: Quantisation,
    private readonly width: number,
  ) {
    this.file = openSync(path, 'r');
    this.rowBytes = (width / quantisation.blockSize) * quantisation.blockBytes;
    this.bytes = new Uint8Array(this.rowBytes);
  }

  /** @returns [tokens, width] */
  rows(tokens: ArrayLike<number>): Float32Array {
    const { width, bytes, rowBytes } = this;
    const rows = new Float32Array(tokens.length * width);
    for (let i = 0; i < tokens.length; i++) {
      readSync(this.file, bytes, 0, rowBytes, this.at + tokens[i] * rowBytes);
      this.quantisation.dequantise(bytes, rows, i * width, width);
    }
    return rows;
  }

  close(): void {
    closeSync(this.file);
  }
}

/**
 * Opens a GGUF file whose linear layers are quantised, and makes its store if it has none.
 *
 * @param cache folder of all stores
 * @returns     undefined where none of its linear layers is quantised
 * @throws ModelError not GGUF, truncated, or something in it that cannot be built; SaveError when the
 *   cache cannot be written
 */
export async function openQuantised(path: string, cache: string): Promise<QuantisedModel | undefined> {
  const header = await readGgufHeader(path);
  if (!isQuantised(header)) return undefined;
  const { files, eosTokenIds } = tokenizerFromGguf(header);
  const tokenizer = createTokenizer(files, eosTokenIds);
  const config = configFromGguf(header, tokenizer.eosIds, await readRopeTensors(header));
  const plan = ggufPlan(header, config);
  const store = findStore(path, cache) ?? openStore(new GgufSource(header, config, plan), config, cache);
  const table = plan.get('model.embed_tokens.weight')!;
  const embedding = new EmbeddingRows(path, table.at, table.quantisation, config.width);
  return { path, config, tokenizer, hash: store.hash, store, embedding };
}

const isQuantised = ({ tensors }: GgufHeader): boolean =>
  [...tensors].some(
    ([name, { quantisation }]) => name.startsWith('blk.') && repackings.has(quantisation.name),
  );

/** Bytes of the file that are unpacked at a time. */
const bandBytes = 1 << 22;

class GgufSource implements StoreSource {
  constructor(
    private readonly header: GgufHeader,
    private readonly config: ModelConfig,
    private readonly plan: ReadonlyMap<string, GgufTensor>,
  ) {}

  get path(): string {
    return this.header.path;
  }

  matrix(name: string): MatrixSource {
    const tensor = this.plan.get(`${name}.weight`)!;
    const [rows, K] = tensor.shape;
    const order = rowOrder(this.header, this.config, `${name}.weight`);
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
    const order = rowOrder(this.header, this.config, name);
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
        readSync(file, bytes, 0, count * rowBytes, at + first * rowBytes);
        unpack(bytes, first, count);
      }
    } finally {
      closeSync(file);
    }
  }
}
