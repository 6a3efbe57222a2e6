/**
 * A model's weights as a frozen copy multiplies with them, in one file that onnxruntime maps.
 *
 * Matrices that read the same input and are quantised alike lie together as one product (queries,
 * keys and values; gate and up), so that they are one multiplication. Arrays begin at multiples of
 * a page. The store is made once from a model file and kept in the cache folder; its index says
 * which file it was made of. Embeddings are not in it: their rows are read from the model file.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { ModelError } from '../errors.js';
import { asSaveError, makeFolder, writeFileAtomic } from '../files/files.js';
import { readJson } from '../files/json-file.js';
import { removeLeftovers, temporaryName } from '../files/leftovers.js';
import type { Projection } from './architectures/architecture.js';
import type { ModelConfig } from './config.js';
import { requireFinite } from './finite.js';
import { weightShapes } from './layout.js';
import { projectionName } from './lora-modules.js';
import type { BlockFormat, RowPlace } from './quantised-blocks.js';

/** Changes whenever files of an earlier version would be read wrongly. */
const version = 4;
const pageSize = 4096;
/** Name of the file of arrays in a store's folder. */
export const weightsFile = 'weights.bin';
const indexFile = 'index.json';
const headerFile = 'header.json';

/** An array in the store's file. */
export interface StoredArray {
  readonly dtype: 'uint8' | 'float32';
  readonly shape: readonly number[];
  /** Place of its first byte. */
  readonly at: number;
}

/** Matrices that are one multiplication: y = x·W (+ bias) for all parts side by side. */
export interface StoredProduct {
  /** Names as in Hugging Face's files, without `.weight`, and how many outputs each has. */
  readonly parts: readonly { readonly name: string; readonly outputs: number }[];
  readonly inner: number;
  readonly outputs: number;
  /** Absent: float32. */
  readonly format?: BlockFormat;
  /** q [outputs, inner/block, bytes]; in float32 the matrix itself, [inner, outputs]. */
  readonly matrix: StoredArray;
  /** [outputs, inner/block] */
  readonly scales?: StoredArray;
  /** [inner/block, outputs] */
  readonly offsets?: StoredArray;
  /** [outputs] */
  readonly bias?: StoredArray;
}

export interface StoreIndex {
  readonly version: number;
  /** The model file that it was made of; another size or time is another file. */
  readonly source: { readonly path: string; readonly size: number; readonly modified: number };
  /** SHA-256 of the model file, hex. */
  readonly hash: string;
  /** Size of the store's file. */
  readonly bytes: number;
  readonly products: readonly StoredProduct[];
  /** Norms and tables, by name with `.weight`. */
  readonly vectors: Readonly<Record<string, StoredArray>>;
  /** Place of as many bytes 0x88 as there are pairs of blocks in the largest matrix of 4 bits: what its weights of 0 are. */
  readonly middles: number;
}

/** An index and where its file lies. */
export interface QuantisedStore extends StoreIndex {
  readonly folder: string;
  readonly file: string;
}

/** A matrix [rows, K] of a model file, a row for each output. */
export interface MatrixSource {
  readonly rows: number;
  readonly K: number;
  /** Absent: its rows are written as float32. */
  readonly format?: BlockFormat;
  /** Writes all rows. */
  repack(place: RowPlace): void;
  /** Writes all rows of a float32 matrix, transposed: [K, stride], from column `at` on. */
  floats(into: Float32Array, stride: number, at: number): void;
}

/** What a store is made of. */
export interface StoreSource {
  /** The model file or folder. */
  readonly path: string;
  /** SHA-256 of its weights. Default: of the file. */
  readonly hash?: string;
  matrix(name: string): MatrixSource;
  /** What norms multiply with, and biases. */
  vector(name: string): Float32Array;
  /** What is kept beside the weights, so that it need not be read from the model file again; can be JSON. */
  readonly header?: unknown;
  /** Further tensors that are kept as they are: an embedding that the model file has in no readable form. */
  readonly tables?: readonly string[];
}

/** Where stores lie, and which of a model's is meant. */
export interface StorePlace {
  /** Folder of all stores. */
  readonly cache: string;
  /** What float weights were rounded to. Absent: nothing was rounded. */
  readonly variant?: string;
}

/**
 * Makes the store of a model; a former one of it is replaced.
 *
 * @throws SaveError when the cache cannot be written; ModelError when weights are not finite
 */
export function makeStore(source: StoreSource, config: ModelConfig, place: StorePlace): QuantisedStore {
  const { folder, cache } = placeOf(source.path, place);
  const made = join(cache, temporaryName('store'));
  makeFolder(made);
  try {
    tidy(cache);
    const index = writeStore(made, source, config);
    rmSync(folder, { recursive: true, force: true });
    renameSync(made, folder);
    return { ...index, folder, file: join(folder, weightsFile) };
  } catch (error) {
    rmSync(made, { recursive: true, force: true });
    throw error instanceof ModelError ? error : asSaveError(folder, error);
  }
}

/** Removes what killed processes left, and stores whose model is no longer there. */
function tidy(cache: string): void {
  removeLeftovers(cache);
  for (const name of readdirSync(cache).filter((one) => /^[0-9a-f]{32}$/.test(one))) {
    const index = indexIn(join(cache, name));
    if (!index || !existsSync(index.source.path)) rmSync(join(cache, name), { recursive: true, force: true });
  }
}

/** The store that was made of a file as it is now; undefined when there is none. */
export function findStore(path: string, place: StorePlace): QuantisedStore | undefined {
  const { folder } = placeOf(path, place);
  const file = join(folder, weightsFile);
  const index = indexIn(folder);
  if (!index || !existsSync(file) || statSync(file).size !== index.bytes) return undefined;
  const { size, modified } = stamp(path);
  const fits = index.source.size === size && index.source.modified === modified;
  return fits ? { ...index, folder, file } : undefined;
}

/** The index of a store; undefined where it is missing, damaged or of another version: stores are made again. */
function indexIn(folder: string): StoreIndex | undefined {
  const index = soundJson(join(folder, indexFile)) as StoreIndex | undefined;
  return index?.version === version ? index : undefined;
}

/** Undefined where a file is missing or damaged. */
function soundJson(path: string): unknown {
  try {
    return readJson(path);
  } catch (error) {
    if (error instanceof ModelError) return undefined;
    throw error;
  }
}

function placeOf(path: string, { cache, variant = '' }: StorePlace): { cache: string; folder: string } {
  const key = createHash('sha256')
    .update(`${resolve(path)}\0${variant}`)
    .digest('hex');
  return { cache, folder: join(cache, key.slice(0, 32)) };
}

/** Of a folder: of its files, all together. */
function stamp(path: string): StoreIndex['source'] {
  const isFolder = statSync(path).isDirectory();
  const files = isFolder ? readdirSync(path).map((name) => join(path, name)) : [path];
  const stats = files.map((file) => statSync(file)).filter((stat) => stat.isFile());
  const size = stats.reduce((sum, stat) => sum + stat.size, 0);
  return { path: resolve(path), size, modified: Math.max(...stats.map(({ mtimeMs }) => mtimeMs)) };
}

/** The products of a model: which matrices are multiplied together. */
function productsOf(config: ModelConfig, source: StoreSource): string[][] {
  const { projections } = config.architecture;
  const together: readonly (readonly Projection[])[] = [
    ['q_proj', 'k_proj', 'v_proj'],
    ['gate_proj', 'up_proj'],
  ];
  const products: string[][] = [];
  const same = (a: string, b: string) => {
    const [x, y] = [source.matrix(a).format, source.matrix(b).format];
    return x !== undefined && JSON.stringify(x) === JSON.stringify(y);
  };
  for (let layer = 0; layer < config.layers; layer++) {
    for (const [i, projection] of projections.entries()) {
      const name = projectionName(layer, projection);
      const before = i > 0 ? projections[i - 1] : undefined;
      const joins = together.some((group) => before && group.includes(before) && group.includes(projection));
      const last = products.at(-1);
      if (joins && last && same(last[0], name)) last.push(name);
      else products.push([name]);
    }
  }
  products.push([config.tied ? 'model.embed_tokens' : 'lm_head']);
  return products;
}

function writeStore(folder: string, source: StoreSource, config: ModelConfig): StoreIndex {
  const before = stamp(source.path);
  const hash = source.hash ?? hashOf(source.path);
  const products: StoredProduct[] = [];
  const vectors: Record<string, StoredArray> = {};
  let [end, middles] = [0, 0];
  const place = (dtype: StoredArray['dtype'], shape: readonly number[]): StoredArray => {
    const at = Math.ceil(end / pageSize) * pageSize;
    end = at + shape.reduce((size, dim) => size * dim, dtype === 'uint8' ? 1 : 4);
    return { dtype, shape, at };
  };
  const pieces = function* (): Generator<Uint8Array> {
    let written = 0;
    const piece = function* ({ array, data }: Written) {
      yield new Uint8Array(array.at - written);
      yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      written = array.at + data.byteLength;
    };
    for (const names of productsOf(config, source)) {
      const { product, arrays } = readProduct(names, source, config, place);
      products.push(product);
      for (const one of arrays) yield* piece(one);
    }
    for (const [name, shape] of weightShapes(config)) {
      const kept = (shape.length === 1 && !name.endsWith('.bias')) || source.tables?.includes(name);
      if (!kept) continue;
      const data = finite(source.vector(name), name, source.path);
      vectors[name] = place('float32', shape);
      yield* piece({ array: vectors[name], data });
    }
    const pairs = products.map(({ format, inner, outputs }) =>
      format?.bits === 4 ? Math.ceil((outputs * inner) / format.blockSize / 2) : 0,
    );
    const data = new Uint8Array(Math.max(...pairs)).fill(0x88);
    const array = place('uint8', [data.length]);
    middles = array.at;
    yield* piece({ array, data });
  };
  writeFileAtomic(join(folder, weightsFile), pieces());
  const index: StoreIndex = { version, source: before, hash, bytes: end, products, vectors, middles };
  if (source.header !== undefined) writeFileAtomic(join(folder, headerFile), json(source.header));
  writeFileAtomic(join(folder, indexFile), JSON.stringify(index));
  return index;
}

interface Written {
  readonly array: StoredArray;
  readonly data: Uint8Array | Float32Array;
}

function readProduct(
  names: readonly string[],
  source: StoreSource,
  config: ModelConfig,
  place: (dtype: StoredArray['dtype'], shape: readonly number[]) => StoredArray,
): { product: StoredProduct; arrays: Written[] } {
  const matrices = names.map((name) => source.matrix(name));
  const [{ K, format }] = matrices;
  const outputs = matrices.reduce((sum, { rows }) => sum + rows, 0);
  const parts = names.map((name, i) => ({ name, outputs: matrices[i].rows }));
  const arrays: Written[] = [];
  const write = (data: Uint8Array | Float32Array, shape: readonly number[]) => {
    if (data instanceof Float32Array) finite(data, names.join(', '), source.path);
    const array = place(data instanceof Float32Array ? 'float32' : 'uint8', shape);
    arrays.push({ array, data });
    return array;
  };
  const shapes = weightShapes(config);
  const biased = names.filter((name) => shapes.has(`${name}.bias`));
  const bias = biased.length === 0 ? undefined : biasOf(names, matrices, source, shapes);

  let at = 0;
  if (format === undefined) {
    const matrix = new Float32Array(K * outputs);
    for (const one of matrices) {
      one.floats(matrix, outputs, at);
      at += one.rows;
    }
    return {
      product: {
        ...{ parts, inner: K, outputs, matrix: write(matrix, [K, outputs]) },
        ...(bias ? { bias: write(bias, [outputs]) } : {}),
      },
      arrays,
    };
  }
  const blocks = K / format.blockSize;
  const into = {
    q: new Uint8Array((outputs * K * format.bits) / 8),
    scales: new Float32Array(outputs * blocks),
    ...(format.offsets ? { offsets: new Float32Array(blocks * outputs) } : {}),
  };
  for (const one of matrices) {
    const first = at;
    one.repack({ into, stride: outputs, rowOf: (row) => first + row });
    at += one.rows;
  }
  const product: StoredProduct = {
    ...{ parts, inner: K, outputs, format },
    matrix: write(into.q, [outputs, blocks, (format.blockSize * format.bits) / 8]),
    scales: write(into.scales, [outputs, blocks]),
    ...(into.offsets ? { offsets: write(into.offsets, [blocks, outputs]) } : {}),
    ...(bias ? { bias: write(bias, [outputs]) } : {}),
  };
  return { product, arrays };
}

/** The biases of parts side by side, zeros where a part has none. */
function biasOf(
  names: readonly string[],
  matrices: readonly MatrixSource[],
  source: StoreSource,
  shapes: ReadonlyMap<string, readonly number[]>,
): Float32Array {
  const all = names.map((name, i) =>
    shapes.has(`${name}.bias`) ? source.vector(`${name}.bias`) : new Float32Array(matrices[i].rows),
  );
  const bias = new Float32Array(all.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const one of all) {
    bias.set(one, at);
    at += one.length;
  }
  return bias;
}

/** Whole numbers of 64 bits become numbers: GGUF's are sizes and token ids. */
const json = (value: unknown): string =>
  JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? Number(one) : one));

/** What was kept beside the weights; undefined where it is damaged. */
export function headerOf({ folder }: QuantisedStore): unknown {
  return soundJson(join(folder, headerFile));
}

function finite(values: Float32Array, name: string, where: string): Float32Array {
  requireFinite(values, name, { where, next: 'the file is broken or damaged; fetch it again' });
  return values;
}

function hashOf(path: string): string {
  const hash = createHash('sha256');
  const buffer = new Uint8Array(1 << 22);
  const file = openSync(path, 'r');
  try {
    for (let read = 1; read > 0; ) {
      read = readSync(file, buffer, 0, buffer.length, null);
      hash.update(buffer.subarray(0, read));
    }
  } finally {
    closeSync(file);
  }
  return hash.digest('hex');
}
