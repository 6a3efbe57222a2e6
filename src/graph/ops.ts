/**
 * The ONNX operators that we use, as functions from values to values.
 *
 * Each infers its output shape and refuses operands that do not fit, naming the node's
 * scope. Spellings are ONNX's. Contributed (`com.microsoft`) operators run in float32
 * only; what they compute is said in terms of the plain ones.
 */
import { ShapeError } from '../errors.js';
import { type Attribute, type DType, requireSameShape, type Value } from './graph.js';
import { broadcastShapes, type Dim, normalizeAxis, product, type Shape, sameShape } from './shape.js';

/** Operators with a gradient; each has its rule in autodiff/rules, or that folder does not compile. */
export type DifferentiableOperator =
  | ('Add' | 'Sub' | 'Mul' | 'Div' | 'Neg' | 'Exp' | 'Log' | 'Sqrt' | 'Sigmoid' | 'Softplus' | 'Tanh')
  | ('QuickGelu' | 'FastGelu' | 'Identity' | 'Where' | 'Cast' | 'ReduceSum' | 'ReduceMean' | 'Softmax')
  | ('MatMul' | 'FusedMatMul' | 'Gemm' | 'SimplifiedLayerNormalization' | 'RotaryEmbedding')
  | ('Reshape' | 'Transpose' | 'Expand' | 'Concat' | 'Slice' | 'Split' | 'Gather');

/** Operators through which no gradient flows: what they return is constant, or nothing trained depends on it. */
export type ConstantOperator = 'Equal' | 'GreaterOrEqual' | 'And' | 'Or' | 'ScatterElements' | 'Shape';

/** Operators that have a gradient that nobody needed so far: differentiating them throws. */
export type ForwardOperator =
  | ('ReduceMax' | 'ArgMax' | 'MatMulNBits')
  | (
      | 'Abs'
      | 'QuantizeLinear'
      | 'DequantizeLinear'
      | 'MatMulIntegerToFloat'
      | 'SkipSimplifiedLayerNormalization'
    );

export type Operator = DifferentiableOperator | ConstantOperator | ForwardOperator;

// --- elementwise ----------------------------------------------------------------------

function binary(op: Operator, a: Value, b: Value, dtype: DType = a.dtype): Value {
  if (a.dtype !== b.dtype) {
    throw new ShapeError({ where: op, what: `${a} and ${b} differ in dtype` });
  }
  const shape = broadcastShapes(a.shape, b.shape, `${op} of ${a.name} and ${b.name}`);
  return a.graph.node(op, [a, b], [{ dtype, shape }])[0];
}

function unary(op: Operator, x: Value): Value {
  return x.graph.node(op, [x], [{ dtype: x.dtype, shape: x.shape }])[0];
}

export const add = (a: Value, b: Value): Value => binary('Add', a, b);
export const sub = (a: Value, b: Value): Value => binary('Sub', a, b);
export const mul = (a: Value, b: Value): Value => binary('Mul', a, b);
export const div = (a: Value, b: Value): Value => binary('Div', a, b);
export const neg = (x: Value): Value => unary('Neg', x);
export const exp = (x: Value): Value => unary('Exp', x);
export const log = (x: Value): Value => unary('Log', x);
export const sqrt = (x: Value): Value => unary('Sqrt', x);
export const sigmoid = (x: Value): Value => unary('Sigmoid', x);
/** log(1 + eˣ). The kernel exists in float32 only. */
export const softplus = (x: Value): Value =>
  x.graph.fused ? unary('Softplus', x) : log(add(exp(x), scalar(x, 1)));
export const tanh = (x: Value): Value => unary('Tanh', x);
/** Has no gradient here: used to find the scale of numbers that are rounded. */
export const abs = (x: Value): Value => unary('Abs', x);
export const identity = (x: Value): Value => unary('Identity', x);

/** x·σ(αx); with α = 1 this is SiLU. Contributed, float32. */
export function quickGelu(x: Value, alpha = 1): Value {
  return x.graph.node(
    'QuickGelu',
    [x],
    [{ dtype: x.dtype, shape: x.shape }],
    { alpha: { float: alpha } },
    'com.microsoft',
  )[0];
}

/** x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2. Hendrycks and Gimpel 2016, arXiv:1606.08415. Contributed, float32. */
export function fastGelu(x: Value): Value {
  return x.graph.node('FastGelu', [x], [{ dtype: x.dtype, shape: x.shape }], {}, 'com.microsoft')[0];
}

export const equal = (a: Value, b: Value): Value => binary('Equal', a, b, 'bool');
export const greaterOrEqual = (a: Value, b: Value): Value => binary('GreaterOrEqual', a, b, 'bool');
export const and = (a: Value, b: Value): Value => binary('And', a, b, 'bool');
export const or = (a: Value, b: Value): Value => binary('Or', a, b, 'bool');

/** `a` where the condition holds, else `b`; all three broadcast. */
export function where(condition: Value, a: Value, b: Value): Value {
  const name = `Where of ${condition.name}`;
  const shape = broadcastShapes(condition.shape, broadcastShapes(a.shape, b.shape, name), name);
  return a.graph.node('Where', [condition, a, b], [{ dtype: a.dtype, shape }])[0];
}

const onnxType: Record<DType, number> = {
  ...{ float32: 1, uint8: 2, int8: 3 },
  ...{ int64: 7, bool: 9, float64: 11, uint4: 21 },
};

export function cast(x: Value, dtype: DType): Value {
  return x.dtype === dtype
    ? x
    : x.graph.node('Cast', [x], [{ dtype, shape: x.shape }], { to: onnxType[dtype] })[0];
}

/** A scalar constant of the dtype of `like`. */
export const scalar = (like: Value, number: number): Value => like.graph.constant(number, like.dtype);

// --- reductions -----------------------------------------------------------------------

function reduce(op: Operator, x: Value, axes: readonly number[], keepdims: boolean): Value {
  const normal = axes.map((axis) => normalizeAxis(axis, x.shape.length, op));
  const shape: Dim[] = [];
  for (const [axis, dim] of x.shape.entries()) {
    if (!normal.includes(axis)) shape.push(dim);
    else if (keepdims) shape.push(1);
  }
  return x.graph.node(op, [x, x.graph.constant(normal, 'int64')], [{ dtype: x.dtype, shape }], {
    keepdims: keepdims ? 1 : 0,
  })[0];
}

export const reduceSum = (x: Value, axes: readonly number[], keepdims = false): Value =>
  reduce('ReduceSum', x, axes, keepdims);
export const reduceMean = (x: Value, axes: readonly number[], keepdims = false): Value =>
  reduce('ReduceMean', x, axes, keepdims);
/** Has no gradient here: used for statistics and inside composites. */
export const reduceMax = (x: Value, axes: readonly number[], keepdims = false): Value =>
  reduce('ReduceMax', x, axes, keepdims);

/** Softmax over the last axis. */
export const softmax = (x: Value): Value =>
  x.graph.node('Softmax', [x], [{ dtype: x.dtype, shape: x.shape }], { axis: -1 })[0];

// --- matrix products ------------------------------------------------------------------

export interface MatMulOptions {
  readonly transA?: boolean;
  readonly transB?: boolean;
  /** Factor on the product. */
  readonly alpha?: number;
}

/**
 * alpha·op(A)·op(B) over the last two axes; leading axes broadcast. op transposes the last
 * two axes where asked. One `FusedMatMul` in a fused graph, plain operators otherwise.
 */
export function matMul(a: Value, b: Value, options: MatMulOptions = {}): Value {
  const { transA = false, transB = false, alpha = 1 } = options;
  const shape = productShape(a, b, transA, transB);
  if (!transA && !transB && alpha === 1)
    return a.graph.node('MatMul', [a, b], [{ dtype: a.dtype, shape }])[0];
  if (a.graph.fused) {
    return a.graph.node(
      'FusedMatMul',
      [a, b],
      [{ dtype: a.dtype, shape }],
      { transA: Number(transA), transB: Number(transB), alpha: { float: alpha } },
      'com.microsoft',
    )[0];
  }
  const left = transA ? swapLastAxes(a) : a;
  const right = transB ? swapLastAxes(b) : b;
  const result = a.graph.node('MatMul', [left, right], [{ dtype: a.dtype, shape }])[0];
  return alpha === 1 ? result : mul(result, scalar(result, alpha));
}

/** Shape of op(A)·op(B). @throws ShapeError when the inner sizes differ */
export function productShape(a: Value, b: Value, transA: boolean, transB: boolean): Dim[] {
  const where = `MatMul of ${a.name} [${a.shape}] and ${b.name} [${b.shape}]`;
  if (a.shape.length < 2 || b.shape.length < 2) throw new ShapeError({ where, what: 'rank below 2' });
  const [m, k] = transA ? [a.shape.at(-1)!, a.shape.at(-2)!] : [a.shape.at(-2)!, a.shape.at(-1)!];
  const [k2, n] = transB ? [b.shape.at(-1)!, b.shape.at(-2)!] : [b.shape.at(-2)!, b.shape.at(-1)!];
  if (k !== k2) {
    const hint =
      (transB ? b.shape.at(-2) : b.shape.at(-1)) === k ? ` (did you mean transB=${Number(!transB)}?)` : '';
    throw new ShapeError({
      where,
      what: `inner sizes ${k} and ${k2} differ (transA=${Number(transA)}, transB=${Number(transB)})${hint}`,
    });
  }
  return [...broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2), where), m, n];
}

/**
 * alpha·A·op(B) where B holds its rows outside the batch: B [K, ...batch, N] is read as
 * [...batch, K, N] without being moved; A likewise where `leftToo`. Batch axes of size 1 broadcast. For inference: it has no gradient.
 */
export function matMulRowsFirst(
  a: Value,
  b: Value,
  options: Omit<MatMulOptions, 'transA'> & { readonly leftToo?: boolean } = {},
): Value {
  const { transB = false, alpha = 1, leftToo = false } = options;
  const rank = b.shape.length;
  const order = [...Array.from({ length: rank - 2 }, (_, i) => i + 1), 0, rank - 1];
  const left = leftToo ? order.map((axis) => a.shape[axis]) : a.shape;
  if (!a.graph.fused) return matMul(leftToo ? transpose(a, order) : a, transpose(b, order), options);
  const [rows, columns] = [b.shape[0], b.shape[rank - 1]];
  const shape = [...left.slice(0, -1), transB ? rows : columns];
  return a.graph.node(
    'FusedMatMul',
    [a, b],
    [{ dtype: a.dtype, shape }],
    { transB: Number(transB), transBatchA: Number(leftToo), transBatchB: 1, alpha: { float: alpha } },
    'com.microsoft',
  )[0];
}

export function swapLastAxes(x: Value): Value {
  const axes = x.shape.map((_, axis) => axis);
  axes.push(...axes.splice(-2).reverse());
  return transpose(x, axes);
}

/** alpha·op(A)·op(B) + C, matrices only; C broadcasts to the product. */
export function gemm(a: Value, b: Value, c: Value, options: MatMulOptions = {}): Value {
  const { transA = false, transB = false, alpha = 1 } = options;
  const shape = productShape(a, b, transA, transB);
  if (shape.length !== 2 || !sameShape(broadcastShapes(shape, c.shape, 'Gemm'), shape)) {
    throw new ShapeError({
      where: `Gemm of ${a.name} and ${b.name}`,
      what: `C [${c.shape}] does not fit [${shape}]`,
    });
  }
  return a.graph.node('Gemm', [a, b, c], [{ dtype: a.dtype, shape }], {
    transA: Number(transA),
    transB: Number(transB),
    alpha: { float: alpha },
    beta: { float: 1 },
  })[0];
}

// --- shape ----------------------------------------------------------------------------

/** The same elements in another shape. Symbolic sizes are looked up at run time. */
export function reshape(x: Value, shape: Shape): Value {
  if (sameShape(x.shape, shape)) return x;
  if (product(x.shape) !== product(shape)) {
    throw new ShapeError({
      where: `Reshape of ${x.name}`,
      what: `[${x.shape}] has not as many elements as [${shape}]`,
    });
  }
  const vector = x.graph.shapeVector(shape, x.shape);
  return x.graph.node('Reshape', [x, vector], [{ dtype: x.dtype, shape }])[0];
}

export function transpose(x: Value, perm: readonly number[]): Value {
  const shape = perm.map((axis) => x.shape[axis]);
  return x.graph.node('Transpose', [x], [{ dtype: x.dtype, shape }], { perm })[0];
}

/** Repeats axes of size 1 up to `shape`. */
export function expand(x: Value, shape: Shape): Value {
  if (sameShape(x.shape, shape)) return x;
  const full = broadcastShapes(x.shape, shape, `Expand of ${x.name}`);
  const parts = full.map((dim) =>
    typeof dim === 'number' ? x.graph.constant([dim], 'int64') : x.graph.dim(dim),
  );
  const vector = full.every((dim) => typeof dim === 'number')
    ? x.graph.constant(full as number[], 'int64')
    : x.graph.node('Concat', parts, [{ dtype: 'int64', shape: [full.length] }], { axis: 0 })[0];
  return x.graph.node('Expand', [x, vector], [{ dtype: x.dtype, shape: full }])[0];
}

export function concat(values: readonly Value[], axis: number): Value {
  const [first] = values;
  const normal = normalizeAxis(axis, first.shape.length, 'Concat');
  const sizes = values.map((value) => value.shape[normal]);
  const total = sizes.every((size) => typeof size === 'number')
    ? sizes.reduce<number>((sum, size) => sum + (size as number), 0)
    : sizes.join('+');
  const shape = first.shape.map((dim, i) => (i === normal ? total : dim));
  return first.graph.node('Concat', values, [{ dtype: first.dtype, shape }], { axis: normal })[0];
}

/** Elements `start` to `end` (exclusive) of one axis of known size. */
export function slice(x: Value, axis: number, start: number, end: number): Value {
  const normal = normalizeAxis(axis, x.shape.length, 'Slice');
  const size = x.shape[normal];
  if (typeof size !== 'number' || start < 0 || end > size || start >= end) {
    throw new ShapeError({
      where: `Slice of ${x.name}`,
      what: `${start}..${end} does not lie in size ${size}`,
    });
  }
  return part(x, axis, start, end, end - start);
}

/**
 * Elements `start` to `end` (exclusive) of an axis whose size may be symbolic; `size` of them.
 * For inference: it has no gradient.
 */
export function part(x: Value, axis: number, start: number, end: number, size: Dim): Value {
  const normal = normalizeAxis(axis, x.shape.length, 'Slice');
  const shape = x.shape.map((dim, i) => (i === normal ? size : dim));
  const int = (number: number) => x.graph.constant([number], 'int64');
  return x.graph.node('Slice', [x, int(start), int(end), int(normal)], [{ dtype: x.dtype, shape }])[0];
}

/** The parts of these sizes along an axis, one after another. */
export function split(x: Value, axis: number, sizes: readonly number[]): Value[] {
  const normal = normalizeAxis(axis, x.shape.length, 'Split');
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (x.shape[normal] !== total) {
    throw new ShapeError({
      where: `Split of ${x.name}`,
      what: `parts of ${sizes.join(', ')} do not make up size ${x.shape[normal]}`,
    });
  }
  const outputs = sizes.map((size) => ({
    dtype: x.dtype,
    shape: x.shape.map((dim, i) => (i === normal ? size : dim)),
  }));
  return x.graph.node('Split', [x, x.graph.constant(sizes, 'int64')], outputs, { axis: normal });
}

/** Rows of `x` (along axis 0) at `indices`, int64 of any shape. */
export function gather(x: Value, indices: Value): Value {
  const shape = [...indices.shape, ...x.shape.slice(1)];
  return x.graph.node('Gather', [x, indices], [{ dtype: x.dtype, shape }], { axis: 0 })[0];
}

/**
 * `base` with `updates[i]` added at row `indices[i]`; the same row may come several times.
 * The gradient of `gather`. ScatterElements adds in order: the sum is the same in every run.
 */
export function scatterAdd(base: Value, indices: Value, updates: Value): Value {
  const rows = product(indices.shape);
  const rest = base.shape.slice(1);
  const flat = reshape(updates, [rows, ...rest]);
  const spread = expand(reshape(indices, [rows, ...rest.map(() => 1)]), [rows, ...rest]);
  return base.graph.node(
    'ScatterElements',
    [base, spread, flat],
    [{ dtype: base.dtype, shape: base.shape }],
    {
      axis: 0,
      reduction: 'add',
    },
  )[0];
}

/** A tensor of one value, of known or symbolic shape. */
export function filled(like: Value, shape: Shape, number: number): Value {
  return expand(
    reshape(
      scalar(like, number),
      shape.map(() => 1),
    ),
    shape,
  );
}

// --- normalisation and position ---------------------------------------------------------

/**
 * x / rms(x) · scale over the last axis. Contributed, float32.
 * @returns [y, 1/rms(x) of shape [..., 1]]
 */
export function simplifiedLayerNormalization(x: Value, scale: Value, epsilon: number): [Value, Value] {
  const attributes: Record<string, Attribute> = { axis: -1, epsilon: { float: epsilon }, stash_type: 1 };
  const [y, inverse] = x.graph.node(
    'SimplifiedLayerNormalization',
    [x, scale],
    [
      { dtype: x.dtype, shape: x.shape },
      { dtype: x.dtype, shape: [...x.shape.slice(0, -1), 1] },
    ],
    attributes,
  );
  return [y, inverse];
}

/**
 * Rotates pairs (i, i + R/2) of each head's first R dimensions by its position. Contributed, float32.
 * @param x         [B, T, N·H]
 * @param positions int64 [B, T]
 * @param cos       [P, R/2], as is `sin`
 * @param heads     N; needed where R is less than H
 */
export function rotaryEmbedding(x: Value, positions: Value, cos: Value, sin: Value, heads?: number): Value {
  requireSameShape(cos, sin, 'RotaryEmbedding');
  const partial: Record<string, Attribute> =
    heads === undefined ? {} : { num_heads: heads, rotary_embedding_dim: 2 * (cos.shape[1] as number) };
  return x.graph.node(
    'RotaryEmbedding',
    [x, positions, cos, sin],
    [{ dtype: x.dtype, shape: x.shape }],
    { interleaved: 0, ...partial },
    'com.microsoft',
  )[0];
}
