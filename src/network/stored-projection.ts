/**
 * Matrices in blocks (model/quantised-blocks.ts) as training multiplies with them: brought to float32
 * where they are needed, and no longer kept than that. Dettmers et al. 2023, arXiv:2305.14314 (QLoRA).
 */
import { firstElement } from '../autodiff/checkpoint.js';
import { dequantizeRows } from '../graph/frozen-ops.js';
import type { Graph, Value } from '../graph/graph.js';
import {
  add,
  cast,
  concat,
  expand,
  filled,
  gather,
  gemm,
  matMul,
  mul,
  reduceSum,
  reshape,
  scalar,
  slice,
  sub,
  swapLastAxes,
} from '../graph/ops.js';
import type { BlockFormat } from '../model/quantised-blocks.js';
import {
  type QuantisedStore,
  type StoredArray,
  type StoredProduct,
  weightsFile,
} from '../model/quantised-store.js';
import { type FrozenMatrices, joined, parts } from './frozen-projection.js';
import { type Int8Matrix, int8Matrices } from './int8-projection.js';
import type { OutputHead } from './output-head.js';

/** Most weights of a head that are float32 at once. */
const headWeights = 32e6;

/** Rows of a matrix in blocks. */
interface Blocks {
  readonly rows: number;
  /** [N, inner] → [N, rows] */
  times(x: Value): Value;
  /** [N, rows] → [N, inner] */
  back(g: Value): Value;
}

/** Constants of a graph that lie in a store. */
export class StoredConstants {
  private readonly known = new Map<string, Value>();

  constructor(
    readonly graph: Graph,
    private readonly store: QuantisedStore,
    /** Scalar input that is fed 0: see `after`. */
    private readonly zero: Value,
  ) {}

  array(name: string, { dtype, shape, at }: StoredArray): Value {
    return this.constant(name, dtype, shape, at);
  }

  /**
   * The matrices of a product, in the order of its parts.
   *
   * @param rounded the whole product's, where that is multiplied with instead
   */
  product(product: StoredProduct, rounded?: Int8Matrix): FrozenMatrices {
    const { parts: layers, inner, outputs, matrix, bias } = product;
    const [{ name }] = layers;
    const sizes = layers.map(({ outputs }) => outputs);
    const gradient = (grads: readonly (Value | null)[]) => {
      const [arrived] = grads.filter((grad) => grad !== null);
      const all = grads.map((g, i) => g ?? filled(arrived, [arrived.shape[0], sizes[i]], 0));
      return joined(all, 1);
    };
    const added = bias && this.array(`${name}.bias`, bias);
    const biased = (y: Value) => parts(added ? add(y, added) : y, sizes);
    if (rounded) {
      const whole = int8Matrices([rounded]);
      return { times: (x) => biased(whole.times(x)[0]), back: (grads) => whole.back([gradient(grads)]) };
    }
    if (!product.format) {
      const W = this.constant(`${name}.weight`, 'float32', [inner, outputs], matrix.at);
      return {
        times: (x) => biased(matMul(x, W)),
        back: (grads) => matMul(gradient(grads), W, { transB: true }),
      };
    }
    const blocks = this.blocks(product, 0, outputs);
    return { times: (x) => biased(blocks.times(x)), back: (grads) => blocks.back(gradient(grads)) };
  }

  /**
   * A head whose rows are those of a product; they become float32 some at a time.
   *
   * @param mostWeights that are float32 at once
   */
  head(product: StoredProduct, cap: number | undefined, mostWeights = headWeights): OutputHead {
    const { parts: layers, inner, outputs, matrix, format } = product;
    const [{ name }] = layers;
    if (!format) {
      const W = this.constant(`${name}.weight`, 'float32', [inner, outputs], matrix.at);
      return {
        cap,
        products: (hidden) => matMul(hidden, W),
        mixed: (weights) => matMul(weights, W, { transB: true }),
        rows: (tokens) => gather(swapLastAxes(W), tokens),
      };
    }
    const most = Math.max(1, Math.floor(mostWeights / inner));
    const pieces: Blocks[] = [];
    for (let first = 0; first < outputs; first += most)
      pieces.push(this.blocks(product, first, Math.min(most, outputs - first)));
    return {
      cap,
      products: (hidden) =>
        joined(
          pieces.map((piece) => piece.times(hidden)),
          1,
        ),
      mixed: (weights) => {
        const columns = parts(
          weights,
          pieces.map(({ rows }) => rows),
        );
        return columns.map((column, i) => pieces[i].back(column)).reduce(add);
      },
      rows: (tokens) => this.rowsOf(product, format, tokens),
    };
  }

  /** Rows of a product's matrix: int64 [C] → [C, inner]. */
  private rowsOf(product: StoredProduct, format: BlockFormat, tokens: Value): Value {
    const { inner, outputs, matrix, scales, offsets } = product;
    const [{ name }] = product.parts;
    const [C] = tokens.shape;
    const { bits, blockSize } = format;
    const blocks = inner / blockSize;
    const bytes = gather(
      this.constant(`${name}.bytes`, 'uint8', [outputs, (inner * bits) / 8], matrix.at),
      tokens,
    );
    const raw = bits === 8 ? cast(bytes, 'float32') : nibbles(bytes);
    const q = sub(raw, scalar(raw, 2 ** (bits - 1)));
    const own = reshape(gather(this.array(`${name}.scales`, scales!), tokens), [C, blocks, 1]);
    const plain = mul(reshape(q, [C, blocks, blockSize]), own);
    const lifted = offsets
      ? add(
          plain,
          reshape(gather(swapLastAxes(this.array(`${name}.offsets`, offsets)), tokens), [C, blocks, 1]),
        )
      : plain;
    return reshape(lifted, [C, inner]);
  }

  /** Rows of a product's matrix from `first` on, each an output. */
  private blocks(product: StoredProduct, first: number, rows: number): Blocks {
    const { inner, outputs, matrix, scales, offsets, format } = product;
    const [{ name }] = product.parts;
    const { bits, blockSize } = format!;
    const blocks = inner / blockSize;
    const part = rows === outputs ? name : `${name}.${first}+${rows}`;
    const count = rows * blocks;
    const place = matrix.at + (first * inner * bits) / 8;
    const q = this.constant(`${part}.q`, bits === 4 ? 'uint4' : 'uint8', [count, blockSize], place);
    const scale = this.constant(`${part}.q.scales`, 'float32', [count], scales!.at + 4 * first * blocks);
    const middles = this.middles(bits, count);
    const matrixAfter = (x: Value) =>
      reshape(dequantizeRows(q, this.after(scale, x), middles), [rows, inner]);
    const lift = offsets && this.array(`${name}.offsets`, offsets);
    const own = lift && (rows === outputs ? lift : slice(lift, 1, first, first + rows));
    return {
      rows,
      times: (x) => {
        const y = matMul(x, matrixAfter(x), { transB: true });
        if (!own) return y;
        const sums = reduceSum(reshape(x, [x.shape[0], blocks, blockSize]), [2]);
        return gemm(sums, own, y);
      },
      back: (g) => {
        const dx = matMul(g, matrixAfter(g));
        if (!own) return dx;
        const [N] = dx.shape;
        const perBlock = reshape(matMul(g, own, { transB: true }), [N, blocks, 1]);
        return reshape(add(reshape(dx, [N, blocks, blockSize]), perBlock), [N, inner]);
      },
    };
  }

  /** What q of weight 0 is, for each block. */
  private middles(bits: 4 | 8, blocks: number): Value {
    if (bits === 4) return this.constant(`middles.${blocks}`, 'uint4', [blocks], this.store.middles);
    return expand(this.graph.constant([128], 'uint8'), [blocks]);
  }

  /**
   * The same value, but not before x is there: x·0 is added. Equal products in the forward pass and the
   * backward one would else be merged, and their float32 matrix kept in between; see `checkpoint`.
   */
  private after(value: Value, x: Value): Value {
    return add(value, mul(firstElement(x), this.zero));
  }

  private constant(
    name: string,
    dtype: StoredArray['dtype'] | 'uint4',
    shape: readonly number[],
    at: number,
  ): Value {
    const known = this.known.get(name);
    if (known) return known;
    const value = this.graph.fromFile(name, dtype, shape, weightsFile, at);
    this.known.set(name, value);
    return value;
  }
}

/** Numbers of 4 bits, the lower of each byte first: uint8 [C, K/2] → float32 [C, K]. */
function nibbles(bytes: Value): Value {
  const [C, half] = bytes.shape;
  const both = cast(bytes, 'float32');
  const high = cast(cast(mul(both, scalar(both, 1 / 16)), 'int64'), 'float32');
  const low = sub(both, mul(high, scalar(high, 16)));
  const apart = [low, high].map((x) => reshape(x, [C, half, 1]));
  return reshape(concat(apart, 2), [C, 2 * (half as number)]);
}
