/**
 * The weights of a model as they lie in its files, some rows at a time: for what writes them again.
 *
 * Rows come as float32 in Hugging Face's order and layout, a linear layer as [out, in]; the bytes of a tensor as they
 * lie there can be had as well. The whole model is never in memory. Reading it into memory is weights.ts and gguf.ts.
 */
import { createHash } from 'node:crypto';
import { closeSync, createReadStream, openSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { verifyChecksums } from '../files/checksums.js';
import { readExactly } from '../files/read-exactly.js';
import type { ModelConfig } from './config.js';
import { requireFinite } from './finite.js';
import { ggufHead } from './gguf.js';
import { describeHeader, type GgufHeader, type ParsedHeader, parseGgufHeader } from './gguf-header.js';
import { type Quantisation, quantisations } from './gguf-quantisation.js';
import { ggufPlan, rowOrder } from './gguf-weights.js';
import { isNorm } from './layout.js';
import type { NamedModel } from './model.js';
import { checksumsOf, hashWeights, openWeights, readHead } from './weights.js';

/** One tensor of a model's files. */
export interface StoredTensor {
  /** In Hugging Face's layout: [out, in], [vocabulary, width] or [width]. */
  readonly shape: readonly number[];
  /** Its number format, by its name in gguf-quantisation.ts. */
  readonly format: string;
  /** Rows that have to be read together: a first row and a number of rows are multiples of it. */
  readonly granule: number;
  /** Whether `bytes` hold what `rows` gives: in a GGUF file rows may lie otherwise, and norms with 1 added. */
  readonly plain: boolean;
  /** Float32 [count × columns] in Hugging Face's order; a vector is one row. @throws ModelError at a value that is not finite */
  rows(first: number, count: number): Float32Array;
  /** Its bytes as they lie in the file, some at a time. */
  bytes(): Iterable<Uint8Array>;
}

/** A model whose weights are read when they are asked for. */
export interface WeightSource extends NamedModel {
  /** `tied` is as the files have it. */
  readonly config: ModelConfig;
  /** By Hugging Face name, in the order of the files. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Where the weights lie in a GGUF file: its header. Absent: in a folder of safetensors. */
  readonly gguf?: { readonly header: GgufHeader; readonly parsed: ParsedHeader };
  close(): void;
}

/** Bytes that are read at a time. */
const bandBytes = 4 << 20;

/**
 * Opens a model folder or a .gguf file, and checks what is there; the caller closes it.
 *
 * @throws ModelError or DamageError as `loadModel`
 */
export async function openWeightSource(path: string): Promise<WeightSource> {
  return path.endsWith('.gguf') ? openFile(path) : openFolder(path);
}

const byName = new Map([...quantisations.values()].map((each) => [each.name, each]));

interface Place {
  readonly file: number;
  readonly at: number;
  readonly shape: readonly number[];
  readonly quantisation: Quantisation;
  readonly where: string;
  readonly name: string;
  /** Hugging Face's row for each row of the file. */
  readonly order?: Int32Array;
  readonly granule?: number;
  /** What is taken from every value. */
  readonly offset?: number;
}

function stored({
  file,
  at,
  shape,
  quantisation,
  where,
  name,
  order,
  granule = 1,
  offset = 0,
}: Place): StoredTensor {
  const [rows, columns] = shape.length === 1 ? [1, shape[0]] : shape;
  const rowBytes = (columns / quantisation.blockSize) * quantisation.blockBytes;
  return {
    ...{ shape, format: quantisation.name, granule, plain: !order && offset === 0 },
    rows: (first, count) => {
      const bytes = new Uint8Array(count * rowBytes);
      readExactly(file, bytes, at + first * rowBytes);
      const values = new Float32Array(count * columns);
      quantisation.dequantise(bytes, values, 0, values.length);
      const next = 'the weights are broken or damaged; fetch or train them again';
      requireFinite(values, name, { where, next });
      if (offset !== 0) for (let i = 0; i < values.length; i++) values[i] -= offset;
      if (!order) return values;
      const ordered = new Float32Array(values.length);
      for (let row = 0; row < count; row++) {
        const to = (order[first + row] - first) * columns;
        ordered.set(values.subarray(row * columns, (row + 1) * columns), to);
      }
      return ordered;
    },
    *bytes() {
      const most = Math.max(1, Math.floor(bandBytes / rowBytes));
      for (let first = 0; first < rows; first += most) {
        const bytes = new Uint8Array(Math.min(most, rows - first) * rowBytes);
        readExactly(file, bytes, at + first * rowBytes);
        yield bytes;
      }
    },
  };
}

async function openFile(path: string): Promise<WeightSource> {
  const parsed = await parseGgufHeader(path);
  const header = describeHeader(path, parsed);
  const { config, tokenizer } = await ggufHead(header);
  const plan = ggufPlan(header, config);
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  const file = openSync(path, 'r');
  const { normOffset } = config.architecture;
  const tensors = [...plan].map(([name, { shape, quantisation, at }]) => {
    const order = rowOrder(header, config, name);
    const own = order ? { order, granule: config.headSize } : {};
    const offset = isNorm(name) ? normOffset : 0;
    const place = { ...{ file, at, shape, quantisation, where: path, name, offset }, ...own };
    return [name, stored(place)] as const;
  });
  return {
    ...{ path, config, tokenizer, hash: hash.digest('hex'), tensors: new Map(tensors) },
    gguf: { header, parsed },
    close: () => closeSync(file),
  };
}

async function openFolder(path: string): Promise<WeightSource> {
  await verifyChecksums(path, checksumsOf(path));
  const { config, tokenizer } = await readHead(path);
  const { files, entries, nameInMemory, both } = await openWeights(path, config);
  await Promise.all(files.map((file) => file.close()));
  const hash = await hashWeights(path);
  const opened = files.map((file) => openSync(file.path, 'r'));
  const tensors = new Map(
    entries.flatMap((some, i) =>
      some.map(({ name, shape, dtype, begin }) => {
        const quantisation = byName.get(dtype)!;
        const where = files[i].path;
        // llama.cpp orders the rows of these heads otherwise: they are written head by head
        const granule = /\.[qk]_proj\.weight$/.test(name) ? config.headSize : 1;
        const place = { file: opened[i], at: begin, shape, quantisation, where, name, granule };
        return [nameInMemory(name), stored(place)] as const;
      }),
    ),
  );
  const tied = both ? same(tensors.get(EMBEDDING)!, tensors.get(HEAD)!) : config.tied;
  if (both && tied) tensors.delete(HEAD);
  return {
    ...{ path, config: { ...config, tied }, tokenizer, hash: hash!, tensors },
    close: () => {
      for (const file of opened) closeSync(file);
    },
  };
}

const EMBEDDING = 'model.embed_tokens.weight';
const HEAD = 'lm_head.weight';

/** Whether two matrices of one shape hold the same numbers. */
function same(a: StoredTensor, b: StoredTensor): boolean {
  const bands = [...bandsOf(a)];
  return bands.every(([first, count]) => {
    const [x, y] = [a.rows(first, count), b.rows(first, count)];
    return x.every((value, i) => value === y[i]);
  });
}

/** First row and number of rows of a tensor's bands, in order: a few megabytes of float32 each. */
export function* bandsOf({
  shape,
  granule,
}: Pick<StoredTensor, 'shape' | 'granule'>): Generator<[first: number, count: number]> {
  const [rows, columns] = shape.length === 1 ? [1, shape[0]] : shape;
  const most = Math.max(1, Math.floor(bandBytes / (4 * columns * granule))) * granule;
  for (let first = 0; first < rows; first += most) yield [first, Math.min(most, rows - first)];
}
